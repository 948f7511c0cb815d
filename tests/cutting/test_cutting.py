# SPDX-License-Identifier: Apache-2.0
"""Cutting keeps the function: head(extractor(x)) is the model's answer. What cannot be cut is refused by name."""

from typing import Any

import numpy as np
import pytest
from cut_models import assert_same_function, shaken

from tinytl.cutting.head_layers import LEARNABLE
from tinytl.cutting.keras_cut import cut, list_plans
from tinytl.errors import ModelError

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers


def features(*, pool: bool = False) -> list[Any]:
    """Begin a sequential model: 6×6×1 image to a 4×4×3 map, then one vector."""
    return [
        keras.Input((6, 6, 1)),
        layers.Conv2D(3, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(name="pool") if pool else layers.Flatten(name="flat"),
    ]


def sequential(*tail: Any, pool: bool = False, name: str = "m") -> Any:
    return shaken(keras.Sequential([*features(pool=pool), *tail], name=name))


def test_small_model_of_the_thesis_trains_263424_macs() -> None:
    import tinytl_models

    parts = cut(tinytl_models.build("thesis-small", input_shape=(32, 32, 1), classes=10), "fc")
    assert parts.trainable_macs == 263_424
    assert parts.trainable_macs * 3.2 / 1000 == pytest.approx(843, abs=0.5)
    assert parts.frozen_macs == 38_043_648
    assert parts.trainable_layers == ("hidden", "logits")
    assert parts.extractor.output.shape == (None, 4, 4, 128)


@pytest.mark.parametrize("plan", ["last-dense", "fc"])
def test_sequential_model(tiny_model: Any, plan: str) -> None:
    parts = assert_same_function(tiny_model, plan)
    assert [layer.weights.shape for layer in parts.head.layers] == ([(4, 16)] if plan == "last-dense" else [(16, 108), (4, 16)])
    assert parts.head.layers[-1].activation == "none"
    assert parts.frozen_macs + parts.trainable_macs == 36 * 72 + 36 * 72 + 36 * 96 + 108 * 16 + 64


def test_list_plans_names_fc_only_where_it_trains_more(tiny_model: Any) -> None:
    assert list_plans(tiny_model)[:4] == ("last-dense", "fc", "fc+conv1:25%", "fc+conv1")
    assert list_plans(sequential(layers.Dense(2), pool=True)) == ("last-dense", "all", "bias-only", "bias+last-dense")


def test_functional_model_with_a_residual_block_in_the_extractor() -> None:
    image = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="a")(image)
    x = layers.ReLU()(x + layers.SeparableConv2D(4, 3, padding="same", name="b")(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(5, activation="relu6", name="hidden")(x)
    parts = assert_same_function(shaken(keras.Model(image, layers.Dense(3, name="out")(x), name="res")), "fc")
    assert parts.extractor.output.shape == (None, 4)
    assert parts.frozen_macs == 64 * 9 * 2 * 4 + 64 * (9 * 4 + 4 * 4)
    assert parts.head.layers[0].activation == "relu6"


def test_nested_models_are_flattened_and_training_layers_vanish() -> None:
    inner = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, name="conv"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(4, name="dense"),
        ],
        name="inner",
    )
    image = keras.Input((6, 6, 1))
    x = layers.RandomFlip()(image)
    x = keras.Model(inner.inputs[0], inner.outputs[0], name="wrapped")(x)
    x = layers.ReLU(name="act")(x)
    model = shaken(keras.Model(image, layers.Dense(2, name="dense")(layers.Dropout(0.2)(x)), name="outer"))
    parts = assert_same_function(model, "fc")
    assert parts.frozen_layers == ("conv",)
    assert parts.trainable_layers == ("dense", "act", "dense_2")
    assert parts.head.layers[0].activation == "relu"


def test_the_model_is_not_touched(tiny_model: Any) -> None:
    before = [np.array(weight) for weight in tiny_model.get_weights()]
    parts = cut(tiny_model, "last-dense")
    parts.extractor.set_weights([0 * weight for weight in parts.extractor.get_weights()])
    assert all(np.array_equal(a, b) for a, b in zip(before, tiny_model.get_weights(), strict=True))
    assert tiny_model.layers[0].output is not None


