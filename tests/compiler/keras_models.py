# SPDX-License-Identifier: Apache-2.0
"""Small Keras models that use, between them, every layer kind the compiler takes; quantized by TensorFlow's own
converter.

Imports TensorFlow when called. Untrained: random weights and batch-norm statistics give fuller activations than trained
ones.
"""

from typing import Any

import numpy as np


def _layers() -> Any:
    import keras

    return keras.layers


def residual(batch: int | None) -> Any:
    """Odd sides, strides, residual additions, both poolings, concatenation, PAD, MUL by a gate, softmax."""
    import keras

    layers = _layers()
    start = keras.Input((13, 11, 3), batch_size=batch)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(start)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    x = layers.ReLU()(layers.Add()([x, layers.Conv2D(8, 1)(y)]))
    x = layers.Concatenate()([layers.MaxPooling2D(2, padding="same")(x), layers.AveragePooling2D(2, padding="same")(x)])
    x = layers.Conv2D(6, 3, activation="relu")(layers.ZeroPadding2D(((1, 0), (0, 1)))(x))
    gate = layers.Dense(6, activation="relu")(layers.GlobalAveragePooling2D()(x))
    x = layers.Flatten()(layers.Multiply()([x, layers.Reshape((1, 1, 6))(gate)]))
    return keras.Model(start, layers.Softmax()(layers.Dense(5)(x)))


def mobile(batch: int | None) -> Any:
    """Asymmetric padding before strided convolutions, depth multiplier 2, dilation, global pooling kept in 4-D."""
    import keras

    layers = _layers()
    start = keras.Input((17, 20, 1), batch_size=batch)
    x = layers.Conv2D(6, (5, 3), strides=2, use_bias=False)(layers.ZeroPadding2D(((0, 1), (2, 1)))(start))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return keras.Model(start, layers.Flatten()(layers.Conv2D(7, 1)(x)))


def mixer(batch: int | None) -> Any:
    """Vectors: dense layers with each activation, a sum and a product of branches, constants added."""
    import keras

    layers = _layers()
    start = keras.Input((40,), batch_size=batch)
    x = layers.Dense(24, activation="relu6")(layers.Rescaling(0.5, offset=-0.25)(start))
    y = layers.Dense(24, activation="relu")(x)
    x = layers.Multiply()([layers.Add()([x, y]), y])
    return keras.Model(start, layers.Dense(10, use_bias=False)(x))


MODELS = {"residual": residual, "mobile": mobile, "mixer": mixer}


def converted(name: str, *, edges: str = "int8", open_batch: bool = False) -> bytes:
    """Build a model and convert it to int8. edges: type of inputs and outputs. open_batch: batch left to the reader."""
    import keras

    keras.utils.set_random_seed(11)
    return quantized(MODELS[name](None if open_batch else 1), edges=edges)


def quantized(model: Any, *, edges: str = "int8", seed: int = 3, samples: int = 30, move: bool = True) -> bytes:
    """Convert a Keras model of one input to int8, calibrated on normal noise. move: give it noisy weights first."""
    import tensorflow as tf

    random = np.random.default_rng(seed)
    if move:
        model.set_weights([np.abs(w) + 0.1 if "variance" in v.path else w for v, w in _moved(model, random)])
    return quantized_by(tf.lite.TFLiteConverter.from_keras_model(model), model.input_shape[1:], random, edges, samples)


def quantized_function(function: Any, shape: tuple[int, ...], *, edges: str = "int8", seed: int = 3) -> bytes:
    """Convert a TensorFlow function of one tensor [1, *shape] to int8."""
    import tensorflow as tf

    traced = tf.function(function, input_signature=[tf.TensorSpec((1, *shape), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], traced)
    return quantized_by(converter, shape, np.random.default_rng(seed), edges, 30)


def quantized_by(converter: Any, sides: tuple[int, ...], random: np.random.Generator, edges: str, samples: int) -> bytes:
    import tensorflow as tf

    shape = (1, *sides)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([random.normal(size=shape).astype(np.float32)] for _ in range(samples))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, edges)
    return bytes(converter.convert())


def _moved(model: Any, random: np.random.Generator) -> list[tuple[Any, np.ndarray]]:
    """Return the weights with noise, so that biases and statistics are not the initial zeros and ones."""
    pairs = zip(model.weights, model.get_weights(), strict=True)
    return [(variable, (w + random.normal(0, 0.1, w.shape)).astype(np.float32)) for variable, w in pairs]
