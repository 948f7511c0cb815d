# SPDX-License-Identifier: Apache-2.0
"""Plans that train a part of a convolution's channels: what is cut in two keeps the function; which channels; what is refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cut_models
import numpy as np
import pytest
from cut_models import assert_same_function, noise, shaken

import tinytl_models
from thinning import thinned
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import compile_bundle
from tinytl.cutting.channel_energy import gradient_energy
from tinytl.cutting.cut import TrainedChannels
from tinytl.cutting.keras_cut import KerasCut, cut, list_plans
from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.exporting.export import export_model
from tinytl.head.forward import logits
from tinytl.tflite.interpreter import Interpreter

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
layers = keras.layers


def told(parts: KerasCut) -> list[tuple[str, str, str]]:
    return [(each.name, each.kind, each.activation) for each in parts.head.layers]


@pytest.mark.parametrize("percent", thinned([50, 25, 99], every=3))
@pytest.mark.parametrize(
    "build", [cut_models.plain_cnn, cut_models.residual, cut_models.mobile, cut_models.waves, cut_models.nested, cut_models.woven]
)
def test_a_part_answers_as_the_whole(build: Callable[[], Any], percent: int) -> None:
    model = shaken(build())
    whole = cut(model, "fc+conv1")
    parts = assert_same_function(model, f"fc+conv1:{percent}%")
    assert_same_function(model, f"fc+conv1:{percent}%", dropout=True)
    assert parts.channels is not None
    assert len(parts.channels.numbers) == parts.channels.of * percent // 100
    assert parts.head.trained_count < whole.head.trained_count


@pytest.mark.parametrize("name", ["ds-cnn", "thesis-small"])
def test_a_part_of_the_zoo(name: str) -> None:
    card = tinytl_models.card(name)
    model = shaken(tinytl_models.build(name, input_shape=card.default_shape, classes=10))
    assert_same_function(model, "fc+conv1:25%")


def test_frozen_channels_are_pooled_before_they_cross() -> None:
    parts = assert_same_function(shaken(cut_models.mobile()), "fc+conv1:25%")
    assert parts.head.feature_shapes == ((2, 2, 8), (1, 1, 9))
    assert told(parts) == [
        ("pointwise4", "conv_2d", "relu6"), ("mean", "average_pool", "none"), ("pointwise4_joined", "concatenate", "none"),
        ("logits", "dense", "none"),
    ]  # fmt: skip
    assert parts.head.trained_count == (8 * 3 + 3) + (12 * 7 + 7)
    assert parts.frozen_layers[-4:] == ("pointwise4_frozen", "pointwise4_norm_frozen", "pointwise4_relu_frozen", "mean_frozen")
    assert parts.frozen_macs + parts.trainable_macs == sum(
        getattr(cut(shaken(cut_models.mobile()), "fc+conv1"), f"{each}_macs") for each in ("frozen", "trainable")
    )


def test_of_a_shortcut_the_same_channels_cross() -> None:
    """The shortcut's convolution is read by the addition alone: it is made twice, with some channels each, and costs nothing more."""
    model = shaken(cut_models.residual())
    parts = assert_same_function(model, "fc+conv1:25%")
    assert parts.head.feature_shapes == ((4, 4, 8), (4, 4, 2), (1, 1, 6))
    assert told(parts) == [
        ("main3b", "conv_2d", "none"), ("add3", "add", "relu"), ("pool", "average_pool", "none"), ("main3b_joined", "concatenate", "none"),
        ("classes", "dense", "none"),
    ]  # fmt: skip
    assert {"shortcut3_frozen", "shortcut3_trained", "add3_frozen"} <= set(parts.frozen_layers)
    assert "shortcut3" not in parts.frozen_layers
    whole = cut(model, "fc+conv1")
    assert parts.frozen_macs + parts.trainable_macs == whole.frozen_macs + whole.trainable_macs


def identity_block(rank: int) -> Any:
    """A residual block whose shortcut others read too."""
    convolution, pool = (layers.Conv1D, layers.GlobalMaxPooling1D) if rank == 1 else (layers.Conv2D, layers.GlobalMaxPooling2D)
    image = keras.Input((8,) * rank + (3,))
    x = convolution(8, 3, padding="same", activation="relu", name="stem")(image)
    y = convolution(8, 3, padding="same", name="main")(convolution(8, 3, padding="same", activation="relu", name="inner")(x))
    x = layers.ReLU(name="relu")(layers.Add(name="sum")([y, layers.BatchNormalization(name="norm")(x)]))
    return keras.Model(image, layers.Dense(3, name="logits")(pool(name="largest")(x)), name="identity")


