# SPDX-License-Identifier: Apache-2.0
"""Gradients of the C code: recovered from one step with a small learning rate, against finite differences of the loss."""

import numpy as np
import pytest
from head_image import Feature, dequantized, head_image, random_features, random_head
from head_reference import ReferenceHead

from tinytl.head.layers import Learning
from tinytl_bridge.twin import TwinModel

RATE = 2.0**-10
WIDTHS = {"one-layer": (13, 6), "two-layers": (11, 9, 5), "three-layers": (10, 8, 7, 4), "one-class": (5, 3, 1)}


def finite_differences(reference: ReferenceHead, x: np.ndarray, label: int, width: float = 1e-6) -> np.ndarray:
    """d loss / d parameter by central differences in float64, in the order of the parameters."""
    found = []
    for weights, bias in zip(reference.weights, reference.biases, strict=True):
        for array in (weights, bias):
            for place in np.ndindex(array.shape):
                kept = array[place]
                array[place] = kept + width
                above = reference.loss(x, label)
                array[place] = kept - width
                found.append((above - reference.loss(x, label)) / (2 * width))
                array[place] = kept
    return np.array(found)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize("name", WIDTHS)
def test_step_follows_the_gradient_of_the_loss(name: str, activation: str) -> None:
    head = random_head(WIDTHS[name], activation=activation, learning=Learning(RATE, replays_per_step=0, layer_rates="equal"), seed=8)
    output = Feature(head.feature_count, 0.08, 5)
    features, labels = random_features(head.feature_count, 3, len(head.layers[-1].bias), seed=4)
    for sample, label in zip(features, labels, strict=True):
        twin, reference = TwinModel(head_image(head, outputs=(output,))), ReferenceHead(head)
        before = twin.parameters.astype(np.float64)
        twin.invoke(sample[None])
        result = twin.step(int(label))
        x = dequantized(sample, (output,))
        expected = finite_differences(reference, x, int(label))
        rounding = 2 * np.spacing(np.float32(np.abs(before).max())) / RATE
        np.testing.assert_allclose((before - twin.parameters) / RATE, expected, rtol=1e-4, atol=rounding)
        assert result.loss == pytest.approx(reference.loss(x, int(label)), rel=1e-5, abs=1e-6)


def test_loss_is_taken_before_learning_and_falls_after() -> None:
    head = random_head((20, 12, 5), learning=Learning(0.01, replays_per_step=0))
    features, labels = random_features(20, 1, 5)
    twin = TwinModel(head_image(head))
    twin.invoke(features)
    first = twin.step(int(labels[0]))
    second = twin.step(int(labels[0]))
    assert first.loss == pytest.approx(ReferenceHead(head).loss(dequantized(features[0], (Feature(20),)), int(labels[0])), rel=1e-5)
    assert second.loss < first.loss


def test_units_that_relu_switched_off_keep_every_bit() -> None:
    head = random_head((16, 24, 4), learning=Learning(0.05, replays_per_step=0))
    features, labels = random_features(16, 1, 4)
    x = dequantized(features[0], (Feature(16),))
    off = ReferenceHead(head).forward(x)[1] == 0
    assert 0 < off.sum() < 24
    twin = TwinModel(head_image(head))
    twin.invoke(features)
    assert twin.step(int(labels[0])).status == "ok"
    moved = (twin.parameters[: 16 * 24].reshape(24, 16) != head.layers[0].weights).any(axis=1)
    np.testing.assert_array_equal(moved, ~off)
