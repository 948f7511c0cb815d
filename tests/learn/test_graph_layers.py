# SPDX-License-Identifier: Apache-2.0
"""Every kind of layer: forward, backward and update of the C code against NumPy float64 and finite differences."""

import numpy as np
import pytest
from graph_heads import HEADS
from head_image import class_count_of, dequantized, features_of, head_image, random_features, with_learning
from head_reference import ReferenceHead
from teaching import relative_difference, teach_both

from tinytl.head import Head
from tinytl.head_forward import logits
from tinytl_bridge.twin import TwinModel


def one_sample(head: Head, seed: int = 3) -> tuple[list[np.ndarray], np.ndarray, int]:
    """Return int8 features, one array a graph output, the same as real numbers, and a label."""
    outputs = features_of(head)
    features, labels = random_features(head.feature_count, 1, class_count_of(head), seed)
    parts = np.split(features[0], np.cumsum([each.count for each in outputs])[:-1])
    return [part[None] for part in parts], dequantized(features[0], outputs), int(labels[0])


@pytest.mark.parametrize("name", HEADS)
def test_logits_are_those_of_the_formulas(name: str) -> None:
    head = HEADS[name]
    inputs, x, _ = one_sample(head)
    twin, expected = TwinModel(head_image(head)), ReferenceHead(head).forward(x)[-1]
    twin.invoke(*inputs)
    found = twin.infer()[1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    ends = np.cumsum([each.size for each in inputs])[:-1]
    np.testing.assert_allclose(logits(head, [part[None] for part in np.split(x, ends)])[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", HEADS)
def test_step_follows_finite_differences_of_the_loss(name: str) -> None:
    """A step moves by rate × gradient, whatever the rate: gradients are those of the parameters before it. Twenty of each array."""
    rate, width = 0.25, 1e-6
    head = with_learning(HEADS[name], learning_rate=rate)
    inputs, x, label = one_sample(head)
    twin, reference, generator = TwinModel(head_image(head)), ReferenceHead(head), np.random.default_rng(6)
    before = twin.parameters.astype(np.float64)
    twin.invoke(*inputs)
    assert twin.step(label).status == "ok"
    moved, at = (before - twin.parameters) / rate, 0
    for layer, weights, bias in zip(head.layers, reference.weights, reference.biases, strict=True):
        for array, trains in ((weights, layer.trains == "all"), (bias, layer.trains != "none")):
            if array is None or not trains:
                continue
            for place in generator.permutation(array.size)[:20]:
                kept = array.flat[place]
                losses = []
                for offset in (width, -width):
                    array.flat[place] = kept + offset
                    losses.append(reference.loss(x, label))
                array.flat[place] = kept
                rounding = 40 * float(np.spacing(np.float32(abs(before[at + place])))) / rate
                expected = (losses[0] - losses[1]) / (2 * width)
                assert moved[at + place] == pytest.approx(expected, rel=2e-4, abs=rounding + 2e-6), (layer.name, place)
            at += array.size
    assert at == len(before)


@pytest.mark.parametrize("name", HEADS)
def test_100_steps_agree_with_float64(name: str) -> None:
    taught = teach_both(HEADS[name], 100)
    assert relative_difference(taught.twin.parameters, taught.reference.parameters) < 1e-4
    np.testing.assert_allclose(taught.losses, taught.reference_losses, rtol=2e-3, atol=1e-4)


def test_values_between_layers_of_a_group_are_one_pixel() -> None:
    """What the kinds are for: the convolution's output is never whole, where a pool follows it."""
    image = TwinModel(head_image(HEADS["conv, pool"])).image
    assert [value.storage for value in image.values] == [0, 2, 1, 1]
    assert [layer.joins for layer in image.layers] == [0, 1, 0]
