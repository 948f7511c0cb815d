# SPDX-License-Identifier: Apache-2.0
"""The zoo's promises: parameters, shapes, the thesis's check value, layers in the order that folding and cutting need."""

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import pytest

import tinytl_models

MODELS = tinytl_models.list_models()


def layers_of(model: Any, kind: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def test_the_zoo_has_its_models() -> None:
    assert MODELS == ("ds-cnn", "gesture-cnn", "thesis-small")


@pytest.mark.parametrize("name", MODELS)
def test_card_tells_the_truth(name: str) -> None:
    card = tinytl_models.card(name)
    model = tinytl_models.build(name, input_shape=card.default_shape, classes=10)
    assert card.name == name
    assert model.count_params() == card.parameters
    assert model.input_shape == (None, *card.default_shape)
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("name", MODELS)
def test_batch_norm_stands_before_each_activation(name: str) -> None:
    model = tinytl_models.build(name, input_shape=tinytl_models.card(name).default_shape, classes=10)
    kinds = [type(layer).__name__ for layer in model.layers]
    for number, kind in enumerate(kinds):
        if kind == "BatchNormalization":
            assert kinds[number - 1] in ("Conv1D", "Conv2D", "DepthwiseConv2D")
            assert kinds[number + 1] == "ReLU"


@pytest.mark.parametrize("name", MODELS)
def test_models_answer_logits(name: str) -> None:
    model = tinytl_models.build(name, input_shape=tinytl_models.card(name).default_shape, classes=7)
    last = model.layers[-1]
    assert (last.name, last.activation.__name__, last.units) == ("logits", "linear", 7)


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (32, 32, 1), (32, 32, 3)])
def test_ds_cnn_keeps_its_limits(shape: tuple[int, int, int]) -> None:
    model = tinytl_models.build("ds-cnn", input_shape=shape, classes=10)
    assert model.count_params() < 10_000
    assert model.get_layer("pool").output.shape[1:3] == (3, 3)
    activations = [prod(layer.output.shape[1:]) for layer in model.layers]
    widest_pair = max(a + b for a, b in pairwise(activations))
    head = model.get_layer("logits").count_params() * 4
    features = prod(model.get_layer("features").output.shape[1:])
    replay_buffer = 4096
    assert widest_pair + head + features * 5 + replay_buffer < 32 * 1024


def test_thesis_small_has_the_thesis_parameters_and_energy_check_value() -> None:
    model = tinytl_models.build("thesis-small", input_shape=(32, 32, 1), classes=10)
    assert model.count_params() == pytest.approx(550_000, rel=0.005)
    macs = sum(prod(layer.kernel.shape) for layer in layers_of(model, "Dense"))
    assert macs == 263_424
    assert macs * 3.2 / 1000 == pytest.approx(843, abs=0.5)
    assert [layer.filters for layer in layers_of(model, "Conv2D")] == [32, 32, 64, 64, 128, 128]
    assert len(layers_of(model, "MaxPooling2D")) == 3


def test_seed_decides_the_weights() -> None:
    built = [tinytl_models.build("ds-cnn", input_shape=(28, 28, 1), classes=10, seed=seed).get_weights() for seed in (1, 1, 2)]
    assert all(np.array_equal(one, two) for one, two in zip(built[0], built[1], strict=True))
    assert not np.array_equal(built[0][0], built[2][0])


@pytest.mark.parametrize(
    ("name", "samples", "input_shape"),
    [
        ("ds-cnn", (28, 28, 1), (28, 28, 1)),
        ("ds-cnn", (32, 32, 3), (32, 32, 3)),
        ("ds-cnn", (8, 8, 1), (28, 28, 1)),
        ("thesis-small", (28, 28, 1), (32, 32, 1)),
        ("thesis-small", (96, 64, 3), (32, 32, 3)),
        ("gesture-cnn", (384,), (384,)),
    ],
)
def test_input_shape_for_other_samples(name: str, samples: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    assert tinytl_models.input_shape_for(name, samples) == input_shape


def test_refusals() -> None:
    with pytest.raises(
        LookupError, match=r"no model 'dscnn' in the zoo; expected ds-cnn, gesture-cnn, thesis-small \(did you mean 'ds-cnn'\?\)"
    ):
        tinytl_models.card("dscnn")
    with pytest.raises(ValueError, match="model 'ds-cnn' cannot take 8×8×1 input; expected 28×28 or 32×32, 1 or 3 channels"):
        tinytl_models.build("ds-cnn", input_shape=(8, 8, 1), classes=10)
    with pytest.raises(ValueError, match="model 'ds-cnn' with 1 classes; expected 2 or more"):
        tinytl_models.build("ds-cnn", input_shape=(28, 28, 1), classes=1)
    with pytest.raises(ValueError, match="model 'thesis-small' cannot take samples of shape 20; expected images of 1 or 3 channels"):
        tinytl_models.input_shape_for("thesis-small", (20,))
    with pytest.raises(
        ValueError, match="'gesture-cnn' cannot take samples of shape 28×28×1; expected vectors of 384: 128 samples of three axes"
    ):
        tinytl_models.input_shape_for("gesture-cnn", (28, 28, 1))
