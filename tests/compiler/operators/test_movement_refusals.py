# SPDX-License-Identifier: Apache-2.0
"""Every refusal of tables, slices, resizing and transposed convolutions, by its text."""

from collections.abc import Callable

import numpy as np
import pytest
from refusal_models import CONV, UNEQUAL, constants, one_node, refusal, weights
from tflite_writer import ModelWriter

from tinytl.errors import ModelError
from tinytl.tflite.interpreter import Interpreter


def transposed(shape: list[int], weight_shape: tuple[int, ...]) -> bytes:
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4, 4, 2)), writer.tensor("out", tuple(shape))
    w = writer.tensor("weights", weight_shape, scale=0.01, data=np.zeros(weight_shape))
    fields = {"Padding": 0, "StrideH": 2, "StrideW": 2}
    writer.node("TRANSPOSE_CONV", [writer.constant("shape", shape), w, a], b, 3, "TransposeConvOptions", **fields)
    return writer.bytes([a], [b])


def parted(operator: str, inputs: Callable[[ModelWriter, int], list[int]], count: int, **fields: int) -> bytes:
    writer = ModelWriter()
    a, outputs = writer.tensor("in", (1, 4, 7)), [writer.tensor(f"part {i}", (1, 4, 1)) for i in range(count)]
    schemas = {"SPLIT": "SplitOptions", "SPLIT_V": "SplitVOptions", "UNPACK": "UnpackOptions"}
    writer.node(operator, inputs(writer, a), outputs, 1, schemas[operator], **fields)
    return writer.bytes([a], outputs)


CASES: list[tuple[str, Callable[[], bytes], str]] = [
    (
        "empty weights",
        lambda: one_node("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", extra=weights((1, 0, 1, 2)), **{**CONV, "Padding": 0}),
        "tensor 'weights' has shape [1, 0, 1, 2]; expected no empty side",
    ),
    ("logistic output", lambda: one_node("LOGISTIC"), "scale 0.05 and zero point 0; expected 1/256 and -128"),
    ("tanh output", lambda: one_node("TANH", output=UNEQUAL), "scale 0.07 and zero point 4; expected 1/128 and 0"),
    ("l2 output", lambda: one_node("L2_NORMALIZATION", "L2NormOptions"), "scale 0.05 and zero point 0; expected 1/128 and 0"),
    (
        "l2 activation",
        lambda: one_node("L2_NORMALIZATION", "L2NormOptions", output={"scale": 1 / 128}, FusedActivationFunction=1),
        "fused activation RELU; expected NONE",
    ),
    (
        "l2 depth",
        lambda: one_node("L2_NORMALIZATION", "L2NormOptions", shape=(1, 40000), output={"scale": 1 / 128}),
        "a norm of 40,000 values; expected at most 32,768",
    ),
    (
        "hard swish scales",
        lambda: one_node("HARD_SWISH", output={"scale": 1e-4}),
        "the output's scale 0.0001 is more than 128 times smaller than the input's; expected a larger one",
    ),
    (
        "leaky scales",
        lambda: one_node("LEAKY_RELU", "LeakyReluOptions", output={"scale": 1e-9}, Alpha=0.1),
        "rescaling factors are 5e+07 and 5e+06; expected finite ones less than 2^22",
    ),
    (
        "slice sizes",
        lambda: one_node("SLICE", extra=constants([0, 0, 0, 1], [1, 4, 4, 2])),
        "begins [0, 0, 0, 1] and sizes [1, 4, 4, 2]; expected parts of [1, 4, 4, 2]",
    ),
    ("slice rank", lambda: one_node("SLICE", extra=constants([0], [1])), "begins [0] and sizes [1]; expected 4 numbers each"),
    (
        "slice quantization",
        lambda: one_node("SLICE", output=UNEQUAL, extra=constants([0] * 4, [1] * 4)),
        "input 0 has scale 0.05 and zero point 0, the output 0.07 and 4; expected the same",
    ),
    (
        "strided slice stride",
        lambda: one_node("STRIDED_SLICE", "StridedSliceOptions", extra=constants([0], [1], [0])),
        "begins [0], ends [1], strides [0]; expected as many each, no stride 0",
    ),
    (
        "strided slice index",
        lambda: one_node("STRIDED_SLICE", "StridedSliceOptions", extra=constants([5], [6], [1]), ShrinkAxisMask=1),
        "index 5; expected -1 to 0",
    ),
    (
        "strided slice of nothing",
        lambda: one_node("STRIDED_SLICE", "StridedSliceOptions", extra=constants([0, 3], [1, 2], [1, 1])),
        "the output has shape [1, 0, 4, 2]; expected no empty side",
    ),
    (
        "strided slice count",
        lambda: one_node("STRIDED_SLICE", "StridedSliceOptions", extra=constants([0] * 5, [1] * 5, [1] * 5)),
        "5 slices of [1, 4, 4, 2]; expected at most 4",
    ),
    (
        "transpose",
        lambda: one_node("TRANSPOSE", extra=constants([0, 1, 1, 3])),
        "permutation [0, 1, 1, 3]; expected each of 0 to 3 once",
    ),
    (
        "broadcast",
        lambda: one_node("BROADCAST_TO", extra=constants([1, 4, 5, 2])),
        "[1, 4, 4, 2] does not repeat to [1, 4, 5, 2]; expected equal sides, or sides of 1",
    ),
    (
        "maximum scales",
        lambda: one_node("MAXIMUM", output=UNEQUAL, extra=lambda w: [w.tensor("b", (2,), data=[1, 2])]),
        "input 0 has scale 0.05 and zero point 0, the output 0.07 and 4; expected the same",
    ),
    (
        "prelu shape",
        lambda: one_node("PRELU", shape=(1, 4, 1, 2), extra=lambda w: [w.tensor("alpha", (3, 1), data=[1, 2, 3])]),
        "input 0 has shape [1, 4, 1, 2]; expected the output's, [1, 4, 3, 2]",
    ),
    (
        "resize size",
        lambda: one_node("RESIZE_BILINEAR", "ResizeBilinearOptions", extra=constants([0, 4])),
        "resizes [1, 4, 4, 2] to [0, 4]; expected two sides of 1 to 32,768",
    ),
    (
        "resize options",
        lambda: one_node(*("RESIZE_BILINEAR", "ResizeBilinearOptions"), extra=constants([8, 8]), AlignCorners=True, HalfPixelCenters=True),
        "align_corners and half_pixel_centers; expected at most one of them",
    ),
    (
        "resize behind the end",
        lambda: one_node("RESIZE_BILINEAR", "ResizeBilinearOptions", shape=(1, 300, 2, 1), extra=constants([4000, 2])),
        "the steps from 300 to 4000 places leave the input; expected fewer places",
    ),
    (
        "transposed convolution sides",
        lambda: transposed([1, 11, 8, 3], (3, 3, 3, 2)),
        "a side of 4 does not become 11; expected a side of 6",
    ),
    (
        "transposed convolution channels",
        lambda: transposed([1, 8, 8, 4], (3, 3, 3, 2)),
        "[1, 4, 4, 2] becomes [1, 8, 8, 4] by weights [3, 3, 3, 2]; expected [1, height, width, the weights' first side]",
    ),
    (
        "tile",
        lambda: one_node("TILE", extra=constants([1, 2, 2, 2])),
        "multiples [1, 2, 2, 2] of [1, 4, 4, 2]; expected copies along fewer dimensions",
    ),
    (
        "reduce max",
        lambda: one_node("REDUCE_MAX", "ReducerOptions", extra=constants([1, 3])),
        "the largest of [1, 4, 4, 2] along [1, 3]; expected neighbouring dimensions",
    ),
    (
        "space to batch",
        lambda: one_node("SPACE_TO_BATCH_ND", extra=constants([2, 2], [[0, 0], [0, 0]])),
        "is not part of a dilated convolution; expected SPACE_TO_BATCH_ND, a convolution of stride 1",
    ),
    (
        "space to batch sides",
        lambda: one_node("SPACE_TO_BATCH_ND", extra=constants([3, 2], [[0, 0], [0, 0]])),
        "padded sides [4, 4] by blocks [3, 2]; expected multiples",
    ),
    (
        "batch to space",
        lambda: one_node("BATCH_TO_SPACE_ND", extra=constants([2, 2], [[0, 0], [0, 0]])),
        "a batch of 1 by blocks [2, 2]; expected a multiple",
    ),
    ("fill", lambda: one_node("FILL", extra=constants(0)), "the shape tensor is int8; expected int32 or int64"),
    ("reverse", lambda: one_node("REVERSE_V2", extra=constants([4])), "axis 4; expected -4 to 3"),
]


