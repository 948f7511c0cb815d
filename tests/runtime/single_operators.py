# SPDX-License-Identifier: Apache-2.0
"""Models of one operator each, for every operator of the image and every way its kernel can go: windows, strides, dilation,
padding, groups, tails of blocks of four, broadcasting, axes, depths, scales that shift left, right and not at all.

`MODELS` maps a readable name to a function that returns the bytes of a .tflite file. Written tensor by tensor: converters avoid
many of these cases.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil

import numpy as np
from recurrent_models import Lstm
from tflite_writer import ModelWriter

NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
SAME, VALID = 0, 1


def _weights(writer: ModelWriter, shape: tuple[int, ...], dimension: int, seed: int, *, per_channel: bool = True) -> tuple[int, np.ndarray]:
    """Add weights that reach ±127; return their number and their scales."""
    random = np.random.default_rng(seed)
    data = random.integers(-127, 128, shape)
    data.reshape(-1)[:2] = 127, -127
    scales = random.uniform(0.3, 2.0, shape[dimension] if per_channel else 1) / (150 * np.sqrt(np.prod(shape) / shape[dimension]))
    if per_channel and len(scales) > 2:
        scales[1], scales[2] = scales[1] * 900, scales[2] * 1e-7  # a shift to the left; a channel that is almost dead
    return writer.tensor("weights", shape, "int8", scales.tolist(), 0, data, dimension), scales


def _bias(writer: ModelWriter, scales: np.ndarray, channels: int, input_scale: float, seed: int) -> int:
    data = np.random.default_rng(seed + 1).integers(-9000, 9000, channels)
    return writer.tensor("bias", (channels,), "int32", (scales * input_scale).tolist(), data=data)


def _side(side: int, taps: int, stride: int, dilation: int, padding: int) -> int:
    return ceil(side / stride) if padding == SAME else (side - (taps - 1) * dilation - 1) // stride + 1


def convolution(
    sides: tuple[int, int, int], filters: tuple[int, int], outputs: int, *, strides: tuple[int, int] = (1, 1),
    dilations: tuple[int, int] = (1, 1), padding: int = SAME, groups: int = 1, activation: int = NONE, per_channel: bool = True,
) -> bytes:  # fmt: skip
    """sides: height, width, channels of the input."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, *sides), scale=0.04, zero_point=-17)
    w, scales = _weights(writer, (outputs, *filters, sides[2] // groups), 0, 3, per_channel=per_channel)
    b = _bias(writer, scales, outputs, 0.04, 3)
    out_sides = [_side(*each, padding) for each in zip(sides[:2], filters, strides, dilations, strict=True)]
    out = writer.tensor("out", (1, *out_sides, outputs), scale=0.03, zero_point=11)
    writer.node(
        *("CONV_2D", [a, w, b], out, 1, "Conv2DOptions"), Padding=padding, StrideH=strides[0], StrideW=strides[1],
        DilationHFactor=dilations[0], DilationWFactor=dilations[1], FusedActivationFunction=activation,
    )  # fmt: skip
    return writer.bytes([a], [out])


def depthwise(
    sides: tuple[int, int, int], filters: tuple[int, int], multiplier: int = 1, *, stride: int = 1, dilations: tuple[int, int] = (1, 1),
    padding: int = SAME, activation: int = NONE, per_channel: bool = True,
) -> bytes:  # fmt: skip
    writer = ModelWriter()
    outputs = sides[2] * multiplier
    a = writer.tensor("in", (1, *sides), scale=0.05, zero_point=23)
    w, scales = _weights(writer, (1, *filters, outputs), 3, 5, per_channel=per_channel)
    b = _bias(writer, scales, outputs, 0.05, 5)
    out_sides = [_side(side, taps, stride, dilation, padding) for side, taps, dilation in zip(sides[:2], filters, dilations, strict=True)]
    out = writer.tensor("out", (1, *out_sides, outputs), scale=0.05, zero_point=-60)
    writer.node(
        *("DEPTHWISE_CONV_2D", [a, w, b], out, 1, "DepthwiseConv2DOptions"), Padding=padding, StrideH=stride, StrideW=stride,
        DepthMultiplier=multiplier, DilationHFactor=dilations[0], DilationWFactor=dilations[1], FusedActivationFunction=activation,
    )  # fmt: skip
    return writer.bytes([a], [out])


def fully_connected(rows: int, width: int, outputs: int, *, activation: int = NONE, per_channel: bool = True) -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", (rows, width) if rows == 1 else (1, rows, width), scale=0.02, zero_point=-128)
    w, scales = _weights(writer, (outputs, width), 0, 7, per_channel=per_channel)
    b = _bias(writer, scales, outputs, 0.02, 7)
    shape = (rows, outputs) if rows == 1 else (1, rows, outputs)
    out = writer.tensor("out", shape, scale=0.017, zero_point=3)
    fields = {"FusedActivationFunction": activation, "KeepNumDims": rows > 1}
    writer.node("FULLY_CONNECTED", [a, w, b], out, 5 if rows > 1 else 1, "FullyConnectedOptions", **fields)
    return writer.bytes([a], [out])


def pool(
    kind: str, sides: tuple[int, int, int], filters: tuple[int, int], strides: tuple[int, int], padding: int = SAME, activation: int = NONE
) -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", (1, *sides), scale=0.05, zero_point=-9)
    out_sides = [_side(*each, 1, padding) for each in zip(sides[:2], filters, strides, strict=True)]
    out = writer.tensor("out", (1, *out_sides, sides[2]), scale=0.05, zero_point=-9)
    writer.node(
        *(f"{kind}_POOL_2D", [a], out, 1, "Pool2DOptions"), Padding=padding, StrideH=strides[0], StrideW=strides[1],
        FilterHeight=filters[0], FilterWidth=filters[1], FusedActivationFunction=activation,
    )  # fmt: skip
    return writer.bytes([a], [out])


def binary(operator: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...], scales: Sequence[float], activation: int = NONE) -> bytes:
    """ADD, MUL or SUB of the input and a constant. scales: a, b, out."""
    writer = ModelWriter()
    a = writer.tensor("in", a_shape, scale=scales[0], zero_point=-40)
    data = np.random.default_rng(9).integers(-128, 128, b_shape)
    b = writer.tensor("b", b_shape, scale=scales[1], zero_point=30, data=data)
    out = writer.tensor("out", np.broadcast_shapes(a_shape, b_shape), scale=scales[2], zero_point=5)
    writer.node(operator, [a, b], out, 1, f"{operator.capitalize()}Options", FusedActivationFunction=activation)
    return writer.bytes([a], [out])


def twice(operator: str) -> bytes:
    """x + x or x · x: both operands are one tensor."""
    writer = ModelWriter()
    a, out = writer.tensor("in", (1, 257), scale=0.05, zero_point=4), writer.tensor("out", (1, 257), scale=0.11, zero_point=-4)
    writer.node(operator, [a, a], out, 1, f"{operator.capitalize()}Options")
    return writer.bytes([a], [out])


def pad(shape: tuple[int, ...], pairs: list[tuple[int, int]], value: int | None = None) -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", shape, scale=0.05, zero_point=31)
    padded = tuple(side + sum(pair) for side, pair in zip(shape, pairs, strict=True))
    out = writer.tensor("out", padded, scale=0.05, zero_point=31)
    inputs = [a, writer.constant("paddings", pairs)]
    if value is not None:
        inputs.append(writer.tensor("value", (), "int8", 0.05, 31, value))
    writer.node("PAD" if value is None else "PADV2", inputs, out)
    return writer.bytes([a], [out])


def mean(shape: tuple[int, ...], axes: list[int], *, keep: bool = False, scale: float = 0.05) -> bytes:
    writer = ModelWriter()
    a = writer.tensor("in", shape, scale=0.05, zero_point=-77)
    averaged = {axis % len(shape) for axis in axes}
    kept = tuple(1 if d in averaged else side for d, side in enumerate(shape) if keep or d not in averaged)
    out = writer.tensor("out", kept, scale=scale, zero_point=19)
    writer.node("MEAN", [a, writer.constant("axes", axes)], out, 1, "ReducerOptions", KeepDims=keep)
    return writer.bytes([a], [out])


def arg_max(shape: tuple[int, ...], axis: int) -> bytes:
    writer = ModelWriter()
    a, kept = writer.tensor("in", shape), tuple(side for d, side in enumerate(shape) if d != axis % len(shape))
    out = writer.tensor("out", kept, "int32", None)
    writer.node("ARG_MAX", [a, writer.constant("axis", [axis])], out, 1, "ArgMaxOptions", OutputType=2)
    return writer.bytes([a], [out])


def softmax(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> bytes:
    writer = ModelWriter()
    a, out = writer.tensor("in", shape, scale=scale, zero_point=8), writer.tensor("out", shape, scale=1 / 256, zero_point=-128)
    writer.node("SOFTMAX", [a], out, 1, "SoftmaxOptions", Beta=beta)
    return writer.bytes([a], [out])


def cast(operator: str, source: tuple[str, float | None, int], target: tuple[str, float | None, int]) -> bytes:
    """One operator without options from one type, scale and zero point to another."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, 300), *source)
    out = writer.tensor("out", (1, 300), *target)
    writer.node(operator, [a], out)
    return writer.bytes([a], [out])


def concatenation(shapes: Sequence[tuple[int, ...]], axis: int) -> bytes:
    """The input, and constants of the other shapes."""
    writer = ModelWriter()
    random = np.random.default_rng(1)
    tensors = [writer.tensor("in", shapes[0], scale=0.05, zero_point=2)]
    for number, shape in enumerate(shapes[1:]):
        tensors.append(writer.tensor(f"part {number}", shape, "int8", 0.05, 2, random.integers(-128, 128, shape)))
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    out = writer.tensor("out", tuple(joined), scale=0.05, zero_point=2)
    writer.node("CONCATENATION", [*tensors[1:2], tensors[0], *tensors[2:]], out, 1, "ConcatenationOptions", Axis=axis)
    return writer.bytes(tensors[:1], [out])


def normalization(shape: tuple[int, ...], scale: float, zero_point: int) -> bytes:
    writer = ModelWriter()
    a, out = writer.tensor("in", shape, scale=scale, zero_point=zero_point), writer.tensor("out", shape, scale=1 / 128, zero_point=0)
    writer.node("L2_NORMALIZATION", [a], out, 2, "L2NormOptions")
    return writer.bytes([a], [out])


def moved(
    operator: str, shape: tuple[int, ...], out_shape: tuple[int, ...], *numbers: list[int], schema: str = "", version: int = 1, **fields: int
) -> bytes:  # fmt: skip
    """An operator that moves bytes, with its constants."""
    writer = ModelWriter()
    a, out = writer.tensor("in", shape, scale=0.05, zero_point=2), writer.tensor("out", out_shape, scale=0.05, zero_point=2)
    writer.node(operator, [a, *(writer.constant(f"numbers {i}", each) for i, each in enumerate(numbers))], out, version, schema, **fields)
    return writer.bytes([a], [out])


def parted(operator: str, shape: tuple[int, ...], sizes: list[int], axis: int) -> bytes:
    """SPLIT, SPLIT_V or UNPACK: every part is an output."""
    writer = ModelWriter()
    a, outputs = writer.tensor("in", shape, scale=0.05, zero_point=2), []
    for number, size in enumerate(sizes):
        part = [size if d == axis % len(shape) else side for d, side in enumerate(shape)]
        if operator == "UNPACK":
            del part[axis]
        outputs.append(writer.tensor(f"part {number}", tuple(part), scale=0.05, zero_point=2))
    if operator == "SPLIT":
        writer.node(operator, [writer.constant("axis", axis), a], outputs, 2, "SplitOptions", NumSplits=len(sizes))
    elif operator == "SPLIT_V":
        given = [*sizes[:-1], -1]
        writer.node(
            operator, [a, writer.constant("sizes", given), writer.constant("axis", axis)], outputs, 2, "SplitVOptions", NumSplits=len(sizes)
        )
    else:
        writer.node(operator, [a], outputs, 2, "UnpackOptions", Num=len(sizes), Axis=axis)
    return writer.bytes([a], outputs)


def pair(operator: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> bytes:
    """MAXIMUM or MINIMUM of the input and a constant."""
    writer = ModelWriter()
    a = writer.tensor("in", a_shape, scale=0.05, zero_point=7)
    b = writer.tensor("b", b_shape, "int8", 0.05, 7, np.random.default_rng(3).integers(-128, 128, b_shape))
    out = writer.tensor("out", np.broadcast_shapes(a_shape, b_shape), scale=0.05, zero_point=7)
    writer.node(operator, [a, b], out, 2, "MaximumMinimumOptions")
    return writer.bytes([a], [out])


def resize(kind: str, sides: tuple[int, int, int], out: tuple[int, int], *, corners: bool = False, centers: bool = False) -> bytes:
    schema = {"NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions", "BILINEAR": "ResizeBilinearOptions"}[kind]
    return moved(
        *(f"RESIZE_{kind}", (1, *sides), (1, *out, sides[2]), list(out)), schema=schema, AlignCorners=corners, HalfPixelCenters=centers
    )  # fmt: skip


def transposed(
    sides: tuple[int, int, int], filters: tuple[int, int], outputs: int, *, strides: tuple[int, int] = (2, 2), padding: int = SAME,
    bias: bool = True, per_channel: bool = True, activation: int = NONE, extra: int = 0,
) -> bytes:  # fmt: skip
    """extra: rows and columns more than the smallest output that has these sides as its convolution's."""
    writer = ModelWriter()
    a = writer.tensor("in", (1, *sides), scale=0.04, zero_point=-17)
    w, scales = _weights(writer, (outputs, *filters, sides[2]), 0, 3, per_channel=per_channel)
    smallest = [(s - 1) * stride + (1 if padding == SAME else taps) for s, stride, taps in zip(sides[:2], strides, filters, strict=True)]
    shape = (1, smallest[0] + extra, smallest[1] + extra, outputs)
    inputs = [writer.constant("shape", shape), w, a, *([_bias(writer, scales, outputs, 0.04, 3)] if bias else [])]
    out = writer.tensor("out", shape, scale=0.03, zero_point=11)
    writer.node(
        *("TRANSPOSE_CONV", inputs, out, 4 if activation else 3, "TransposeConvOptions"),
        **{"Padding": padding, "StrideH": strides[0], "StrideW": strides[1], "FusedActivationFunction": activation},
    )
    return writer.bytes([a], [out])


def prelu(a_shape: tuple[int, ...], alpha_shape: tuple[int, ...], scales: Sequence[float]) -> bytes:
    """scales: input, alpha, out."""
    writer = ModelWriter()
    a = writer.tensor("in", a_shape, scale=scales[0], zero_point=-20)
    alpha = writer.tensor("alpha", alpha_shape, "int8", scales[1], 9, np.random.default_rng(4).integers(-128, 128, alpha_shape))
    out = writer.tensor("out", a_shape, scale=scales[2], zero_point=-50)
    writer.node("PRELU", [a, alpha], out)
    return writer.bytes([a], [out])


def leaky(alpha: float, scale: float) -> bytes:
    writer = ModelWriter()
    a, out = writer.tensor("in", (1, 300), scale=0.05, zero_point=-20), writer.tensor("out", (1, 300), scale=scale, zero_point=-100)
    writer.node("LEAKY_RELU", [a], out, 2, "LeakyReluOptions", Alpha=alpha)
    return writer.bytes([a], [out])


MODELS: dict[str, Callable[[], bytes]] = {
    "conv_2d 3x3 same": partial(convolution, (7, 5, 3), (3, 3), 6),
    "conv_2d 3x3 valid relu6": partial(convolution, (7, 5, 3), (3, 3), 4, padding=VALID, activation=RELU6),
    "conv_2d 1x1": partial(convolution, (4, 3, 9), (1, 1), 7, activation=RELU),
    "conv_2d 2x5 strides 2x3": partial(convolution, (9, 13, 2), (2, 5), 5, strides=(2, 3)),
    "conv_2d 10x4 stride 2 one channel": partial(convolution, (21, 10, 1), (10, 4), 8, strides=(2, 2), activation=RELU),
    "conv_2d dilation 2x3": partial(convolution, (9, 11, 4), (3, 3), 5, dilations=(2, 3)),
    "conv_2d dilation 2 valid": partial(convolution, (9, 11, 4), (3, 2), 4, dilations=(2, 2), padding=VALID),
    "conv_2d dilation wider than the input": partial(convolution, (3, 2, 4), (3, 3), 4, dilations=(4, 5)),
    "conv_2d even taps beside the input": partial(convolution, (1, 1, 4), (2, 2), 5, dilations=(2, 2)),
    "conv_2d 2 groups": partial(convolution, (6, 5, 8), (3, 3), 12, groups=2),
    "conv_2d 3 groups of one output": partial(convolution, (5, 5, 6), (3, 2), 3, groups=3, strides=(2, 1)),
    "conv_2d groups of one channel": partial(convolution, (5, 4, 5), (3, 3), 10, groups=5, dilations=(1, 2)),
    "conv_2d one scale": partial(convolution, (5, 6, 3), (3, 3), 9, per_channel=False, activation=RELU_N1_TO_1),
    "conv_2d window larger than the input": partial(convolution, (2, 3, 2), (5, 7), 4),
    "conv_2d stride larger than the window": partial(convolution, (11, 12, 3), (1, 1), 4, strides=(3, 4)),
    "depthwise_conv_2d 3x3": partial(depthwise, (7, 5, 8), (3, 3)),
    "depthwise_conv_2d 3x3 tail of channels": partial(depthwise, (7, 5, 7), (3, 3), stride=2, activation=RELU),
    "depthwise_conv_2d 1x5 valid": partial(depthwise, (4, 9, 5), (1, 5), padding=VALID),
    "depthwise_conv_2d stride 4 multiplier 2": partial(depthwise, (13, 11, 5), (5, 3), 2, stride=4),
    "depthwise_conv_2d multiplier 3": partial(depthwise, (5, 6, 3), (3, 2), 3, activation=RELU6),
    "depthwise_conv_2d multiplier 8 of one channel": partial(depthwise, (9, 8, 1), (10, 8), 8, stride=2),
    "depthwise_conv_2d dilation 2x1": partial(depthwise, (8, 7, 4), (3, 3), dilations=(2, 1)),
    "depthwise_conv_2d even taps beside the input": partial(depthwise, (1, 1, 5), (2, 2), dilations=(2, 2)),
    "depthwise_conv_2d one scale": partial(depthwise, (6, 6, 6), (3, 3), per_channel=False),
    "fully_connected 1x40": partial(fully_connected, 1, 40, 11),
    "fully_connected rows": partial(fully_connected, 3, 17, 6, activation=RELU),
    "fully_connected one output": partial(fully_connected, 1, 9, 1, per_channel=False),
    "average_pool_2d same": partial(pool, "AVERAGE", (7, 5, 3), (3, 2), (2, 2)),
    "average_pool_2d whole": partial(pool, "AVERAGE", (5, 5, 6), (5, 5), (1, 1), VALID),
    "average_pool_2d window larger than the input": partial(pool, "AVERAGE", (3, 4, 3), (5, 6), (1, 2)),
    "average_pool_2d relu6": partial(pool, "AVERAGE", (6, 6, 2), (2, 2), (2, 2), VALID, RELU6),
    "max_pool_2d same": partial(pool, "MAX", (7, 5, 3), (3, 3), (2, 1)),
    "max_pool_2d stride larger than the window": partial(pool, "MAX", (9, 11, 3), (2, 2), (3, 4), activation=RELU_N1_TO_1),
    "max_pool_2d valid relu": partial(pool, "MAX", (8, 7, 2), (2, 3), (2, 3), VALID, RELU),
    "add same shape": partial(binary, "ADD", (1, 4, 5, 6), (1, 4, 5, 6), (0.05, 0.05, 0.07)),
    "add one value a channel": partial(binary, "ADD", (1, 4, 5, 6), (6,), (0.05, 0.1, 0.2), RELU),
    "add one value": partial(binary, "ADD", (1, 4, 5, 6), (), (0.05, 0.001, 0.05), RELU6),
    "add a column": partial(binary, "ADD", (1, 4, 5, 6), (1, 4, 1, 1), (0.01, 0.5, 0.4)),
    "add twice": partial(twice, "ADD"),
    "slice for an add where both repeat": partial(binary, "ADD", (1, 4, 1, 6), (5, 1), (0.05, 0.03, 0.06)),
    "mul same shape": partial(binary, "MUL", (1, 4, 5, 6), (1, 4, 5, 6), (0.05, 0.02, 0.1)),
    "mul one value a channel": partial(binary, "MUL", (1, 4, 5, 6), (1, 1, 1, 6), (0.05, 0.03, 0.1), RELU),
    "mul of coarse scales": partial(binary, "MUL", (1, 64), (1, 64), (0.9, 0.9, 90.0)),
    "mul into a finer scale": partial(binary, "MUL", (1, 64), (1, 64), (0.9, 0.9, 0.5)),
    "mul twice": partial(twice, "MUL"),
    "slice for a mul where both repeat": partial(binary, "MUL", (1, 4, 1, 6), (5, 1), (0.05, 0.03, 0.004)),
    "pad 4-D": partial(pad, (1, 3, 4, 2), [(0, 0), (1, 2), (3, 0), (1, 1)]),
    "pad 2-D with a value": partial(pad, (1, 7), [(0, 0), (2, 3)], -5),
    "mean over rows and columns": partial(mean, (1, 6, 7, 5), [1, 2]),
    "mean over channels": partial(mean, (1, 6, 7, 5), [-1], scale=0.07),
    "mean over columns keeps them": partial(mean, (1, 6, 7, 5), [2], keep=True, scale=0.4),
    "mean over all of a vector": partial(mean, (1, 130), [1], keep=True),
    "mean over rows and channels": partial(mean, (1, 6, 7, 5), [1, 3], scale=0.06),
    "mean over all but the batch": partial(mean, (1, 9, 7, 5), [-3, -2, -1], keep=True, scale=0.009),
    "softmax 10": partial(softmax, (1, 10), 0.1),
    "softmax rows": partial(softmax, (1, 3, 4, 5), 0.4, 0.7),
    "softmax 400": partial(softmax, (1, 400), 0.03),
    "softmax 2 of a coarse scale": partial(softmax, (1, 2), 3.0),
    "softmax 7 of large logits": partial(softmax, (1, 7), 1.7, 2.5),
    "requantize finer": partial(cast, "QUANTIZE", ("int8", 0.1, -3), ("int8", 0.03, 60)),
    "requantize coarser": partial(cast, "QUANTIZE", ("int8", 0.1, -3), ("int8", 0.9, -60)),
    "requantize uint8 to int8": partial(cast, "QUANTIZE", ("uint8", 0.1, 129), ("int8", 0.1, 1)),
    "requantize int8 to uint8": partial(cast, "QUANTIZE", ("int8", 0.1, 0), ("uint8", 0.02, 255)),
    "quantize to int8": partial(cast, "QUANTIZE", ("float32", None, 0), ("int8", 0.013, -100)),
    "quantize to uint8": partial(cast, "QUANTIZE", ("float32", None, 0), ("uint8", 0.02, 128)),
    "dequantize int8": partial(cast, "DEQUANTIZE", ("int8", 0.0173, -100), ("float32", None, 0)),
    "dequantize uint8": partial(cast, "DEQUANTIZE", ("uint8", 0.9, 3), ("float32", None, 0)),
    "concatenation of channels": partial(concatenation, [(1, 3, 4, 5), (1, 3, 4, 2), (1, 3, 4, 1)], 3),
    "concatenation of rows": partial(concatenation, [(1, 3, 4, 5), (1, 2, 4, 5)], 1),
    "concatenation of columns": partial(concatenation, [(1, 3, 4, 5), (1, 3, 1, 5), (1, 3, 7, 5)], 2),
    "concatenation of vectors": partial(concatenation, [(1, 13), (1, 1), (1, 5), (1, 2)], 1),
    "relu": partial(cast, "RELU", ("int8", 0.05, 20), ("int8", 0.05, -128)),
    "relu into a finer scale": partial(cast, "RELU", ("int8", 0.05, 20), ("int8", 0.011, -128)),
    "relu6": partial(cast, "RELU6", ("int8", 0.1, -7), ("int8", 6 / 255, -128)),
    "relu n1 to 1": partial(cast, "RELU_N1_TO_1", ("int8", 0.05, 0), ("int8", 1 / 127, 0)),
    "lookup logistic": partial(cast, "LOGISTIC", ("int8", 0.06, 20), ("int8", 1 / 256, -128)),
    "lookup logistic of a coarse scale": partial(cast, "LOGISTIC", ("int8", 5.0, 0), ("int8", 1 / 256, -128)),
    "lookup tanh": partial(cast, "TANH", ("int8", 0.03, -5), ("int8", 1 / 128, 0)),
    "lookup hard swish": partial(cast, "HARD_SWISH", ("int8", 0.06, 3), ("int8", 0.04, -119)),
    "lookup leaky relu": partial(leaky, 0.2, 0.04),
    "lookup leaky relu of a negative slope": partial(leaky, -1.5, 0.11),
    "l2_normalization rows": partial(normalization, (1, 3, 4, 5), 0.05, 20),
    "l2_normalization of a vector": partial(normalization, (1, 300), 0.3, -128),
    "l2_normalization of one number": partial(normalization, (1, 7, 1), 0.3, 5),
    "slice": partial(moved, "SLICE", (1, 6, 7, 5), (1, 3, 6, 2), [0, 2, 1, 3], [1, 3, 6, -1]),
    "slice backwards by strides": partial(
        *(moved, "STRIDED_SLICE", (1, 6, 7, 5), (1, 3, 4, 2), [0, 5, 0, 4], [1, 0, 7, 0], [1, -2, 2, -3]), schema="StridedSliceOptions"
    ),
    "slice with masks": partial(
        *(moved, "STRIDED_SLICE", (1, 6, 7, 5), (1, 6, 4), [0, 0, -3, 1], [9, 9, 0, 0], [1, 1, 1, 1]),
        schema="StridedSliceOptions",
        BeginMask=2,
        EndMask=2 + 8,
        ShrinkAxisMask=4,
    ),
    "slice after an ellipsis": partial(
        *(moved, "STRIDED_SLICE", (1, 6, 5), (1, 6, 1, 2), [0, 0, 1], [0, 0, 3], [1, 1, 1]),
        schema="StridedSliceOptions",
        EllipsisMask=1,
        NewAxisMask=2,
    ),
    "slice split": partial(parted, "SPLIT", (1, 4, 3, 6), [2, 2, 2], -1),
    "slice split by rows": partial(parted, "SPLIT", (1, 4, 3, 6), [2, 2], 1),
    "slice split v": partial(parted, "SPLIT_V", (1, 4, 7), [2, 4, 1], 2),
    "slice unpack": partial(parted, "UNPACK", (1, 3, 4, 2), [1, 1, 1], 1),
    "slice broadcast": partial(moved, "BROADCAST_TO", (1, 4, 1), (1, 3, 4, 5), [1, 3, 4, 5], version=2),
    "slice reversed": partial(moved, "REVERSE_V2", (1, 3, 4, 5), (1, 3, 4, 5), [1, 2]),
    "slice tiles": partial(moved, "TILE", (1, 3, 4, 2), (1, 6, 4, 6), [1, 2, 1, 3], version=2),
    "slice tiles rows": partial(moved, "TILE", (1, 3, 4), (1, 9, 4), [1, 3, 1], version=2),
    "max_pool_2d of everything": partial(moved, "REDUCE_MAX", (1, 5, 6, 3), (1, 3), [1, 2], schema="ReducerOptions"),
    "max_pool_2d along channels": partial(*(moved, "REDUCE_MAX", (1, 5, 6, 3), (1, 5, 6, 1), [-1]), schema="ReducerOptions", KeepDims=True),
    "max_pool_2d along columns": partial(moved, "REDUCE_MAX", (1, 5, 6, 3), (1, 5, 3), [2], schema="ReducerOptions"),
    "transpose 4-D": partial(moved, "TRANSPOSE", (1, 3, 4, 5), (1, 5, 3, 4), [0, 3, 1, 2]),
    "transpose 3-D": partial(moved, "TRANSPOSE", (1, 6, 4), (1, 4, 6), [0, 2, 1]),
    "sub same shape": partial(binary, "SUB", (1, 4, 5, 6), (1, 4, 5, 6), (0.05, 0.08, 0.07)),
    "sub one value a channel": partial(binary, "SUB", (1, 4, 5, 6), (6,), (0.05, 0.1, 0.2), RELU),
    "sub from a larger one": partial(binary, "SUB", (1, 4, 1, 6), (1, 4, 5, 6), (0.05, 0.03, 0.06), RELU6),
    "sub both repeat": partial(binary, "SUB", (1, 4, 1, 6), (5, 1), (0.05, 0.03, 0.06)),
    "prelu one slope a channel": partial(prelu, (1, 4, 5, 6), (1, 1, 6), (0.05, 0.01, 0.05)),
    "prelu one slope a place": partial(prelu, (1, 4, 5, 6), (4, 5, 6), (0.05, 0.02, 0.011)),
    "maximum": partial(pair, "MAXIMUM", (1, 4, 5, 6), (1, 4, 5, 6)),
    "maximum both repeat": partial(pair, "MAXIMUM", (1, 4, 1, 6), (5, 1)),
    "minimum": partial(pair, "MINIMUM", (1, 4, 5, 6), (6,)),
    "resize_nearest_neighbor larger": partial(resize, "NEAREST_NEIGHBOR", (5, 7, 3), (12, 9)),
    "resize_nearest_neighbor by corners": partial(resize, "NEAREST_NEIGHBOR", (5, 7, 3), (13, 4), corners=True),
    "resize_nearest_neighbor by centers": partial(resize, "NEAREST_NEIGHBOR", (6, 7, 3), (11, 5), centers=True),
    "resize_bilinear larger": partial(resize, "BILINEAR", (5, 7, 3), (12, 9)),
    "resize_bilinear by corners": partial(resize, "BILINEAR", (5, 7, 3), (13, 4), corners=True),
    "resize_bilinear by centers": partial(resize, "BILINEAR", (6, 7, 3), (12, 5), centers=True),
    "resize_bilinear of one place": partial(resize, "BILINEAR", (1, 3, 4), (7, 1), centers=True),
    "transpose_conv 3x3 same": partial(transposed, (4, 5, 3), (3, 3), 6, extra=1),
    "transpose_conv 3x2 valid": partial(transposed, (4, 5, 3), (3, 2), 4, padding=VALID, bias=False),
    "transpose_conv 4x4 strides 3x1": partial(transposed, (3, 4, 5), (4, 4), 3, strides=(3, 1), activation=RELU),
    "transpose_conv stride larger than the window": partial(transposed, (3, 4, 2), (2, 1), 3, strides=(3, 4), padding=VALID, extra=1),
    "lstm": Lstm(12, 7, 9).bytes,
    "lstm of one step and unit": Lstm(1, 1, 1, seed=2).bytes,
    "lstm of saturated gates": Lstm(15, 5, 6, energy=40.0, cell_bits=4, seed=3).bytes,
    "lstm without a clip": Lstm(20, 4, 5, energy=9.0, cell_bits=0, clip=0.0, seed=4).bytes,
    "lstm of a low clip": Lstm(20, 4, 5, energy=9.0, cell_bits=3, clip=0.4, seed=5).bytes,
    "arg_max of a vector": partial(arg_max, (1, 10), 1),
    "arg_max along channels": partial(arg_max, (1, 4, 5, 6), -1),
    "arg_max along rows": partial(arg_max, (1, 4, 5, 6), 1),
    "arg_max of one number": partial(arg_max, (1, 7, 1), 2),
    "transpose_conv one scale": partial(transposed, (4, 3, 3), (5, 5), 3, per_channel=False),
}
