# SPDX-License-Identifier: Apache-2.0
"""Plans that train convolutions or biases: every one keeps the function; what crosses the cut, what folds, what is refused."""

from collections.abc import Callable
from typing import Any

import cut_models
import numpy as np
import pytest
from cut_models import assert_same_function, shaken

import tinytl_models
from thinning import thinned
from tinytl.cutting.head_layers import LEARNABLE
from tinytl.cutting.keras_cut import KerasCut, cut, list_plans
from tinytl.cutting.plan_names import convolutions
from tinytl.errors import ModelError
from tinytl.head.layers import HeadLayer
from tinytl.keras_graph import flatten

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers


def named(parts: KerasCut) -> dict[str, HeadLayer]:
    return {layer.name: layer for layer in parts.head.layers}


def assert_all_plans_work(model: Any, plans: tuple[str, ...]) -> None:
    """The listed ones are these, and each answers as the model."""
    assert list_plans(model) == plans
    trained = {plan: assert_same_function(model, plan).head.trained_count for plan in plans}
    whole = [trained[plan] for plan in plans if not plan.startswith("bias")]
    assert whole == sorted(whole)
    assert trained["bias-only"] < trained["bias+last-dense"] < trained["all"]


def up_to(count: int, *, fc: bool, part: bool = True) -> tuple[str, ...]:
    """All plans of a model with `count` convolutions that does not begin with the last of them; part: its channels can be cut in two."""
    first = ("last-dense", *(["fc"] if fc else []), *(["fc+conv1:25%"] if part else []))
    return (*first, *(f"fc+conv{number}" for number in range(1, count + 1)), "all", "bias-only", "bias+last-dense")


@pytest.mark.parametrize(
    ("build", "plans"),
    thinned(
        [
            (cut_models.plain_cnn, up_to(1, fc=True)),
            (cut_models.residual, up_to(8, fc=False)),
            (cut_models.mobile, up_to(8, fc=False)),
            (cut_models.waves, up_to(3, fc=True)),
            (cut_models.braided, up_to(4, fc=False, part=False)),
            (cut_models.nested, up_to(1, fc=False)),
        ],
        every=2,
        names=2,
    ),
)
def test_every_plan_of_every_model(build: Callable[[], Any], plans: tuple[str, ...]) -> None:
    assert_all_plans_work(shaken(build()), plans)


@pytest.mark.parametrize(("name", "count"), [("ds-cnn", 6), pytest.param("thesis-small", 5, marks=pytest.mark.long)])
def test_every_plan_of_the_zoo(name: str, count: int) -> None:
    card = tinytl_models.card(name)
    model = shaken(tinytl_models.build(name, input_shape=card.default_shape, classes=10))
    assert_all_plans_work(model, up_to(count, fc=name == "thesis-small"))
    assert set(card.plans) <= set(list_plans(model))


def test_every_plan_of_gestures() -> None:
    """Behind the Reshape there is nothing to freeze, so that `fc+conv3` is all."""
    card = tinytl_models.card("gesture-cnn")
    plans = ("last-dense", "fc+conv1:25%", "fc+conv1", "fc+conv2", "fc+conv3", "bias-only", "bias+last-dense")
    model = shaken(tinytl_models.build(card.name, input_shape=card.default_shape, classes=4))
    assert list_plans(model) == plans
    trained = [assert_same_function(model, plan).head.trained_count for plan in plans[:5]]
    assert trained == sorted(trained)
    assert set(card.plans) <= set(plans)


def test_the_last_convolutions_are_the_deepest() -> None:
    found = [call.layer.name for call in convolutions(flatten(cut_models.residual()))]
    assert found == ["main3b", "main3a", "shortcut3", "main2b", "main2a", "shortcut2", "main1b", "main1a", "stem"]
    found = [call.layer.name for call in convolutions(flatten(cut_models.waves()))]
    assert found == ["separable", "separable_depthwise", "depthwise", "causal"]