def test_litert_refuses_concatenation_of_unequal_scales_too() -> None:
    """Its converter writes a QUANTIZE before it; the refusal is in test_operator_refusals."""
    writer = ModelWriter()
    a, b = writer.tensor("in", (1, 4)), writer.tensor("b", (1, 4), scale=0.02, data=[1, 2, 3, 4])
    c = writer.tensor("out", (1, 8))
    writer.node("CONCATENATION", [a, b], c, 1, "ConcatenationOptions", Axis=1)
    with pytest.raises(ModelError, match="scale"):
        Interpreter(writer.bytes([a], [c]))


@pytest.mark.parametrize(("make", "text"), [(make, text) for _, make, text in CASES], ids=[name for name, _, _ in CASES])
def test_refusal(make: Callable[[], bytes], text: str) -> None:
    found = refusal(make())
    assert text in found
    assert found.startswith("operator 0, ")


PARTS: list[tuple[str, Callable[[], bytes], str]] = [
    ("split", lambda: parted("SPLIT", lambda w, a: [w.constant("axis", 2), a], 2), "splits a side of 7 into 2; expected equal parts"),
    ("split axis", lambda: parted("SPLIT", lambda w, a: [w.constant("axis", 3), a], 2), "axis 3; expected -3 to 2"),
    (
        "split v",
        lambda: parted("SPLIT_V", lambda w, a: [a, w.constant("sizes", [3, 5]), w.constant("axis", 2)], 2),
        "splits a side of 7 into [3, 5]; expected 2 sizes of that sum",
    ),
    ("unpack", lambda: parted("UNPACK", lambda _, a: [a], 2, Axis=1), "unpacks a side of 4 into 2; expected one output a place"),
]


@pytest.mark.parametrize(("make", "text"), [(make, text) for _, make, text in PARTS], ids=[name for name, _, _ in PARTS])
def test_refusal_of_parts(make: Callable[[], bytes], text: str) -> None:
    found = refusal(make())
    assert found.startswith(f"operator 0, {found.split()[2]} version 1 (output 'part 0'): {text}")