@pytest.mark.parametrize("rank", [1, 2])
def test_channels_of_a_shortcut_that_others_read_are_picked(rank: int) -> None:
    parts = assert_same_function(shaken(identity_block(rank)), "fc+conv1:50%")
    assert parts.head.feature_shapes[1][2] == 4
    assert parts.frozen_layers.count("norm") == 0
    assert {"norm_frozen", "norm_trained", "norm_picks", "norm_picks_2"} <= set(parts.frozen_layers)


def test_vectors_are_picked_too() -> None:
    image = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, activation="relu", name="stem")(image)
    vector = layers.GlobalMaxPooling2D(name="short")(x)
    y = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(4, 3, name="last")(x))
    x = layers.Concatenate(name="ends")([layers.Add(name="sum")([y, vector]), vector, y])
    model = shaken(keras.Model(image, layers.Dense(3, name="logits")(x)))
    parts = assert_same_function(model, "fc+conv1:50%")
    assert {"sum_picks", "sum_picks_2"} <= set(parts.frozen_layers)
    assert [kind for _, kind, _ in told(parts)].count("concatenate") == 4


def test_what_is_behind_the_joined_tensor_keeps_its_order() -> None:
    """A Dropout joins; then come an addition of a frozen tensor, a batch-norm before and one behind Flatten, a Reshape, two Dense."""
    image = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, activation="relu", name="stem")(image)
    y = layers.Dropout(0.5, name="drop")(layers.Conv2D(4, 3, padding="same", name="last")(x))
    x = layers.MaxPooling2D(2, name="pool")(layers.BatchNormalization(name="norm1")(layers.Add(name="sum")([x, y])))
    x = layers.BatchNormalization(name="norm2")(layers.ReLU(name="relu")(layers.Flatten(name="flat")(layers.Reshape((4, 1, 4))(x))))
    x = layers.Dense(3, name="logits")(layers.Dense(5, activation="relu", name="hidden")(x))
    model = shaken(keras.Model(image, layers.Activation("softmax", name="end")(x)))
    parts = assert_same_function(model, "fc+conv1:50%", dropout=True)
    assert [name for name, _, _ in told(parts)] == ["last", "last_joined", "drop", "sum", "norm1", "pool", "relu", "hidden", "logits"]
    assert "sum_picks" in parts.frozen_layers
    assert_same_function(model, "fc+conv1:50%")


def test_the_channels_with_the_most_energy_train() -> None:
    model = shaken(cut_models.residual())
    parts = cut(model, "fc+conv1:50%", channel_energy=np.array([0, 9, 1, 1, 8, 1, 0, 7]))
    assert parts.channels == TrainedChannels("main3b", 8, (1, 2, 4, 7))
    norms = np.linalg.norm(cut(model, "fc+conv1").head.layers[0].weights.reshape(8, -1), axis=1)  # type: ignore[union-attr]
    assert cut(model, "fc+conv1:25%").channels == TrainedChannels("main3b", 8, tuple(sorted(np.argsort(norms)[-2:].tolist())))
    whole, weights = cut(model, "fc+conv1").head.layers[0], parts.head.layers[0].weights
    assert np.array_equal(weights, whole.weights[[1, 2, 4, 7]])  # type: ignore[index]
    assert cut(model, "fc+conv1").channels is None


@pytest.mark.parametrize("depthwise", [False, True])
def test_energy_is_the_sum_of_squared_gradients_of_what_the_head_trains(depthwise: bool) -> None:
    """Convolution, batch-norm, mean, Dense: the gradient of a sample can be written down."""
    image = keras.Input((4, 4, 3))
    last = layers.DepthwiseConv2D(2, name="last") if depthwise else layers.Conv2D(3, 2, name="last")
    x = layers.BatchNormalization(name="norm")(last(layers.Rescaling(2.0, 1.0)(image)))
    model = shaken(keras.Model(image, layers.Dense(4, activation="softmax", name="classes")(layers.GlobalAveragePooling2D()(x))))
    model.get_layer("norm").gamma.assign([0.5, 0.0, -3.0])
    data = noise((4, 4, 3), 4, 12)
    real = data.x_train / np.float32(255)
    taps = [2.0 * real[:, y : y + 3, x : x + 3].mean(axis=(1, 2)) + 1.0 for y in (0, 1) for x in (0, 1)]
    means = np.square(taps).sum(axis=0)
    error = np.asarray(model(real)) - np.eye(4)[data.y_train]
    gradients = error @ np.asarray(model.get_layer("classes").kernel).T
    wanted = (np.square(gradients) * (1.0 + (means if depthwise else means.sum(axis=1, keepdims=True)))).sum(axis=0)
    found = gradient_energy(model, "fc+conv1:50%", data, value_range=(0.0, 1.0))
    np.testing.assert_allclose(found, wanted * [1, 0, 1], rtol=1e-4)
    assert np.array_equal(found, gradient_energy(model, "fc+conv1:50%", data, value_range=(0.0, 1.0)))
    some = gradient_energy(model, "fc+conv1:50%", data, value_range=(0.0, 1.0), samples=3)
    assert (some < found)[[0, 2]].all()