def test_what_crosses_a_residual_block_becomes_two_features() -> None:
    model = shaken(cut_models.residual())
    parts = assert_same_function(model, "fc+conv1")
    assert parts.head.feature_shapes == ((4, 4, 8), (4, 4, 8))
    assert [tensor.shape for tensor in parts.extractor.outputs] == [(None, 4, 4, 8)] * 2
    assert [(each.name, each.kind, each.activation) for each in parts.head.layers] == [
        ("main3b", "conv_2d", "none"), ("add3", "add", "relu"), ("pool", "average_pool", "none"), ("classes", "dense", "none"),
    ]  # fmt: skip
    (inner,) = parts.head.inputs_of(0)
    assert set(parts.head.inputs_of(1)) == {1 - inner, 2}
    assert "shortcut3" in parts.frozen_layers
    assert assert_same_function(model, "fc+conv2").head.feature_shapes == ((8, 8, 6), (4, 4, 8))
    assert assert_same_function(model, "fc+conv3").head.feature_shapes == ((8, 8, 6),)
    assert len(assert_same_function(model, "fc+conv7").head.feature_shapes) == 2


def test_a_tensor_that_is_read_twice_is_one_feature() -> None:
    image = keras.Input((6, 6, 2))
    x = layers.ReLU(name="relu")(layers.Conv2D(4, 3, name="conv")(image))
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", name="last")(x)])
    model = shaken(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
    parts = assert_same_function(model, "fc+conv1")
    assert parts.head.feature_shapes == ((4, 4, 4),)
    assert parts.head.inputs_of(1) == (0, 1)


def test_all_takes_the_input_as_its_feature() -> None:
    parts = assert_same_function(shaken(cut_models.mobile()), "all")
    assert parts.head.feature_shapes == ((20, 20, 3),)
    assert (parts.frozen_layers, parts.frozen_macs) == ((), 0)
    x = np.random.default_rng(0).normal(size=(2, 20, 20, 3)).astype(np.float32)
    assert np.array_equal(np.asarray(parts.extractor(x)), x)
    first = parts.head.layers[0]
    assert (first.name, first.window, first.stride, first.padding, first.activation) == ("stem", (3, 3), (2, 2), (0, 1, 0, 1), "relu6")
    assert {layer.kind for layer in parts.head.layers} == {"conv_2d", "depthwise_conv_2d", "average_pool", "dense"}


def test_what_has_no_weights_before_the_first_that_has_stays_frozen() -> None:
    image = keras.Input((16,))
    x = layers.Rescaling(2.0, -1.0, name="scale")(layers.Reshape((4, 4, 1), name="shape")(image))
    x = layers.Conv2D(3, 3, name="conv")(x)
    model = shaken(keras.Model(image, layers.Dense(2)(layers.Flatten()(x)), name="m"))
    parts = assert_same_function(model, "all")
    assert (parts.frozen_layers, parts.head.feature_shapes) == (("shape", "scale"), ((4, 4, 1),))
    assert list_plans(model) == ("last-dense", "fc+conv1", "bias-only", "bias+last-dense")


def test_zero_padding_at_the_cut_goes_with_the_head() -> None:
    parts = assert_same_function(shaken(cut_models.mobile()), "fc+conv2")
    assert parts.head.feature_shapes == ((5, 5, 8),)
    assert parts.head.layers[0].padding == (0, 1, 0, 1)
    parts = assert_same_function(shaken(cut_models.waves()), "fc+conv3")
    assert parts.head.feature_shapes == ((1, 32, 8),)
    assert parts.head.layers[0].padding == (0, 0, 2, 1)


def test_one_dimension_is_a_height_of_one() -> None:
    found = named(assert_same_function(shaken(cut_models.waves()), "all"))
    assert (found["causal"].window, found["causal"].padding) == ((1, 5), (0, 0, 4, 0))
    assert (found["depthwise"].kind, found["depthwise"].weights.shape, found["depthwise"].activation) == (
        "depthwise_conv_2d",
        (1, 4, 8),
        "relu",
    )
    assert found["separable_depthwise"].kind == "depthwise_conv_2d"
    assert (found["separable"].weights.shape, found["separable"].activation) == ((12, 1, 1, 8), "relu6")
    assert (found["largest"].kind, found["largest"].window) == ("max_pool", (1, 8))
    assert found["norm1"].kind == "scale"
    assert "norm2" not in found


def test_a_separable_convolution_counts_as_its_two() -> None:
    model = shaken(cut_models.waves())
    assert "separable_depthwise" in cut(model, "fc+conv1").frozen_layers
    assert cut(model, "fc+conv2").trainable_layers[:2] == ("separable_depthwise", "separable")


def test_followers_stand_right_behind_what_they_read() -> None:
    parts = assert_same_function(shaken(cut_models.braided()), "all")
    assert [(layer.name.partition("_")[0], layer.kind, layer.activation) for layer in parts.head.layers] == [
        ("conv1", "conv_2d", "relu"), ("norm1", "scale", "none"), ("conv2", "conv_2d", "relu"), ("pool", "max_pool", "none"),
        ("separable", "depthwise_conv_2d", "none"), ("separable", "conv_2d", "none"), ("join/1", "add", "none"),
        ("conv3", "conv_2d", "none"), ("join", "add", "relu"), ("places", "conv_2d", "none"), ("add", "add", "none"),
        ("norm4", "scale", "relu"), ("logits", "dense", "none"),
    ]  # fmt: skip
    assert named(parts)["conv2"].padding == (2, 2, 2, 2)
    assert named(parts)["pool"].padding == (1, 1, 1, 1)


def test_followers_pass_layers_that_keras_calls_before_them() -> None:
    """Keras runs both convolutions, then both activations; the head runs each activation behind its convolution."""
    image = keras.Input((4, 4, 2))
    left, right = layers.Conv2D(3, 1, name="left")(image), layers.Conv2D(3, 1, name="right")(image)
    left, right = layers.AveragePooling2D(2, name="left_pool")(left), layers.AveragePooling2D(2, name="right_pool")(right)
    x = layers.Flatten()(layers.Add(name="sum")([left, right]))
    parts = assert_same_function(shaken(keras.Model(image, layers.Dense(2, name="out")(x))), "all")
    names = [layer.name for layer in parts.head.layers]
    assert names.index("left_pool") == names.index("left") + 1
    assert names.index("right_pool") == names.index("right") + 1
    assert names[4:] == ["sum", "out"]
    assert parts.head.inputs_of(4) == (names.index("left_pool") + 1, names.index("right_pool") + 1)


def test_an_activation_of_what_others_read_too_stays_a_layer() -> None:
    image = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 1, name="conv")(image)
    x = layers.Add(name="sum")([x, layers.ReLU(name="relu")(x)])
    x = layers.ReLU(6.0, name="clamp")(layers.MaxPooling2D(2, name="pool")(x))
    parts = assert_same_function(shaken(keras.Model(image, layers.Dense(2, name="out")(layers.Flatten()(x)))), "all")
    assert [(each.name, each.kind, each.activation) for each in parts.head.layers] == [
        ("conv", "conv_2d", "none"), ("relu", "activation", "relu"), ("sum", "add", "none"), ("pool", "max_pool", "none"),
        ("clamp", "activation", "relu6"), ("out", "dense", "none"),
    ]  # fmt: skip


