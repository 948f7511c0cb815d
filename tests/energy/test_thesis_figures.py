# SPDX-License-Identifier: Apache-2.0
"""The thesis's own figures come out of `tinytl energy --model thesis`: from real architectures, without a weight."""

from typing import Any

import pytest

from tinytl_bench.energy import of_model
from tinytl_bench.energy.keras_counts import keras_layers
from tinytl_bench.energy.layers import price_thesis, priced


def thesis_nj(model: Any, plan: str) -> float:
    layers, _ = keras_layers(model, plan)
    return sum(layer.forward_nj for layer in priced(layers, price_thesis))


def tail(project: tuple[int, int], top: int, classes: int) -> Any:
    """What follows the last depthwise convolution of an EfficientNet at 224: project (from, to), top convolution, pooling, classes."""
    import keras
    from keras import layers

    x = features = keras.Input((7, 7, project[0]))
    x = layers.Activation("silu", name="before")(x)
    x = layers.Conv2D(project[1], 1, use_bias=False, name="project")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(top, 1, use_bias=False, name="top")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("silu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(features, layers.Dense(classes, activation="softmax")(x))


def test_fc_of_the_small_model_with_10_classes() -> None:
    report = of_model("thesis-small", plan="fc", energy_model="thesis")
    assert sum(layer.macs for layer in report.layers if layer.trains) == 263_424
    assert report.forward_nj == pytest.approx(843, abs=0.5)
    assert report.backward_nj == report.update_nj == report.memory_nj == 0
    assert report.inference_nj is None and report.taught_nj == report.forward_nj


B0, B2 = ((1152, 320), 1280, 100), ((2112, 352), 1408, 100)


@pytest.mark.parametrize(
    ("end", "plan", "macs", "energy_nj"),
    [
        (B0, "fc+conv2", 18_063_360 + 20_070_400 + 128_000, 122_500),
        (B2, "fc+conv1", 24_285_184 + 140_800, 78_300),
        (B2, "fc", 140_800, 561),
    ],
    ids=["B0: FC, project and top convolution", "B2: FC and top convolution", "B2: FC of 100 classes"],
)
def test_ends_of_efficientnets_at_224(end: tuple[tuple[int, int], int, int], plan: str, macs: int, energy_nj: float) -> None:
    layers, learnable = keras_layers(tail(*end), plan)
    assert sum(layer.work.trainable_macs for layer in layers) == macs
    assert thesis_nj(tail(*end), plan) == pytest.approx(energy_nj, rel=5e-4)
    assert learnable == (plan == "fc")  # silu stands between what trains and the pooling


def test_the_pooling_in_front_counts_half_a_mac_for_each_of_its_sums() -> None:
    pooling = 7 * 7 * 1408 / 2
    assert thesis_nj(tail(*B2), "fc") == pytest.approx((140_800 + pooling) * 3.2 / 1000)
    assert pytest.approx(450.56) == 140_800 * 3.2 / 1000  # without it, which is not the thesis's figure


@pytest.mark.long
def test_whole_efficientnets_have_those_ends() -> None:
    shape = {"classes": 100, "input_shape": (224, 224, 3), "energy_model": "thesis"}
    assert of_model("EfficientNetB0", plan="fc+conv2", **shape).forward_nj == pytest.approx(122_500, rel=5e-4)
    assert of_model("efficientnet-b2", plan="fc+conv1", **shape).forward_nj == pytest.approx(78_300, rel=5e-4)
    assert of_model("EfficientNetB2", plan="fc", **shape).forward_nj == pytest.approx(561, rel=5e-4)
