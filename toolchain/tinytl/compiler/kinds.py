# SPDX-License-Identifier: Apache-2.0
"""The operators of an image, SPEC.md table 2.4 as data: code, name, parameters in order, and what may run in place.

A kernel of the runtime, a lowering of this package and a row of the table exist under the same name; a test compares
the three.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatorKind:
    """One row of the table.

    Attributes:
        code: opcode in the operator record. name: as in the table and of the kernel.
        parameters: names of the int32 parameters, in order; arrays of a number a dimension (pad, slice, transpose) count four each.
        in_place: positions of inputs whose bytes the output may take over when it is as large as they are.
    """

    code: int
    name: str
    parameters: tuple[str, ...] = ()
    in_place: tuple[int, ...] = ()


_WINDOW = ("pad_top", "pad_left", "stride_h", "stride_w")
_CLAMP = ("act_min", "act_max")
_DILATION = ("dilation_h", "dilation_w")
_FILTER = ("filter_h", "filter_w")

CONV_2D = OperatorKind(1, "conv_2d", (*_WINDOW, *_DILATION, *_CLAMP))
DEPTHWISE_CONV_2D = OperatorKind(2, "depthwise_conv_2d", (*_WINDOW, *_DILATION, "depth_multiplier", *_CLAMP))
FULLY_CONNECTED = OperatorKind(3, "fully_connected", _CLAMP)
AVERAGE_POOL_2D = OperatorKind(4, "average_pool_2d", (*_WINDOW, *_FILTER, *_CLAMP))
MAX_POOL_2D = OperatorKind(5, "max_pool_2d", (*_WINDOW, *_FILTER, *_CLAMP))
ADD = OperatorKind(
    6,
    "add",
    (
        *("a_offset", "a_multiplier", "a_shift", "b_offset", "b_multiplier", "b_shift", "left_shift"),
        *("out_multiplier", "out_shift", "out_offset", *_CLAMP),
    ),
    in_place=(0, 1),
)
MUL = OperatorKind(
    7, "mul", ("a_offset", "b_offset", "out_multiplier", "out_shift", "out_offset", *_CLAMP), in_place=(0, 1)
)
_SIDES = tuple(f"{end}{dimension}" for end in ("before", "after") for dimension in range(4))
PAD = OperatorKind(8, "pad", (*_SIDES, "value"))
RESHAPE = OperatorKind(9, "reshape")
MEAN = OperatorKind(10, "mean", ("axes_mask", "multiplier", "shift"))
SOFTMAX = OperatorKind(11, "softmax", ("input_multiplier", "input_left_shift", "diff_min"))
REQUANTIZE = OperatorKind(12, "requantize", ("multiplier", "shift"), in_place=(0,))
QUANTIZE = OperatorKind(13, "quantize")
DEQUANTIZE = OperatorKind(14, "dequantize")
CONCATENATION = OperatorKind(15, "concatenation", ("axis",))
RELU = OperatorKind(16, "relu", ("multiplier", "shift", *_CLAMP), in_place=(0,))
LOOKUP = OperatorKind(17, "lookup", in_place=(0,))
L2_NORMALIZATION = OperatorKind(18, "l2_normalization")
SLICE = OperatorKind(19, "slice", tuple(f"{field}{dimension}" for field in ("begin", "stride") for dimension in range(4)))
TRANSPOSE = OperatorKind(20, "transpose", tuple(f"permutation{dimension}" for dimension in range(4)))
SUB = OperatorKind(21, "sub", ADD.parameters, in_place=(0, 1))
MAXIMUM = OperatorKind(22, "maximum", in_place=(0, 1))
MINIMUM = OperatorKind(23, "minimum", in_place=(0, 1))
RESIZE_NEAREST_NEIGHBOR = OperatorKind(24, "resize_nearest_neighbor")
RESIZE_BILINEAR = OperatorKind(25, "resize_bilinear")
TRANSPOSE_CONV = OperatorKind(26, "transpose_conv", (*_WINDOW, *_CLAMP))
PRELU = OperatorKind(
    27,
    "prelu",
    ("a_offset", "b_offset", "above_multiplier", "above_shift", "below_multiplier", "below_shift", "out_offset"),
    in_place=(0, 1),
)
LSTM = OperatorKind(28, "lstm", ("cell_integer_bits", "cell_clip", "hidden_multiplier", "hidden_shift", "hidden_offset"))

KINDS: dict[int, OperatorKind] = {
    kind.code: kind
    for kind in (
        *(CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, AVERAGE_POOL_2D, MAX_POOL_2D, ADD, MUL, PAD, RESHAPE, MEAN),
        *(SOFTMAX, REQUANTIZE, QUANTIZE, DEQUANTIZE, CONCATENATION, RELU, LOOKUP, L2_NORMALIZATION, SLICE, TRANSPOSE),
        *(SUB, MAXIMUM, MINIMUM, RESIZE_NEAREST_NEIGHBOR, RESIZE_BILINEAR, TRANSPOSE_CONV, PRELU),
        LSTM,
    )
}
"""Opcode → kind."""