@pytest.mark.parametrize("order", [("relu", "relu6"), ("relu6", "relu"), ("relu6", "relu6"), ("relu", "relu")])
def test_two_activations_in_a_row_are_the_narrower_one(order: tuple[str, str]) -> None:
    image = keras.Input((5,))
    x = layers.Dense(4, activation=order[0], name="hidden")(layers.Dense(4, name="first")(image))
    model = shaken(keras.Model(image, layers.Dense(2)(layers.Activation(order[1])(x))))
    parts = assert_same_function(model, "all")
    assert named(parts)["hidden"].activation == ("relu6" if "relu6" in order else "relu")


def test_bias_plans_train_biases() -> None:
    model = shaken(cut_models.residual())
    whole, biases, last = (cut(model, plan).head for plan in ("fc+conv2", "bias-only", "bias+last-dense"))
    assert [layer.name for layer in biases.layers] == [layer.name for layer in whole.layers]
    assert {layer.trains for layer in biases.layers if layer.weights is not None} == {"bias"}
    assert [layer.trains for layer in last.layers if layer.weights is not None] == ["bias", "bias", "all"]
    assert biases.trained_count == 8 + 8 + 5
    assert last.trained_count == 8 + 8 + 8 * 5 + 5
    assert cut(model, "bias-only:4").trainable_layers == cut(model, "fc+conv4").trainable_layers
    assert_same_function(model, "bias+last-dense:3")