@pytest.mark.parametrize(
    "tail",
    [
        lambda: [layers.Dense(5), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)],
        lambda: [
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ],
        lambda: [
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.BatchNormalization(scale=False),
            layers.Dense(3),
        ],
        lambda: [
            layers.Dense(5, use_bias=False),
            layers.BatchNormalization(center=False),
            layers.ReLU(6.0),
            layers.Dense(3),
            layers.Softmax(),
        ],
        lambda: [
            layers.Dense(5),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(3),
            layers.BatchNormalization(),
        ],
        lambda: [
            layers.Dense(5, activation="relu"),
            layers.Flatten(),
            layers.Reshape((5,)),
            layers.Dense(3),
            layers.Activation("softmax"),
        ],
        lambda: [layers.BatchNormalization(), layers.Dense(5), layers.Dense(3)],
    ],
)
def test_batch_norm_and_activations_fold_into_the_head(tail: Any) -> None:
    model = sequential(*tail(), pool=True)
    parts = assert_same_function(model, "fc")
    assert [layer.weights.shape for layer in parts.head.layers] == [(5, 3), (3, 5)]
    assert_same_function(model, "last-dense")


def test_a_channels_first_flatten_stays_in_the_extractor() -> None:
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(3, 3), layers.Flatten(data_format="channels_first"), layers.Dense(2)])
    parts = assert_same_function(shaken(model), "fc")
    assert parts.extractor.output.shape == (None, 48)


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Layer):  # type: ignore[misc]
    """A custom layer."""

    def call(self, inputs: Any) -> Any:
        return 2.0 * inputs


class Uncopyable(layers.Layer):  # type: ignore[misc]
    """A custom layer whose get_config forgets its argument."""

    def __init__(self, factor: float, **others: Any) -> None:
        super().__init__(**others)
        self.factor = factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    def call(self, inputs: Any) -> Any:
        return self.factor * inputs


def refusal(model: Any, plan: str) -> str:
    with pytest.raises(ModelError) as caught:
        cut(model, plan)
    return str(caught.value)


NAMES = "one of last-dense, fc, fc+convN, fc+conv1:P%, all, bias-only[:N], bias+last-dense[:N]"


@pytest.mark.parametrize(
    "plan",
    [
        "fc+conv0",
        "FC",
        "",
        "fc+conv",
        "fc+conv:25%",
        "fc+conv1:25",
        "fc+conv1:05%",
        "fc:25%",
        "bias-only:",
        "bias-only:0",
        "bias-only:2:25%",
        "bias-only2",
    ],
)
def test_an_unknown_plan_is_refused(tiny_model: Any, plan: str) -> None:
    text = refusal(tiny_model, plan)
    assert text == f"plan {plan!r}; expected {NAMES}\nhint: tinytl plans RUN lists what a model can be cut by"


def test_a_custom_layer_between_the_dense_names_the_plan_that_works() -> None:
    model = sequential(layers.Dense(4), Doubled(name="twice"), layers.Dense(2))
    assert refusal(model, "fc") == (
        "plan 'fc' cannot cut model 'm': layer 'twice' (Doubled) cannot be part of the head: "
        f"the learner has no such layer; expected {LEARNABLE}\nhint: nearest plan that works: last-dense"
    )
    assert_same_function(model, "last-dense")


def test_a_custom_layer_at_the_end_leaves_no_plan() -> None:
    model = sequential(layers.Dense(2), Doubled(name="twice"))
    text = refusal(model, "last-dense")
    assert "layer 'twice' (Doubled) cannot be part of the head" in text
    assert text.endswith("hint: no plan of this version works for this model")
    assert list_plans(model) == ()


@pytest.mark.parametrize(
    ("tail", "text"),
    [
        (
            lambda: [layers.Dense(4, activation="tanh", name="t"), layers.Dense(2)],
            "layer 't' (Dense) cannot be part of the head: activation 'tanh' cannot be learned through",
        ),
        (
            lambda: [layers.Dense(4), layers.ReLU(2.0, name="r"), layers.Dense(2)],
            "layer 'r' (ReLU) cannot be part of the head: only relu and relu6 can be learned through",
        ),
        (
            lambda: [layers.Dense(4, activation="softmax"), layers.Dense(2, name="d")],
            "layer 'd' (Dense) cannot be part of the head: it comes after a softmax",
        ),
        (
            lambda: [layers.Dense(2, activation="relu", name="d")],
            "layer 'd' (Dense) cannot be part of the head: no Dense comes after it; expected logits or a softmax at the end",
        ),
        (lambda: [layers.Dense(2) for _ in range(65)], "the head has 65 layers; expected 1 to 64"),
    ],
)
def test_what_the_learner_cannot_pass_is_refused(tail: Any, text: str) -> None:
    assert text in refusal(sequential(*tail()), "fc")


