# SPDX-License-Identifier: Apache-2.0
"""Hundreds of steps of the C code against three others: NumPy float64 from the formulas, Keras, tinynn. Same initial weights,
same samples, same order, batch 1: within 1e-4 of the largest parameter."""

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from head_image import Feature, dequantized, head_image, random_features, random_head
from teaching import relative_difference, teach_both

from tinytl.head.layers import Head, Learning
from tinytl_bridge.twin import TwinModel

LIMIT = 1e-4
CASES = {
    "last-dense": ((64, 10), "none", Learning(0.02, replays_per_step=0)),
    "hidden": ((48, 20, 10), "relu", Learning(0.01, replays_per_step=0)),
    "relu6": ((30, 16, 9, 5), "relu6", Learning(0.02, replays_per_step=0)),
    "momentum": ((48, 20, 10), "relu", Learning(0.002, 0.9, replays_per_step=0)),
    "decay": ((48, 20, 10), "relu", Learning(0.01, 0.0, 0.02, replays_per_step=0)),
    "momentum-decay": ((33, 7), "none", Learning(0.003, 0.8, 0.05, replays_per_step=0)),
    "adam": ((48, 20, 10), "relu", Learning(0.002, 0.9, replays_per_step=0, optimizer="adam")),
    "adam-decay-of-four": (
        (30, 6),
        "none",
        Learning(0.01, 0.8, 0.02, replays_per_step=0, optimizer="adam", second_momentum=0.95, accumulation=4),
    ),
    "mean-of-eight": ((48, 20, 10), "relu", Learning(0.05, replays_per_step=0, accumulation=8)),
    "clipped-momentum": ((48, 20, 10), "relu", Learning(0.01, 0.9, 0.01, replays_per_step=0, clip_norm=1.0)),
    "steps": ((48, 20, 10), "relu", Learning(0.02, replays_per_step=0, schedule="steps", schedule_steps=70, schedule_factor=0.5)),
    "cosine": ((48, 20, 10), "relu", Learning(0.02, replays_per_step=0, schedule="cosine", schedule_steps=250, schedule_factor=0.1)),
    "sigmoids": ((48, 20, 10), "relu", Learning(0.02, replays_per_step=0, loss="sigmoid_cross_entropy")),
    "one-sigmoid": ((48, 20, 1), "relu", Learning(0.02, replays_per_step=0, loss="sigmoid_cross_entropy")),
    "squared-error": ((30, 10), "none", Learning(0.02, replays_per_step=0, loss="squared_error")),
}


@pytest.mark.parametrize("name", CASES)
def test_300_steps_agree_with_float64(name: str) -> None:
    widths, activation, learning = CASES[name]
    taught = teach_both(random_head(widths, activation=activation, learning=learning), 300)
    assert relative_difference(taught.twin.parameters, taught.reference.parameters) < LIMIT
    np.testing.assert_allclose(taught.losses, taught.reference_losses, rtol=1e-3, atol=1e-5)
    assert taught.losses[-50:].mean() < 0.5 * taught.losses[:50].mean(), "it must learn"
    assert taught.twin.steps == 300


def test_features_of_several_outputs_keep_their_own_scales() -> None:
    outputs = (Feature(10, 0.2, 7), Feature(3, 0.01, -128), Feature(17, 0.05, 127))
    taught = teach_both(random_head((30, 6), learning=Learning(0.01, replays_per_step=0), parts=(10, 3, 17)), 100, outputs=outputs)
    assert relative_difference(taught.twin.parameters, taught.reference.parameters) < LIMIT


@dataclass(frozen=True)
class Lesson:
    """A head with one rate for all layers, 300 real samples (300, features) float32 with labels, and the parameters that the C code ends
    with."""

    head: Head
    x: np.ndarray
    labels: np.ndarray
    parameters: np.ndarray


def lesson(name: str) -> Lesson:
    widths, activation, learning = CASES[name]
    head = random_head(widths, activation=activation, learning=replace(learning, layer_rates="equal"), seed=21)
    features, labels = random_features(widths[0], 300, widths[-1], seed=22)
    twin = TwinModel(head_image(head))
    for sample, label in zip(features, labels, strict=True):
        twin.invoke(sample[None])
        assert twin.step(int(label)).status == "ok"
    x = dequantized(features, (Feature(widths[0]),)).astype(np.float32)
    return Lesson(head, x, labels, twin.parameters.copy())


def keras_model(head: Head) -> Any:
    import keras

    model = keras.Sequential([keras.Input((head.feature_count,))])
    for layer in head.layers:
        activation = {"none": None}.get(layer.activation, layer.activation)
        dense = keras.layers.Dense(len(layer.bias), activation=activation, name=layer.name)
        model.add(dense)
        dense.set_weights([layer.weights.T, layer.bias])
    settings = head.learning
    optimizer = keras.optimizers.SGD(
        learning_rate=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay or None
    )
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("name", ["last-dense", "relu6", "momentum", "momentum-decay"])
def test_agrees_with_keras(name: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    taught = lesson(name)
    model = keras_model(taught.head)
    model.fit(taught.x, taught.labels, batch_size=1, epochs=1, shuffle=False, verbose=0)
    weights = model.get_weights()
    found = np.concatenate([part.ravel() for kernel, bias in zip(weights[::2], weights[1::2], strict=True) for part in (kernel.T, bias)])
    assert relative_difference(taught.parameters, found) < LIMIT


def tinynn_model(head: Head) -> Any:
    from tinynn.core.layer import Dense, ReLU
    from tinynn.core.loss import SoftmaxCrossEntropy
    from tinynn.core.model import Model
    from tinynn.core.net import Net
    from tinynn.core.optimizer import SGD, Momentum

    layers = [part for each in head.layers for part in (Dense(len(each.bias)), *([ReLU()] if each.activation == "relu" else []))]
    net = Net(layers)
    net.forward(np.zeros((1, head.feature_count), np.float32))  # makes the parameters
    for dense, layer in zip([each for each in layers if isinstance(each, Dense)], head.layers, strict=True):
        dense.params["w"], dense.params["b"] = layer.weights.T.copy(), layer.bias.copy()
    rate, momentum = head.learning.learning_rate, head.learning.momentum
    return Model(net, SoftmaxCrossEntropy(), Momentum(rate, momentum) if momentum else SGD(rate))


@pytest.mark.parametrize("name", ["last-dense", "hidden", "momentum"])
def test_agrees_with_tinynn(name: str) -> None:
    pytest.importorskip("tinynn", reason="needs tinytl[test]")
    taught = lesson(name)
    model = tinynn_model(taught.head)
    targets = np.eye(len(taught.head.layers[-1].bias), dtype=np.float32)[taught.labels]
    for x, target in zip(taught.x, targets, strict=True):
        _, gradients = model.backward(model.forward(x[None]), target[None])
        model.apply_grads(gradients)
    parts = [part for each in model.net.layers if each.params for part in (each.params["w"].T, each.params["b"])]
    assert relative_difference(taught.parameters, np.concatenate([part.ravel() for part in parts])) < LIMIT
