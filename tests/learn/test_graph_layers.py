# SPDX-License-Identifier: Apache-2.0
"""Every kind of layer: forward, backward and update of the C code against NumPy float64 and finite differences."""

import numpy as np
import pytest
from graph_heads import HEADS
from head_image import Feature, class_count_of, dequantized, features_of, head_image, random_features, with_learning
from head_reference import ReferenceHead
from teaching import relative_difference, teach_both

from tinytl.head.forward import logits
from tinytl.head.layers import Head, HeadLayer, dense_layer
from tinytl.head.learning import Learning
from tinytl_bridge.twin import TwinModel

EXACT = [name for name in HEADS if name != "dropout"]
"""What a reference without noise can follow."""


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


@pytest.mark.parametrize("name", EXACT)
def test_step_follows_finite_differences_of_the_loss(name: str) -> None:
    """A step moves by rate × gradient, whatever the rate: gradients are those of the parameters before it. Twenty of each array."""
    rate, width = 0.25, 1e-6
    head = with_learning(HEADS[name], learning_rate=rate, layer_rates="equal")
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


@pytest.mark.parametrize("name", EXACT)
def test_100_steps_agree_with_float64(name: str) -> None:
    taught = teach_both(HEADS[name], 100)
    assert relative_difference(taught.twin.parameters, taught.reference.parameters) < 1e-4
    np.testing.assert_allclose(taught.losses, taught.reference_losses, rtol=2e-3, atol=1e-4)


def test_values_between_layers_of_a_group_are_one_pixel() -> None:
    """What the kinds are for: the convolution's output is never whole, where a pool follows it."""
    image = TwinModel(head_image(HEADS["conv, pool"])).image
    assert [value.storage for value in image.values] == [0, 2, 1, 1]
    assert [layer.joins for layer in image.layers] == [0, 1, 0]


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    """One weight of 1 a class behind a dropout of 0.25: a step on logit 0 moves the weights of the inputs that were kept, × 4 / 3."""
    width = 4000
    layers = (HeadLayer("drop", "dropout", rate=0.25), dense_layer("c", np.zeros((2, width), np.float32), np.zeros(2, np.float32)))
    head = Head(layers, Learning(1.0, replays_per_step=0), features=((1, 1, width),))
    twin = TwinModel(head_image(head, outputs=(Feature(width, 1.0, 0),)))
    twin.invoke(np.ones((1, width), np.int8))
    assert twin.step(0).status == "ok"
    moved = twin.parameters[:width]
    assert set(np.unique(moved)) == {np.float32(0), np.float32(0.5) * np.float32(1 / np.float32(0.75))}
    assert 0.72 < (moved != 0).mean() < 0.78
    before = twin.parameters.copy()
    twin.invoke(np.ones((1, width), np.int8))
    assert twin.infer()[1][0] == pytest.approx(before[:width].sum() + before[-2], rel=1e-4), "inference keeps all"
    twin.invoke(np.ones((1, width), np.int8))
    twin.step(0)
    assert ((twin.parameters[:width] - before[:width] != 0) != (moved != 0)).any(), "another step drops others"
