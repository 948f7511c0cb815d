# SPDX-License-Identifier: Apache-2.0
"""100 steps of every kind of head against Keras: its layers forward, TensorFlow's gradients, its optimizers; same initial weights,
same samples, same order. Within 1e-4 of the largest parameter."""

import os
from typing import Any

import numpy as np
import pytest
from graph_heads import HEADS
from head_image import class_count_of, dequantized, features_of, head_image, random_features, with_learning
from teaching import relative_difference

from thinning import thinned
from tinytl.head.layer_rates import rate_factors
from tinytl.head.layers import Head, HeadLayer
from tinytl_bridge.twin import TwinModel

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytest.importorskip("tensorflow", reason="needs tinytl[host]")

STEPS = 100
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.01},
    "momentum": {"learning_rate": 0.002, "momentum": 0.9},
    "adam": {"learning_rate": 0.002, "optimizer": "adam", "momentum": 0.9},
    "clipped": {"learning_rate": 0.01, "clip_norm": 0.5, "layer_rates": "equal"},  # Keras clips what a factor would have changed
}
CASES = [(name, "sgd") for name in HEADS if name != "dropout"]
CASES += [("residual", name) for name in OPTIMIZERS] + [("inverted residual", name) for name in OPTIMIZERS]


def keras_layer(layer: HeadLayer) -> Any:
    """Return the Keras layer without padding, which a layer of its own adds."""
    from keras import layers

    return {
        "dense": lambda: layers.Dense(len(layer.bias)),  # type: ignore[arg-type]
        "conv_2d": lambda: layers.Conv2D(len(layer.bias), layer.window, strides=layer.stride),  # type: ignore[arg-type]
        "depthwise_conv_2d": lambda: layers.DepthwiseConv2D(layer.window),  # its strides: `forward`
        "scale": lambda: layers.BatchNormalization(epsilon=0.0),
        "add": layers.Add,
        "concatenate": layers.Concatenate,
        "activation": layers.Identity,
    }[layer.kind]()


def keras_weights(layer: HeadLayer) -> list[np.ndarray]:
    """Return weights and bias as the Keras layer orders them."""
    if layer.weights is None or layer.bias is None:
        return []
    weights = {
        "dense": lambda w: w.T, "conv_2d": lambda w: w.transpose(1, 2, 3, 0), "depthwise_conv_2d": lambda w: w[..., None], "scale": lambda w: w
    }[layer.kind](layer.weights)  # fmt: skip
    still = [np.zeros_like(layer.bias), np.ones_like(layer.bias)] if layer.kind == "scale" else []
    return [weights, layer.bias, *still]


def pooled(layer: HeadLayer, x: Any) -> Any:
    """Pool with a padding that Keras's pools do not have: means over what lies inside, the largest of it."""
    import tensorflow as tf

    top, bottom, left, right = layer.padding
    pads = [(0, 0), (top, bottom), (left, right), (0, 0)]
    if layer.kind == "max_pool":
        return tf.nn.max_pool2d(tf.pad(x, pads, constant_values=-1e9), layer.window, layer.stride, "VALID")
    sums, counts = (tf.nn.avg_pool2d(tf.pad(each, pads), layer.window, layer.stride, "VALID") for each in (x, tf.ones_like(x)))
    return sums / counts


