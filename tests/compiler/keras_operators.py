# SPDX-License-Identifier: Apache-2.0
"""Keras models and TensorFlow functions, one for each operator and each way that the converter writes it.

`KERAS` maps a name to a function from Keras's input tensor to its output, with the input's shape; `FUNCTIONS` does the same
for plain TensorFlow. `tflite_of` converts one to int8. Imports TensorFlow when called.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from fused_lstm import fused_lstm
from keras_models import quantized, quantized_function

Make = Callable[[Any, Any], Any]
"""(the layers, or TensorFlow), input → output."""


def _squeeze_excite(layers: Any, x: Any) -> Any:
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(4, 1, activation="relu")(gate)
    return layers.Multiply()([x, layers.Conv2D(6, 1, activation="hard_sigmoid")(gate)])


def _unet(layers: Any, x: Any) -> Any:
    """Down, up, and joined with what was before: concatenation of two branches."""
    down = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    up = layers.UpSampling2D(2)(down)
    return layers.Conv2D(3, 1)(layers.Concatenate()([up, x]))


def _dense_chain(layers: Any, x: Any) -> Any:
    for activation in ("sigmoid", "tanh", "hard_swish", "leaky_relu"):
        x = layers.Dense(12, activation=activation)(x)
    return x


def _lstm_classifier(layers: Any, x: Any) -> Any:
    x = fused_lstm(7)(fused_lstm(9, return_sequences=True)(x))
    return layers.Dense(4, activation="softmax")(x)


def _bidirectional(layers: Any, x: Any) -> Any:
    """Two directions over the whole sequence, joined, and two more over what they give."""
    there, back = fused_lstm(5, return_sequences=True)(x), fused_lstm(5, return_sequences=True, go_backwards=True)(x)
    x = layers.Concatenate()([there, back[:, ::-1]])
    return layers.Concatenate()([fused_lstm(3)(x), fused_lstm(3, go_backwards=True)(x)])


KERAS: dict[str, tuple[tuple[int, ...], Make]] = {
    "logistic": ((7, 6, 3), lambda k, x: k.Conv2D(5, 3, activation="sigmoid")(x)),
    "tanh": ((7, 6, 3), lambda k, x: k.Conv2D(5, 3, activation="tanh")(x)),
    "hard swish": ((7, 6, 3), lambda k, x: k.Conv2D(5, 3, activation="hard_silu")(x)),
    "hard sigmoid": ((7, 6, 3), lambda k, x: k.Conv2D(5, 3, activation="hard_sigmoid")(x)),
    "swish": ((7, 6, 3), lambda k, x: k.Conv2D(5, 3, activation="silu")(x)),
    "leaky relu": ((7, 6, 3), lambda k, x: k.LeakyReLU(negative_slope=0.2)(k.Conv2D(5, 3)(x))),
    "prelu": ((7, 6, 3), lambda k, x: k.PReLU(shared_axes=(1, 2))(k.Conv2D(5, 3)(x))),
    "prelu of places": ((7, 3), lambda k, x: k.PReLU()(x)),
    "chain of activations": ((11,), _dense_chain),
    "unit normalization": ((11,), lambda k, x: k.UnitNormalization()(k.Dense(9)(x))),
    "subtract": ((6, 5, 4), lambda k, x: k.Subtract()([k.Conv2D(3, 1)(x), k.Conv2D(3, 1, activation="relu")(x)])),
    "maximum": ((6, 5, 4), lambda k, x: k.Maximum()([k.Conv2D(3, 1)(x), k.Conv2D(3, 1, activation="relu")(x)])),
    "minimum": ((6, 5, 4), lambda k, x: k.Minimum()([k.Conv2D(3, 1)(x), k.Conv2D(3, 1, activation="relu")(x)])),
    "squeeze and excite": ((6, 5, 6), _squeeze_excite),
    "permute": ((6, 5, 4), lambda k, x: k.Conv2D(3, 2)(k.Permute((3, 1, 2))(x))),
    "cropping": ((6, 7, 4), lambda k, x: k.Conv2D(3, 2)(k.Cropping2D(((1, 2), (0, 3)))(x))),
    "upsampling nearest": ((5, 4, 3), lambda k, x: k.Conv2D(3, 2)(k.UpSampling2D((2, 3))(x))),
    "upsampling bilinear": ((5, 4, 3), lambda k, x: k.Conv2D(3, 2)(k.UpSampling2D((2, 3), interpolation="bilinear")(x))),
    "resizing bilinear": ((5, 4, 3), lambda k, x: k.Resizing(7, 9)(x)),
    "transposed convolution": ((5, 4, 3), lambda k, x: k.Conv2DTranspose(4, 3, strides=2, padding="same")(x)),
    "transposed convolution valid": ((5, 4, 3), lambda k, x: k.Conv2DTranspose(4, (3, 2), strides=(1, 2), activation="relu")(x)),
    "transposed convolution without bias": (
        (5, 4, 3),
        lambda k, x: k.ReLU(6.0)(k.BatchNormalization()(k.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=False)(x))),
    ),
    "unet": ((8, 6, 3), _unet),
    "convolution 1-D": ((20, 3), lambda k, x: k.Conv1D(5, 3, strides=2, padding="same", activation="relu")(x)),
    "convolution 1-D dilated": ((20, 3), lambda k, x: k.Conv1D(5, 3, dilation_rate=3, padding="same")(x)),
    "convolution 1-D causal dilated": ((20, 3), lambda k, x: k.Conv1D(5, 3, dilation_rate=4, padding="causal", activation="relu")(x)),
    "convolution 1-D dilated valid": ((23, 3), lambda k, x: k.Conv1D(4, 2, dilation_rate=5)(x)),
    "depthwise 1-D": ((20, 3), lambda k, x: k.DepthwiseConv1D(3, padding="same")(x)),
    "separable 1-D": ((20, 3), lambda k, x: k.SeparableConv1D(6, 3, padding="same")(x)),
    "pooling 1-D": ((20, 3), lambda k, x: k.AveragePooling1D(2)(k.MaxPooling1D(3, strides=2, padding="same")(x))),
    "global pooling 1-D": ((20, 3), lambda k, x: k.GlobalAveragePooling1D()(k.Conv1D(4, 3)(x))),
    "convolution dilated": ((13, 12, 3), lambda k, x: k.Conv2D(4, 3, dilation_rate=(2, 3))(x)),
    "convolution dilated same": ((13, 12, 3), lambda k, x: k.Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu")(x)),
    "depthwise dilated": ((13, 12, 3), lambda k, x: k.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x)),
    "convolution stride 4": ((15, 14, 3), lambda k, x: k.Conv2D(4, 5, strides=4, padding="same")(x)),
    "convolution stride 3": ((15, 14, 3), lambda k, x: k.Conv2D(4, (2, 3), strides=3)(x)),
    "grouped convolution": ((6, 7, 8), lambda k, x: k.Conv2D(12, 3, groups=4, padding="same", activation="relu6")(x)),
    "zero padding 1-D": ((9, 4), lambda k, x: k.Conv1D(3, 3)(k.ZeroPadding1D((2, 1))(x))),
    "time distributed dense": ((9, 4), lambda k, x: k.Dense(5, activation="tanh")(x)),
    "repeat vector": ((7,), lambda k, x: k.RepeatVector(4)(k.Dense(5)(x))),
    "lstm unrolled": ((5, 4), lambda k, x: k.LSTM(6, unroll=True)(x)),
    "lstm unrolled, whole sequence": ((5, 4), lambda k, x: k.LSTM(4, unroll=True, return_sequences=True)(x)),
    "lstm": ((11, 5), lambda k, x: fused_lstm(6)(x)),
    "lstm, whole sequence": ((11, 5), lambda k, x: fused_lstm(6, return_sequences=True)(x)),
    "lstm of one step": ((1, 13), lambda k, x: fused_lstm(3)(x)),
    "lstm of one unit": ((6, 1), lambda k, x: fused_lstm(1, return_sequences=True, kernel_initializer="ones")(x)),
    "lstm backwards": ((7, 4), lambda k, x: fused_lstm(5, go_backwards=True)(x)),
    "lstm behind a convolution": ((20, 3), lambda k, x: fused_lstm(8)(k.Conv1D(6, 3, strides=2, activation="relu")(x))),
    "lstm classifier": ((12, 6), _lstm_classifier),
    "lstm in both directions": ((8, 4), _bidirectional),
    "gru unrolled": ((5, 4), lambda k, x: k.GRU(6, unroll=True)(x)),
    "simple recurrent layer unrolled": ((5, 4), lambda k, x: k.SimpleRNN(6, unroll=True)(x)),
    "max pooling everywhere": ((6, 5, 4), lambda k, x: k.GlobalMaxPooling2D()(k.Conv2D(3, 2)(x))),
}


def _stack(tf: Any, x: Any) -> Any:
    a, b, c = tf.unstack(x, axis=1)
    return tf.stack([c, a, b], axis=-1)


FUNCTIONS: dict[str, tuple[tuple[int, ...], Make]] = {
    "split": ((6, 8), lambda tf, x: tf.concat([part * 0.5 for part in tf.split(x, 4, axis=2)][::-1], axis=1)),
    "split v": ((9, 4), lambda tf, x: tf.nn.relu(tf.split(x, [2, 4, 3], axis=1)[1])),
    "strided slice": ((9, 8, 5), lambda tf, x: x[:, 1:-1:2, ::-3, 2:] * 2.0),
    "slice": ((9, 8, 5), lambda tf, x: tf.slice(x, [0, 2, 0, 1], [1, 3, -1, 3]) + 1.0),
    "index": ((9, 8, 5), lambda tf, x: tf.nn.relu(x[:, 3, :, 4])),
    "stack": ((3, 5, 4), _stack),
    "reverse": ((4, 5, 6), lambda tf, x: tf.reverse(x, [2]) * 1.5),
    "transpose": ((4, 5, 6), lambda tf, x: tf.transpose(x, [0, 3, 2, 1]) - 0.5),
    "l2 normalize": ((4, 7), lambda tf, x: tf.nn.l2_normalize(x, axis=-1)),
    "outer sum": ((4, 7), lambda tf, x: x[:, :, :1] + x[:, :1, :]),
    "outer product": ((4, 7), lambda tf, x: x[:, :, :1] * x[:, :1, :]),
    "outer difference": ((4, 7), lambda tf, x: x[:, :, :1] - x[:, :1, :]),
    "outer maximum": ((4, 7), lambda tf, x: tf.maximum(x[:, :, :1], x[:, :1, :])),
    "constant minus": ((4, 7), lambda tf, x: 1.0 - x),
    "clipped": ((4, 7), lambda tf, x: tf.minimum(tf.maximum(x, -0.5), 0.75)),
    "broadcast": ((4, 1), lambda tf, x: tf.broadcast_to(x, [1, 3, 4, 5]) * 2.0),
    "concatenation of unequal scales": ((4, 6), lambda tf, x: tf.concat([x * 0.1, tf.nn.sigmoid(x), x], axis=2)),
    "nearest by corners": ((5, 4, 3), lambda tf, x: tf.compat.v1.image.resize_nearest_neighbor(x, [8, 9], align_corners=True)),
    "nearest": ((5, 4, 3), lambda tf, x: tf.compat.v1.image.resize_nearest_neighbor(x, [8, 9])),
    "nearest by centers": ((5, 4, 3), lambda tf, x: tf.image.resize(x, [8, 3], method="nearest")),
    "bilinear by corners": ((5, 4, 3), lambda tf, x: tf.compat.v1.image.resize_bilinear(x, [8, 9], align_corners=True)),
    "bilinear": ((5, 4, 3), lambda tf, x: tf.compat.v1.image.resize_bilinear(x, [8, 9])),
    "bilinear smaller": ((12, 11, 3), lambda tf, x: tf.image.resize(x, [5, 4])),
}


@cache
def tflite_of(name: str, *, edges: str = "int8", open_batch: bool = False) -> bytes:
    """Convert the model of that name to int8."""
    if name in FUNCTIONS:
        import tensorflow as tf

        sides, make = FUNCTIONS[name]
        return quantized_function(lambda x: make(tf, x), sides, edges=edges)
    import keras

    keras.utils.set_random_seed(11)
    sides, make = KERAS[name]
    start = keras.Input(sides, batch_size=None if open_batch else 1)
    return quantized(keras.Model(start, make(keras.layers, start)), edges=edges)
