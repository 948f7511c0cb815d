# SPDX-License-Identifier: Apache-2.0
"""Whole networks at their published sizes, with random weights, quantized by TensorFlow's own converter.

Each ends in its logits: of 1,000 probabilities nearly all round to nothing, which would hide a difference. Batch norm holds the statistics that noise has in the network, so that
activations neither vanish nor grow from layer to layer. Imports TensorFlow when called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras_models import quantized_by

LITE0 = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
"""Stages of EfficientNet-Lite0: blocks, taps, stride of the first block, expansion, channels."""


@dataclass(frozen=True)
class Network:
    """build: makes the Keras model. parameters: that training moves. macs: of convolutions and the dense end."""

    build: Callable[[], Any]
    parameters: int
    macs: int


def mobilenet_v1(side: int) -> Any:
    import keras

    return keras.applications.MobileNet(input_shape=(side, side, 3), alpha=0.25, weights=None, classifier_activation=None)


def mobilenet_v2(side: int, alpha: float) -> Any:
    import keras

    return keras.applications.MobileNetV2(input_shape=(side, side, 3), alpha=alpha, weights=None, classifier_activation=None)


def efficientnet_lite0(side: int) -> Any:
    """EfficientNet-B0 without squeeze-and-excite, with ReLU6 for swish (Liu 2020, TensorFlow's tpu/models)."""
    import keras

    start = keras.Input((side, side, 3), batch_size=1)
    x = _normalized(keras.layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(start))
    for blocks, taps, stride, expansion, channels in LITE0:
        for block in range(blocks):
            x = _inverted_bottleneck(x, taps, stride if block == 0 else 1, expansion, channels)
    x = _normalized(keras.layers.Conv2D(1280, 1, use_bias=False)(x))
    return keras.Model(start, keras.layers.Dense(1000)(keras.layers.GlobalAveragePooling2D()(x)))


def _inverted_bottleneck(x: Any, taps: int, stride: int, expansion: int, channels: int) -> Any:
    from keras import layers

    depth = x.shape[-1]
    y = _normalized(layers.Conv2D(depth * expansion, 1, use_bias=False)(x)) if expansion > 1 else x
    y = _normalized(layers.DepthwiseConv2D(taps, strides=stride, padding="same", use_bias=False)(y))
    y = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(y))
    return layers.Add()([x, y]) if stride == 1 and depth == channels else y


def _normalized(x: Any) -> Any:
    from keras import layers

    return layers.ReLU(6.0)(layers.BatchNormalization()(x))


NETWORKS = {
    "MobileNetV1 0.25 at 96": Network(lambda: mobilenet_v1(96), 470_072, 7_745_152),
    "MobileNetV1 0.25 at 128": Network(lambda: mobilenet_v1(128), 470_072, 13_570_048),
    "MobileNetV1 0.25 at 224": Network(lambda: mobilenet_v1(224), 470_072, 41_030_272),
    "MobileNetV2 0.35 at 96": Network(lambda: mobilenet_v2(96, 0.35), 1_677_128, 11_934_128),
    "MobileNetV2 1.0 at 224": Network(lambda: mobilenet_v2(224, 1.0), 3_504_872, 300_774_272),
    "EfficientNet-Lite0 at 224": Network(lambda: efficientnet_lite0(224), 4_652_008, 385_187_552),
}
"""Published: 0.5 M and 14 M, 0.5 M and 41 M, 1.66 M and 11 M, 3.5 M and 300 M; 4.7 M and, counting more than products, 407 M."""


def network_tflite(network: Network, *, seed: int = 5) -> bytes:
    """Build a network and convert it to int8."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model, random = network.build(), np.random.default_rng(seed)
    assert sum(int(np.prod(weights.shape)) for weights in model.trainable_weights) == network.parameters
    sides = model.input_shape[1:]
    _take_statistics(model, random)
    traced = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((1, *sides), tf.float32)])
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())  # faster than exporting a SavedModel
    return quantized_by(tf.lite.TFLiteConverter.from_concrete_functions([frozen]), sides, random, "int8", 3)


def _take_statistics(model: Any, random: np.random.Generator) -> None:
    """Draw each batch norm's scale and offset, and set its mean and variance to those of noise that runs through the model."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign(random.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(random.normal(0.2, 0.4, layer.beta.shape))
    batch = 1 if model.input_shape[0] == 1 else 4
    model(random.normal(size=(batch, *model.input_shape[1:])).astype(np.float32), training=True)
