# SPDX-License-Identifier: Apache-2.0
"""Every operator as Keras and TensorFlow write it, with random weights: the twin's bytes equal LiteRT's, for noise and for
extreme inputs, with a fixed and an open batch, and with every type of edge.
"""

import os
from typing import Any

import pytest
from keras_models import quantized
from keras_operators import FUNCTIONS, KERAS, tflite_of
from parity import assert_outputs_equal, samples_for

from thinning import thinned
from tinytl.compiler import compile_tflite
from tinytl.errors import CompileError

pytest.importorskip("tensorflow", reason="needs tinytl[host]")

SHORT = bool(os.environ.get("TINYTL_SHORT"))
SAMPLES = 60
REFUSED = {"unit normalization": "SQUARE"}
"""Model → operator without a kernel."""
OPEN = [
    *("convolution 1-D", "convolution 1-D dilated", "convolution 1-D causal dilated", "convolution 1-D dilated valid"),
    *("convolution dilated", "convolution dilated same", "depthwise dilated", "separable 1-D", "pooling 1-D"),
    *("transposed convolution", "transposed convolution valid", "time distributed dense", "repeat vector"),
    *("lstm unrolled", "gru unrolled", "simple recurrent layer unrolled"),
    *("upsampling nearest", "unet", "cropping", "permute", "zero padding 1-D"),
]
"""Models that the converter writes in another way when the batch is open."""


@pytest.mark.parametrize("name", thinned((name for name in (*KERAS, *FUNCTIONS) if name not in REFUSED), every=3))
def test_operator(name: str) -> None:
    tflite = tflite_of(name)
    assert_outputs_equal(tflite, samples_for(tflite, SAMPLES))


@pytest.mark.parametrize("name", thinned(OPEN, every=4))
def test_open_batch(name: str) -> None:
    tflite = tflite_of(name, open_batch=True)
    assert_outputs_equal(tflite, samples_for(tflite, SAMPLES))


@pytest.mark.parametrize("edges", ["uint8", "float32"])
@pytest.mark.parametrize("name", ["chain of activations", "convolution 1-D dilated", "unet", "split"])
def test_edges(name: str, edges: str) -> None:
    tflite = tflite_of(name, edges=edges)
    assert_outputs_equal(tflite, samples_for(tflite, SAMPLES))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    with pytest.raises(CompileError, match=rf"^operator \d+, {REFUSED[name]} version \d \(output '.*'\) is not supported"):
        compile_tflite(tflite_of(name))


@pytest.mark.parametrize("name", ["convolution 1-D causal dilated", "convolution dilated", "depthwise dilated"])
def test_batches_of_a_dilated_convolution_are_folded(name: str) -> None:
    kinds = [operator.kind for operator in compile_tflite(tflite_of(name, open_batch=True)).operators]
    assert set(kinds) <= {"pad", "conv_2d", "depthwise_conv_2d", "add"}


def mobilenet_v2(layers: Any, x: Any) -> Any:
    """Inverted residuals of MobileNetV2: expansion, strided depthwise after asymmetric padding, projection, addition."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    for channels, stride in ((8, 1), (12, 2), (12, 1), (16, 2), (16, 1)):
        y = layers.Conv2D(x.shape[-1] * 6, 1, use_bias=False)(x)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        if stride == 2:
            y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
        y = layers.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(y))
        x = layers.Add()([x, y]) if stride == 1 and x.shape[-1] == channels else y
    return layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def efficientnet(layers: Any, x: Any) -> Any:
    """MBConv blocks of EfficientNet with swish and squeeze-and-excite, kernels of 3 and 5."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="silu")(x)
    for channels, taps, stride in ((8, 3, 1), (12, 5, 2), (12, 5, 1)):
        y = layers.Conv2D(x.shape[-1] * 4, 1, activation="silu")(x)
        y = layers.DepthwiseConv2D(taps, strides=stride, padding="same", activation="silu")(y)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = layers.Conv2D(4, 1, activation="silu")(gate)
        y = layers.Multiply()([y, layers.Conv2D(y.shape[-1], 1, activation="sigmoid")(gate)])
        y = layers.Conv2D(channels, 1)(y)
        x = layers.Add()([x, y]) if stride == 1 else y
    return layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def efficientnet_lite(layers: Any, x: Any) -> Any:
    """The same without swish and gates, as EfficientNet-Lite is."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(x)
    for channels, taps, stride in ((8, 3, 1), (12, 5, 2), (12, 5, 1), (20, 3, 2)):
        y = layers.Conv2D(x.shape[-1] * 6, 1, activation="relu6")(x)
        y = layers.DepthwiseConv2D(taps, strides=stride, padding="same", activation="relu6")(y)
        y = layers.Conv2D(channels, 1)(y)
        x = layers.Add()([x, y]) if stride == 1 and x.shape[-1] == channels else y
    x = layers.AveragePooling2D(x.shape[1:3])(layers.Conv2D(24, 1, activation="relu6")(x))
    return layers.Dense(10, activation="softmax")(layers.Flatten()(x))


def mobilenet_v3(layers: Any, x: Any) -> Any:
    """Hard swish, and gates by a hard sigmoid written as relu6(x + 3) / 6."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="hard_silu")(x)
    for channels, stride in ((8, 1), (12, 2), (12, 1)):
        y = layers.Conv2D(x.shape[-1] * 3, 1, activation="hard_silu")(x)
        y = layers.DepthwiseConv2D(5, strides=stride, padding="same", activation="hard_silu")(y)
        gate = layers.Conv2D(6, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(y))
        gate = layers.Conv2D(y.shape[-1], 1)(gate)
        gate = layers.Rescaling(1 / 6)(layers.ReLU(6.0)(layers.Rescaling(1.0, offset=3.0)(gate)))
        y = layers.Conv2D(channels, 1)(layers.Multiply()([y, gate]))
        x = layers.Add()([x, y]) if stride == 1 else y
    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("open_batch", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "network", [mobilenet_v2, *(pytest.param(each, marks=pytest.mark.long) for each in (mobilenet_v3, efficientnet, efficientnet_lite))]
)
def test_known_architectures(network: Any, open_batch: bool) -> None:
    import keras

    keras.utils.set_random_seed(5)
    start = keras.Input((33, 31, 3), batch_size=None if open_batch else 1)
    tflite = quantized(keras.Model(start, network(keras.layers, start)), edges="uint8" if open_batch else "int8", samples=10)
    assert_outputs_equal(tflite, samples_for(tflite, 50))


@pytest.mark.long
@pytest.mark.parametrize("name", ["MobileNetV3Small", *(() if SHORT else ("EfficientNetV2B0", "DenseNet121", "NASNetMobile"))])
def test_keras_applications(name: str) -> None:
    """Whole networks as Keras ships them, untrained; logits, for a softmax of nearly equal numbers is refused."""
    import keras

    keras.utils.set_random_seed(5)
    model = getattr(keras.applications, name)(input_shape=(48, 48, 3), weights=None, classes=10, classifier_activation=None)
    tflite = quantized(model, samples=3, move=False)
    assert_outputs_equal(tflite, samples_for(tflite, 6))
