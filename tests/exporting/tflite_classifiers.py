# SPDX-License-Identifier: Apache-2.0
"""Small int8 classifiers as .tflite files, with every end that a converter makes, and a task that they know."""

from collections.abc import Callable

import numpy as np
from tflite_writer import ModelWriter

from tinytl.data.dataset import Dataset
from tinytl.tflite.interpreter import Interpreter

CLASSES, WIDTH, HIDDEN = 5, 12, 16
NAMES = ("ash", "birch", "cedar", "fir", "oak")
LOGITS = {"scale": 0.4, "zero_point": 3}
End = Callable[[ModelWriter, int], int]


def softmax(writer: ModelWriter, logits: int, beta: float = 1.0) -> int:
    out = writer.tensor("probabilities", (1, CLASSES), scale=1 / 256, zero_point=-128)
    writer.node("SOFTMAX", [logits], out, 1, "SoftmaxOptions", Beta=beta)
    return out


def logistic(writer: ModelWriter, logits: int) -> int:
    out = writer.tensor("sigmoid", (1, CLASSES), scale=1 / 256, zero_point=-128)
    writer.node("LOGISTIC", [logits], out)
    return out


def reshaped_softmax(writer: ModelWriter, logits: int) -> int:
    out = writer.tensor("reshaped", (1, CLASSES), **LOGITS)
    writer.node("RESHAPE", [logits, writer.constant("shape", [1, CLASSES])], out, 1, "ReshapeOptions", NewShape=[1, CLASSES])
    return softmax(writer, out)


def bare(writer: ModelWriter, logits: int) -> int:
    return logits


def floats(writer: ModelWriter, logits: int) -> int:
    out = writer.tensor("floats", (1, CLASSES), "float32", None)
    writer.node("DEQUANTIZE", [softmax(writer, logits)], out, 2, "DequantizeOptions")
    return out


def classifier(
    end: End = softmax, *, rows: bool = False, bias: bool = True, open_batch: bool = False, from_floats: bool = False, activation: int = 0,
    weights_dtype: str = "int8", constant: bool = True,
) -> bytes:  # fmt: skip
    """12 numbers → FULLY_CONNECTED with ReLU, 16 → FULLY_CONNECTED, 5 → `end`. rows: a scale for each row of the last weights."""
    random, writer = np.random.default_rng(5), ModelWriter()
    signature = (-1, WIDTH) if open_batch else None
    x = writer.tensor("x", (1, WIDTH), scale=0.05, zero_point=-7, signature=signature)
    start = x
    if from_floats:
        start = writer.tensor("real", (1, WIDTH), "float32", None)
        writer.node("QUANTIZE", [start], x, 1, "QuantizeOptions")
    first = writer.tensor("first", (HIDDEN, WIDTH), scale=0.02, data=random.integers(-127, 128, (HIDDEN, WIDTH)))
    offsets = writer.tensor("offsets", (HIDDEN,), "int32", scale=0.001, data=random.integers(-200, 200, HIDDEN))
    hidden = writer.tensor("hidden", (1, HIDDEN), scale=0.04, zero_point=-128, signature=signature and (-1, HIDDEN))
    writer.node("FULLY_CONNECTED", [x, first, offsets], hidden, 1, "FullyConnectedOptions", FusedActivationFunction=1)
    scales = [0.01 * (1 + row / 4) for row in range(CLASSES)] if rows else 0.015
    content = random.integers(-127, 128, (CLASSES, HIDDEN))
    last = writer.tensor("last", (CLASSES, HIDDEN), weights_dtype, scale=scales, data=content if constant else None)
    if not constant:
        writer.node("QUANTIZE", [writer.tensor("raw", (CLASSES, HIDDEN), scale=0.5, data=content)], last, 1, "QuantizeOptions")
    inputs = [hidden, last]
    if bias:
        unit = [0.04 * scale for scale in scales] if isinstance(scales, list) else 0.04 * scales
        inputs.append(writer.tensor("bias", (CLASSES,), "int32", scale=unit, data=random.integers(-900, 900, CLASSES)))
    out = writer.tensor("logits", (1, CLASSES), **LOGITS, signature=signature and (-1, CLASSES))
    writer.node("FULLY_CONNECTED", inputs, out, 1, "FullyConnectedOptions", FusedActivationFunction=activation)
    return writer.bytes([start], [end(writer, out)])


def stock(*, wide_signature: bool = False) -> bytes:
    """An image classifier as the stock converter writes one with an open batch: Flatten is SHAPE, STRIDED_SLICE, PACK, RESHAPE.

    wide_signature: the flattened tensor's second side is open too.
    """
    random, writer = np.random.default_rng(6), ModelWriter()
    x = writer.tensor("x", (1, 4, 4, 1), scale=0.05, zero_point=-7, signature=(-1, 4, 4, 1))
    weights = writer.tensor("weights", (3, 3, 3, 1), scale=0.02, data=random.integers(-127, 128, (3, 3, 3, 1)))
    offsets = writer.tensor("offsets", (3,), "int32", scale=0.001, data=random.integers(-200, 200, 3))
    image = writer.tensor("image", (1, 2, 2, 3), scale=0.04, zero_point=-128, signature=(-1, 2, 2, 3))
    options = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FusedActivationFunction": 1}
    writer.node("CONV_2D", [x, weights, offsets], image, 1, "Conv2DOptions", **options)
    sides, batch, wanted = (writer.tensor(name, shape, "int32", None) for name, shape in (("sides", (4,)), ("batch", ()), ("wanted", (2,))))
    writer.node("SHAPE", [image], sides, 1, "ShapeOptions", OutType=2)
    places = [writer.constant(f"places{each}", [each]) for each in (0, 1, 1)]
    writer.node("STRIDED_SLICE", [sides, *places], batch, 1, "StridedSliceOptions", ShrinkAxisMask=1)
    writer.node("PACK", [batch, writer.constant("width", 12)], wanted, 1, "PackOptions", ValuesCount=2)
    flat = writer.tensor(
        "flat", (1, 1 if wide_signature else 12), scale=0.04, zero_point=-128, signature=(-1, -1 if wide_signature else 12)
    )
    writer.node("RESHAPE", [image, wanted], flat, 1, "ReshapeOptions")
    last = writer.tensor("last", (CLASSES, 12), scale=0.015, data=random.integers(-127, 128, (CLASSES, 12)))
    out = writer.tensor("logits", (1, CLASSES), **LOGITS, signature=(-1, CLASSES))
    writer.node("FULLY_CONNECTED", [flat, last], out, 1, "FullyConnectedOptions")
    return writer.bytes([x], [softmax(writer, out)])


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (count, WIDTH)).astype(np.int8)


def task(classes: tuple[str, ...] = NAMES) -> Dataset:
    """int8 samples, labelled by the model itself, so that it has every one right."""
    x = samples(160)
    (answers,) = Interpreter(classifier()).run(x)
    y = answers.argmax(axis=1).astype(np.int64) % len(classes)
    return Dataset("trees", x[:120], y[:120], x[120:], y[120:], classes)