def test_a_bias_plan_reaches_as_far_as_there_are_convolutions() -> None:
    image = keras.Input((6,))
    model = shaken(keras.Model(image, layers.Dense(2, name="b")(layers.Dense(3, activation="relu", name="a")(image)), name="mlp"))
    parts = assert_same_function(model, "bias-only")
    assert ([layer.trains for layer in parts.head.layers], parts.head.trained_count) == (["bias", "bias"], 5)


def test_dropout_stays_where_it_is_asked_for() -> None:
    model = shaken(cut_models.plain_cnn())
    parts = assert_same_function(model, "fc", dropout=True)
    first = parts.head.layers[0]
    assert (first.name, first.kind, first.rate) == ("drop", "dropout", 0.25)
    assert parts.head.feature_shapes == ((2, 3, 6),)
    assert "drop" not in named(cut(model, "fc"))
    assert [layer.kind for layer in assert_same_function(shaken(cut_models.mobile()), "fc+conv1", dropout=True).head.layers] == [
        "conv_2d", "average_pool", "dropout", "dense",
    ]  # fmt: skip


def refusal(plan: str, *tail: Any, shape: tuple[int, ...] = (8, 8, 4), end: bool = True) -> str:
    """Refuse a model of these layers with a Dense at its end."""
    behind = [layers.Flatten(), layers.Dense(2)] if end else []
    model = keras.Sequential(
        [keras.Input(shape), layers.Conv2D(4, 1, name="first") if len(shape) == 3 else layers.ReLU(), *tail, *behind], name="m"
    )
    with pytest.raises(ModelError) as caught:
        cut(model, plan)
    return str(caught.value)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: layers.UpSampling2D(2, name="x"), f"'x' (UpSampling2D) cannot be part of the head: the learner has no such layer; expected {LEARNABLE}\n"),
        (lambda: layers.Conv2DTranspose(2, 3, name="x"), "'x' (Conv2DTranspose) cannot be part of the head: the learner has no such layer; "),
        (lambda: layers.LayerNormalization(name="x"), "'x' (LayerNormalization) cannot be part of the head: the learner has no such layer; "),
        (lambda: layers.Conv2D(4, 3, groups=2, name="x"), "'x' (Conv2D) cannot be part of the head: its 2 groups cannot be learned; expected groups of 1\n"),
        (lambda: layers.Conv2D(4, 3, dilation_rate=2, name="x"), "'x' (Conv2D) cannot be part of the head: its dilation of 2×2 cannot be learned; expected dilation 1\n"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="x"), "'x' (DepthwiseConv2D) cannot be part of the head: its depth_multiplier of 2 cannot be learned; expected depth_multiplier 1\n"),
        (lambda: layers.Conv2D(4, 3, activation="tanh", name="x"), "'x' (Conv2D) cannot be part of the head: activation 'tanh' cannot be learned through; "),
        (lambda: layers.Conv2D(4, 3, activation=layers.LeakyReLU(), name="x"), "'x' (Conv2D) cannot be part of the head: activation 'LeakyReLU' cannot be learned through; "),
        (lambda: layers.ReLU(negative_slope=0.5, name="x"), "'x' (ReLU) cannot be part of the head: only relu and relu6 can be learned through; "),
        (lambda: layers.BatchNormalization(axis=1, name="x"), "'x' (BatchNormalization) cannot be part of the head: it normalizes axis 1; expected the last axis, the channels\n"),
        (lambda: layers.Flatten(data_format="channels_first", name="x"), "'x' (Flatten) cannot be part of the head: its data_format is channels_first; expected channels_last\n"),
    ],
)  # fmt: skip
def test_layers_that_the_learner_does_not_have_are_named(layer: Callable[[], Any], text: str) -> None:
    found = refusal("all", layer())
    assert found.startswith(f"plan 'all' cannot cut model 'm': layer {text}")
    assert found.endswith("\nhint: nearest plan that works: fc")