def answers(bundle: Bundle) -> np.ndarray:
    """What the check inputs give: extractor, dequantize, head."""
    inputs = bundle.check_inputs.reshape(-1, *bundle.manifest["input"]["shape"])
    features = [
        (answer.astype(np.float32) - record["zero_point"]) * np.float32(record["scale"])
        for answer, record in zip(Interpreter(bundle.extractor).run(inputs), bundle.manifest["features"], strict=True)
    ]
    return logits(bundle.head, features)


def test_a_part_becomes_a_bundle_that_says_which(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    made = {
        plan: export_model(tiny_model, tiny_dataset, plan=plan, out=tmp_path / "x.tinytl", model_name="own", value_range=(0.0, 1.0))
        for plan in ("fc+conv1", "fc+conv1:25%")
    }
    whole, part = made["fc+conv1"], read_bundle(tmp_path / "x.tinytl")
    energy = gradient_energy(tiny_model, "fc+conv1:25%", tiny_dataset, value_range=(0.0, 1.0))
    strongest = sorted(np.argsort(energy)[-3:].tolist())
    assert part.manifest["trained_channels"] == {"layer": "pointwise", "of": 12, "numbers": strongest, "chosen_with": "tiny"}
    assert "trained_channels" not in whole.manifest
    assert part.manifest["source"]["accuracy_int8"] > 0.9
    agree = answers(part).argmax(axis=1)[:24] == answers(whole).argmax(axis=1)[:24]
    assert agree.mean() > 0.95
    assert compile_bundle(part).arena_bytes < compile_bundle(whole).arena_bytes


@pytest.mark.long
def test_a_shortcut_that_is_picked_becomes_a_bundle(tmp_path: Path) -> None:
    model, data = shaken(identity_block(2)), noise((8, 8, 3))
    bundle = export_model(model, data, plan="fc+conv1:50%", out=tmp_path / "x.tinytl", model_name="i", value_range=(0.0, 1.0))
    real = np.asarray(
        model(
            (bundle.check_inputs.reshape(-1, 8, 8, 3) - np.float32(bundle.manifest["input"]["zero_point"]))
            * np.float32(bundle.manifest["input"]["scale"])
        )
    )
    assert np.abs(answers(bundle) - real).max() < 0.05 * np.abs(real).max()


ANOTHER_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from cut_models import noise, residual, shaken
from tinytl.exporting.export import export_model
export_model(
    shaken(residual()), noise((16, 16, 3), 5), plan="fc+conv1:25%", out=Path(sys.argv[2]), model_name="r", value_range=(0.0, 1.0)
)
"""


@pytest.mark.long
def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    made = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        out = tmp_path / place / "r.tinytl"
        paths = os.pathsep.join(path for path in sys.path if path)
        arguments = [sys.executable, "-c", ANOTHER_PROCESS, str(Path(__file__).parent), str(out)]
        done = subprocess.run(arguments, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_a_target_can_choose_the_channels(tmp_path: Path) -> None:
    model, source = shaken(cut_models.residual()), noise((16, 16, 3), 5)
    images = np.random.default_rng(9).integers(0, 256, (40, 16, 16, 3), np.uint8)
    target = Dataset("target", images, np.full(40, 3), images, np.full(40, 3), tuple("abcde"))
    made = export_model(
        model, source, plan="fc+conv1:25%", out=tmp_path / "r.tinytl", model_name="r", value_range=(0.0, 1.0), channel_dataset=target
    )
    energy = gradient_energy(model, "fc+conv1:25%", target, value_range=(0.0, 1.0))
    found = made.manifest["trained_channels"]
    assert (found["chosen_with"], found["numbers"]) == ("target", sorted(np.argsort(energy)[-2:].tolist()))


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(ModelError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize("percent", ["0", "100", "101"])
def test_a_percentage_that_is_no_part_is_refused(percent: str) -> None:
    assert refusal(lambda: cut(cut_models.plain_cnn(), f"fc+conv1:{percent}%")) == (
        f"plan 'fc+conv1:{percent}%' trains {percent} % of a convolution's channels; expected 1 to 99 %\n"
        "hint: plan fc+conv1 trains all of them, plan fc none"
    )


def test_a_part_of_another_convolution_is_refused() -> None:
    assert refusal(lambda: cut(cut_models.residual(), "fc+conv2:25%")) == (
        "plan 'fc+conv2:25%' trains a part of the channels in front of a convolution that trains whole; "
        "expected fc+conv1:P%, a part of the last convolution's\nhint: plan fc+conv2 trains all channels of 2 convolutions"
    )


def test_a_percentage_that_leaves_no_channel_is_refused() -> None:
    assert refusal(lambda: cut(cut_models.residual(), "fc+conv1:12%")) == (
        "plan 'fc+conv1:12%' cannot cut model 'residual': 12 % of the 8 channels of layer 'main3b' (Conv2D) is none; "
        "expected 13 % or more for this plan\nhint: nearest plan that works: fc+conv1:25%"
    )
    assert len(cut(cut_models.residual(), "fc+conv1:13%").channels.numbers) == 1  # type: ignore[union-attr]


def test_layers_that_take_channels_together_are_refused() -> None:
    text = refusal(lambda: cut(cut_models.braided(), "fc+conv1:50%"))
    assert re.sub(r"'add_\d+'", "'add'", text) == (  # Keras numbers the layer that `a + b` makes
        "plan 'fc+conv1:50%' cannot cut model 'braided': layer 'add' (Add) takes channels together, those that train and those that do not; "
        "expected layers that work channel by channel (batch-norm, activations, additions, pooling), then Flatten or Dense\n"
        "hint: nearest plan that works: fc+conv1"
    )
    image = keras.Input((4, 4, 2))
    x = layers.Conv2D(6, 1, name="last")(layers.Conv2D(3, 1, name="first")(image))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Reshape((8, 3, 4), name="mixed")(x))), name="m")
    assert "layer 'mixed' (Reshape) takes channels together" in refusal(lambda: cut(model, "fc+conv1:50%"))
    assert "fc+conv1:25%" not in list_plans(model)


def test_what_the_whole_plan_refuses_a_part_of_it_does_too() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(8, 3, name="first"), layers.Flatten(), layers.Dense(2)], name="m")
    assert refusal(lambda: cut(model, "fc+conv1:25%")) == (
        "plan 'fc+conv1:25%' cannot cut model 'm': nothing is left to freeze before layer 'first' (Conv2D); "
        "expected layers before the first trained one, or plan 'all'\nhint: nearest plan that works: fc"
    )


def test_energies_that_do_not_fit_are_refused() -> None:
    model = cut_models.residual()
    tail = "; expected 8 finite numbers, one for each channel of layer 'main3b' (Conv2D)\nhint: tinytl.cutting.channel_energy.gradient_energy computes them"
    start = "plan 'fc+conv1:25%' cannot cut model 'residual': channel energies "
    assert refusal(lambda: cut(model, "fc+conv1:25%", channel_energy=np.ones(7))) == f"{start}of shape (7,){tail}"
    assert refusal(lambda: cut(model, "fc+conv1:25%", channel_energy=np.full(8, np.nan))) == f"{start}with NaN or infinity{tail}"
    assert refusal(lambda: cut(model, "fc+conv1", channel_energy=np.ones(8))) == (
        "plan 'fc+conv1' trains all channels and got energies to choose some by; expected a plan like fc+conv1:25%"
    )


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model, five, six = cut_models.residual(), noise((16, 16, 3), 5), noise((16, 16, 3), 6)
    assert refusal(lambda: gradient_energy(model, "fc+conv1", five, value_range=(0.0, 1.0))) == (
        "plan 'fc+conv1' trains all channels; expected a plan like fc+conv1:25%"
    )
    assert refusal(lambda: gradient_energy(model, "fc+conv1:25%", six, value_range=(0.0, 1.0))) == (
        "labels 0 to 5 to choose channels with; expected labels from 0 to 4, the model's outputs"
    )
    assert refusal(lambda: gradient_energy(model, "fc+conv1:25%", five, value_range=(0.0, 1.0), samples=0)) == (
        "no samples to choose channels with; expected labels from 0 to 4, the model's outputs"
    )
    out = tmp_path / "x.tinytl"
    assert refusal(lambda: export_model(model, five, plan="fc", out=out, model_name="r", value_range=(0.0, 1.0), channel_dataset=five)) == (
        "plan 'fc' trains all channels and got a dataset to choose some with; expected a plan like fc+conv1:25%"
    )