def test_no_dense_at_the_end_is_refused() -> None:
    model = shaken(keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(name="gap")], name="m"))
    text = "plan 'last-dense' cannot cut model 'm': it ends in layer 'gap' (GlobalAveragePooling2D); "
    assert refusal(model, "last-dense").startswith(text + "expected a Dense with linear or softmax activation at its end")


def test_nothing_to_freeze_is_refused() -> None:
    model = keras.Sequential([keras.Input((9,)), layers.Dense(4, name="first"), layers.Dense(2)], name="mlp")
    text = "plan 'fc' cannot cut model 'mlp': nothing is left to freeze before layer 'first' (Dense); "
    assert (
        refusal(model, "fc")
        == text + "expected layers before the first trained one, or plan 'all'\nhint: nearest plan that works: last-dense"
    )


def test_a_branch_of_dense_layers_is_joined_in_the_head() -> None:
    image = keras.Input((6, 6, 1))
    x = layers.Flatten(name="flat")(layers.Conv2D(2, 3)(image))
    both = layers.Concatenate(name="join")([layers.Dense(3, name="left")(x), x, layers.Dense(2, name="right")(x)])
    model = shaken(keras.Model(image, layers.Dense(2, name="end")(both), name="fork"))
    parts = assert_same_function(model, "fc")
    assert [(layer.name, parts.head.inputs_of(number)) for number, layer in enumerate(parts.head.layers)] == [
        ("left", (0,)), ("join/1", (1, 0)), ("right", (0,)), ("join", (2, 3)), ("end", (4,)),
    ]  # fmt: skip
    assert parts.head.shapes == ((1, 1, 32), (1, 1, 3), (1, 1, 35), (1, 1, 2), (1, 1, 37), (1, 1, 2))


def test_tensors_joined_along_another_axis_are_refused() -> None:
    image = keras.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, name="conv")(layers.Conv2D(2, 1)(image))
    for inputs, axis, reason in (
        ([x, x], 1, "it joins along axis 1; expected the last axis, the channels"),
        ([x], -1, "it joins a single tensor; expected two or more"),
    ):
        x = layers.Concatenate(axis=axis, name="join")(inputs)
        model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)), name="fork")
        assert f"layer 'join' (Concatenate) cannot be part of the head: {reason}" in refusal(model, "fc+conv1")


def test_models_that_are_no_graph_are_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    assert refusal(Own(name="own"), "fc") == "model 'own' is a subclass of keras.Model; expected a functional or sequential model"
    unbuilt = keras.Sequential([layers.Dense(2)], name="open")
    assert refusal(unbuilt, "fc") == "model 'open' has no input shape yet; expected a built model\nhint: begin it with keras.Input"
    image = keras.Input((None, None, 1))
    free = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(image)), name="free")
    assert refusal(free, "fc").startswith("input of model 'free' has the open shape (None, None, 1); expected a fixed height")


def test_several_ends_are_refused() -> None:
    image = keras.Input((4,))
    x = layers.Dense(3)(image)
    assert (
        refusal(keras.Model(image, [x, layers.Dense(2)(x)], name="two"), "fc")
        == "model 'two' has 2 outputs; expected one\nhint: build a keras.Model with one of the outputs"
    )
    other = keras.Input((4,))
    assert (
        refusal(keras.Model([image, other], layers.Dense(2)(image + other), name="pair"), "fc")
        == "model 'pair' has 2 inputs; expected one\nhint: a sample is one array: give the model one input that it takes apart itself"
    )


def test_a_layer_that_cannot_be_copied_is_named() -> None:
    model = keras.Sequential([*features(), Uncopyable(2.0, name="scale"), layers.Dense(2)], name="m")
    text = refusal(model, "fc")
    assert text.startswith("layer 'scale' (Uncopyable) cannot be copied: ")
    assert text.endswith("expected get_config() with all arguments of its constructor")