class KerasHead:
    """A head of Keras layers."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.layers = [None if layer.kind.endswith("pool") else keras_layer(layer) for layer in head.layers]
        self.forward([np.zeros((1, *shape), np.float32) for shape in head.feature_shapes])  # builds them
        for layer, keras in zip(head.layers, self.layers, strict=True):
            if keras is not None:
                keras.set_weights(keras_weights(layer))

    def forward(self, features: Any) -> Any:
        import tensorflow as tf

        values = list(features)
        for number, (layer, keras) in enumerate(zip(self.head.layers, self.layers, strict=True)):
            inputs = [values[each] for each in self.head.inputs_of(number)]
            if keras is None:
                y = pooled(layer, inputs[0])
            elif layer.kind == "dense":
                y = keras(tf.reshape(inputs[0], (1, -1)))[:, None, None, :]
            elif layer.kind in ("conv_2d", "depthwise_conv_2d"):
                top, bottom, left, right = layer.padding
                y = keras(tf.pad(inputs[0], [(0, 0), (top, bottom), (left, right), (0, 0)]))
                if layer.kind == "depthwise_conv_2d":  # TensorFlow has a kernel of unequal strides with oneDNN alone
                    y = y[:, :: layer.stride[0], :: layer.stride[1]]
            else:
                y = keras(inputs if len(inputs) > 1 else inputs[0])
            values.append({"none": lambda v: v, "relu": tf.nn.relu, "relu6": tf.nn.relu6}[layer.activation](y))
        return tf.reshape(values[-1], (1, -1))

    def trained(self) -> list[Any]:
        """Return the variables that train, layer by layer, weights then bias."""
        found = []
        for layer, keras in zip(self.head.layers, self.layers, strict=True):
            if layer.weights is not None and layer.trains != "none":
                found += keras.variables[:2] if layer.trains == "all" else [keras.variables[1]]  # type: ignore[union-attr]
        return found

    def rate_factors(self) -> list[float]:
        """Return what the learning rate of each of these is multiplied with."""
        counts = [0 if layer.weights is None else {"all": 2, "bias": 1, "none": 0}[layer.trains] for layer in self.head.layers]
        return [factor for factor, count in zip(rate_factors(self.head), counts, strict=True) for _ in range(count)]

    def parameters(self) -> np.ndarray:
        """Return what trains as the device orders it."""
        parts = []
        for layer, keras in zip(self.head.layers, self.layers, strict=True):
            if layer.weights is None or layer.trains == "none":
                continue
            weights, bias = (np.asarray(each) for each in keras.variables[:2])  # type: ignore[union-attr]
            weights = {"dense": lambda w: w.T, "conv_2d": lambda w: w.transpose(3, 0, 1, 2)}.get(layer.kind, lambda w: w)(weights)
            parts += [weights.ravel(), bias] if layer.trains == "all" else [bias]
        return np.concatenate(parts)


def keras_optimizer(head: Head) -> Any:
    import keras

    learning = head.learning
    clip = {"global_clipnorm": learning.clip_norm} if learning.clip_norm else {}
    if learning.optimizer == "adam":
        return keras.optimizers.Adam(learning.learning_rate, learning.momentum, learning.second_momentum, learning.epsilon, **clip)
    return keras.optimizers.SGD(learning.learning_rate, learning.momentum, **clip)


@pytest.mark.parametrize(("name", "optimizer"), thinned(CASES, every=3, names=2))
def test_100_steps_agree_with_keras(name: str, optimizer: str) -> None:
    import tensorflow as tf

    head = with_learning(HEADS[name], **OPTIMIZERS[optimizer])
    outputs, twin, model = features_of(head), TwinModel(head_image(head)), KerasHead(head)
    features, labels = random_features(head.feature_count, STEPS, class_count_of(head), seed=31)
    rule, variables, factors = keras_optimizer(head), model.trained(), model.rate_factors()
    cuts = np.cumsum([each.count for each in outputs])[:-1]

    @tf.function
    def gradients(real: Any, label: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label[None], logits=model.forward(real))
        return [factor * gradient for factor, gradient in zip(factors, tape.gradient(loss, variables), strict=True)]

    for sample, label in zip(features, labels, strict=True):
        twin.invoke(*(part[None] for part in np.split(sample, cuts)))
        assert twin.step(int(label)).status == "ok"
        parts = np.split(dequantized(sample, outputs).astype(np.float32), cuts)
        real = [tf.constant(part.reshape(1, *shape)) for part, shape in zip(parts, head.feature_shapes, strict=True)]
        rule.apply(gradients(real, tf.constant(int(label))), variables)
    assert relative_difference(twin.parameters, model.parameters()) < 1e-4