def test_zero_padding_that_nothing_takes_is_refused() -> None:
    text = "cannot be part of the head: zero padding stands before it; expected zero padding before one of Conv1D, Conv2D, DepthwiseConv1D, DepthwiseConv2D\n"
    assert f"layer 'x' (MaxPooling2D) {text}" in refusal("all", layers.ZeroPadding2D(1), layers.MaxPooling2D(2, name="x"))
    assert f"layer 'x' (AveragePooling2D) {text}" in refusal(
        "all", layers.ReLU(), layers.ZeroPadding2D(1), layers.AveragePooling2D(2, name="x")
    )
    assert f"layer 'x' (Flatten) {text}" in refusal("all", layers.ZeroPadding2D(1), layers.Flatten(name="x"))
    wide = refusal("all", layers.ZeroPadding2D(3), layers.Conv2D(2, 3, name="x"))
    assert "head layer 'x' has padding (3, 3, 3, 3); expected less than its window (3, 3)" in wide


def test_a_window_over_a_reshaped_tensor_is_refused() -> None:
    text = refusal("all", layers.Reshape((4, 4, 16)), layers.Conv2D(2, 3, name="x"))
    assert (
        "layer 'x' (Conv2D) cannot be part of the head: it reads a reshaped tensor; expected a Dense behind Flatten and Reshape\n" in text
    )
    assert text.endswith("hint: nearest plan that works: fc+conv1")


def test_other_additions_are_refused() -> None:
    image = keras.Input((4, 4, 2))
    x = layers.Conv2D(2, 1, name="conv")(image)
    joined = layers.Add(name="sum")([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(joined)), name="m")
    with pytest.raises(
        ModelError, match=r"layer 'sum' \(Add\) cannot be part of the head: it adds 4×4×2, 1×1×2; expected two or more tensors of one shape"
    ):
        cut(model, "all")
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x + 1.0)), name="m")
    with pytest.raises(ModelError, match=r"\(Add\) cannot be part of the head: it adds 4×4×2; expected two or more"):
        cut(model, "all")


def test_weights_that_two_calls_share_are_refused() -> None:
    shared, image = layers.Conv2D(2, 1, name="shared"), keras.Input((4, 4, 2))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(shared(shared(image)))), name="m")
    text = "layer 'shared' (Conv2D) cannot be part of the head: it is called more than once; expected weights that one call has for itself"
    with pytest.raises(ModelError) as caught:
        cut(model, "all")
    assert str(caught.value) == f"plan 'all' cannot cut model 'm': {text}\nhint: nearest plan that works: fc+conv1"
    assert_same_function(shaken(model), "fc+conv1")


def test_more_convolutions_than_there_are_is_refused() -> None:
    assert refusal("fc+conv3", layers.Conv2D(2, 3)) == (
        "plan 'fc+conv3' cannot cut model 'm': it has 2 convolutions; expected 3 or more for this plan\nhint: nearest plan that works: fc+conv1"
    )
    assert refusal("bias-only:9", layers.Conv2D(2, 3)).endswith("hint: nearest plan that works: bias-only:2")
    assert "it has no convolutions; expected 1 or more for this plan" in refusal("fc+conv1", shape=(5,))


def test_nothing_to_freeze_names_the_plan_that_works() -> None:
    assert refusal("fc+conv2", layers.Conv2D(2, 3)) == (
        "plan 'fc+conv2' cannot cut model 'm': nothing is left to freeze before layer 'first' (Conv2D); "
        "expected layers before the first trained one, or plan 'all'\nhint: nearest plan that works: fc+conv1"
    )


def test_a_window_that_is_too_large_is_refused() -> None:
    assert "head layer 'x' has window (1, 300), stride (1, 1), padding (0, 0, 0, 0); expected windows" in refusal(
        "all", layers.Conv1D(2, 1), layers.GlobalAveragePooling1D(name="x"), shape=(300, 2)
    )
