# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions: `depthwise_3x3` over pairs of rows and `depthwise_windows`, tap by tap (kernels/dsp/depthwise.h, taps.h)."""

from math import prod

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.kernels.dsp.conv_2d import ALL_BITS, window_parameters
from tinytl.compiler.kernels.dsp.panels import bias_words, padded, wrapped
from tinytl.compiler.kernels.dsp.rescaling import SIGNED, Rescaling, find_rescaling
from tinytl.compiler.kernels.sums import Sums, sums_of
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.compiler.variants import DEPTHWISE_3X3, DEPTHWISE_WINDOWS

MOST_TAPS = 1 << 10
"""Of `depthwise_windows`."""


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernels for a depthwise convolution with channels in fours and depth multiplier 1."""
    weights, named = constant_data(program, operator, 1), parameters_of(operator)
    if weights.shape[3] % 4 or named["depth_multiplier"] != 1:
        return []
    sums = sums_of(program, operator, weights.reshape(-1, weights.shape[3]).T)
    rescaling = find_rescaling(sums.reference, ALL_BITS)
    if rescaling is None:
        return []
    kernels = [_rows(program, operator, weights, sums, rescaling)] if _fits_rows(weights, named) else []
    in_arena = operand(program, operator, 0).storage != CONSTANT  # near enough to scratch for 32-bit distances on a workstation too
    by_taps = in_arena and weights.shape[1] * weights.shape[2] <= MOST_TAPS
    return kernels + ([_windows(program, operator, weights, sums, rescaling)] if by_taps else [])


def _fits_rows(weights: np.ndarray, named: dict[str, int]) -> bool:
    strides, dilations = {named["stride_h"], named["stride_w"]}, {named["dilation_h"], named["dilation_w"]}
    return weights.shape[1:3] == (3, 3) and strides in ({1}, {2}) and dilations == {1}


def _windows(program: Program, operator: ProgramOperator, weights: np.ndarray, sums: Sums, found: Rescaling) -> Candidate:
    named, channels = parameters_of(operator), weights.shape[3]
    taps_h, taps_w = weights.shape[1:3]
    out = program.tensors[operator.outputs[0]].dims
    instructions = cost.depthwise_windows(out[1] * out[2], taps_h, taps_w, channels // 4, signed=found.mode == SIGNED)
    return Candidate(
        variant=DEPTHWISE_WINDOWS,
        inputs=operator.inputs[:1],
        constants=(Constant("channels", _tap_table(weights[0], bias_words(sums.folded, found), found), "int32"),),
        parameters=window_parameters(operator, (taps_h, taps_w), found.mode),
        scratch_bytes=4 * taps_h * taps_w + channels,
        instructions=instructions + _clamping(named, prod(out)),
        weight_bytes=2 * weights.size,
    )


def _tap_table(weights: np.ndarray, biases: np.ndarray, found: Rescaling) -> np.ndarray:
    """(taps_h, taps_w, C) weights → (C / 4, words) int32, the table of kernels/dsp/taps.h."""
    quads = (weights << found.scale_bits).reshape(-1, weights.shape[2] // 4, 4).transpose(1, 0, 2)  # quad, tap, lane
    pairs = np.stack([_halves(quads[..., 0], quads[..., 2]), _halves(quads[..., 1], quads[..., 3])], axis=2)
    count = len(quads)
    return np.ascontiguousarray(np.hstack([biases.reshape(count, 4), pairs.reshape(count, -1), wrapped(found.words).reshape(count, -1)]))


def _clamping(named: dict[str, int], elements: int) -> int:
    return cost.clamping(elements) if (named["act_min"], named["act_max"]) != (-128, 127) else 0


def _rows(program: Program, operator: ProgramOperator, weights: np.ndarray, sums: Sums, found: Rescaling) -> Candidate:
    named = parameters_of(operator)
    stride = named["stride_h"]
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
    return Candidate(
        variant=DEPTHWISE_3X3,
        inputs=operator.inputs[:1],
        constants=(Constant("channels", table, "int32"),),
        parameters=(named["pad_top"], named["pad_left"], stride, found.mode, named["act_min"], named["act_max"]),
        scratch_bytes=8 * source[3] * plane_columns + padded(source[2] * source[3]) + padded(out[2] * source[3]),
        instructions=cost.depthwise(layer) + _clamping(named, prod(out)),
        weight_bytes=weights.size,
    )


def _halves(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return wrapped((low & 0xFFFF) | (high << 16))


def _table(weights: np.ndarray, biases: np.ndarray, found: Rescaling, stride: int) -> np.ndarray:
    """(3, 3, C) weights → (C, words) int32, the table of kernels/dsp/depthwise.h."""
    rows = (weights << found.scale_bits).transpose(2, 0, 1)  # C, row, column
    upper = _halves(rows[:, 0], rows[:, 1])
    lower = _halves(rows[:, 1], rows[:, 2]) if stride == 1 else _halves(rows[:, 2], np.zeros_like(rows[:, 2]))
    repeated = np.repeat(biases[:, None], 4 if stride == 1 else 2, axis=1)
    return np.ascontiguousarray(np.hstack([repeated, upper, lower, wrapped(found.words)]))
