# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution 3×3 over pairs of rows: `depthwise_3x3` (runtime: kernels/dsp/depthwise.h)."""

from math import prod

import numpy as np

from tinytl.compiler.dsp import cost
from tinytl.compiler.dsp.candidate import Candidate, Constant, constant_data, operand
from tinytl.compiler.dsp.conv_2d import ALL_BITS
from tinytl.compiler.dsp.panels import bias_words, padded, wrapped
from tinytl.compiler.dsp.rescaling import SIGNED, Rescaling, find_rescaling
from tinytl.compiler.dsp.sums import sums_of
from tinytl.compiler.program import Program, ProgramOperator, parameters_of
from tinytl.compiler.variants import DEPTHWISE_3X3


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel for a 3×3 depthwise convolution of stride 1 or 2 with channels in fours."""
    weights = constant_data(program, operator, 1)
    named = parameters_of(operator)
    stride = named["stride_h"]
    fits = weights.shape[1:3] == (3, 3) and weights.shape[3] % 4 == 0 and named["depth_multiplier"] == 1
    if not fits or stride not in (1, 2) or named["stride_w"] != stride:
        return []
    if named["dilation_h"] != 1 or named["dilation_w"] != 1:
        return []
    sums = sums_of(program, operator, weights.reshape(9, -1).T)
    found = find_rescaling(sums.reference, ALL_BITS)
    if found is None:
        return []
    table = _table(weights[0], bias_words(sums.folded, found), found, stride)
    source, out = operand(program, operator, 0).dims, program.tensors[operator.outputs[0]].dims
    plane_columns = (out[2] - 1) * stride + 3
    layer = cost.DepthwiseLayer(
        stride=stride,
        height=out[1],
        width=out[2],
        packed_columns=min(source[2], plane_columns - named["pad_left"]),
        channels=source[3],
        plane_columns=plane_columns,
        signed=found.mode == SIGNED,
    )
    clamped = (named["act_min"], named["act_max"]) != (-128, 127)
    return [
        Candidate(
            variant=DEPTHWISE_3X3,
            inputs=operator.inputs[:1],
            constants=(Constant("channels", table, "int32"),),
            parameters=(
                *(named["pad_top"], named["pad_left"], stride, found.mode),
                *(named["act_min"], named["act_max"]),
            ),
            scratch_bytes=8 * source[3] * plane_columns + padded(source[2] * source[3]) + padded(out[2] * source[3]),
            instructions=cost.depthwise(layer) + (cost.clamping(prod(out)) if clamped else 0),
            weight_bytes=weights.size,
        )
    ]


def _halves(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return wrapped((low & 0xFFFF) | (high << 16))


def _table(weights: np.ndarray, biases: np.ndarray, found: Rescaling, stride: int) -> np.ndarray:
    """(3, 3, C) weights → (C, words) int32, the table of kernels/dsp/depthwise.h."""
    rows = (weights << found.scale_bits).transpose(2, 0, 1)  # C, row, column
    upper = _halves(rows[:, 0], rows[:, 1])
    lower = _halves(rows[:, 1], rows[:, 2]) if stride == 1 else _halves(rows[:, 2], np.zeros_like(rows[:, 2]))
    repeated = np.repeat(biases[:, None], 4 if stride == 1 else 2, axis=1)
    return np.ascontiguousarray(np.hstack([repeated, upper, lower, wrapped(found.words)]))
