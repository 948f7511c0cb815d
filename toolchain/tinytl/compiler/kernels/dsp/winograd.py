# SPDX-License-Identifier: Apache-2.0
"""Exact Winograd convolution: `conv_2d_winograd_2` and `conv_2d_winograd_4` (runtime: kernels/dsp/winograd.h).

Weights are transformed here, U = G w G', with G scaled to integers; the kernel runs modulo 2^32 and multiplies the rest
away exactly. It needs every true sum to lie within ± 2^23, which `find_rescaling` proves.
"""

from math import prod

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.kernels.dsp.conv_2d import S8_BITS, window_weights
from tinytl.compiler.kernels.dsp.panels import bias_words, channel_pairs, channel_table, pack_s16, padded
from tinytl.compiler.kernels.dsp.rescaling import SIGNED, Rescaling, find_rescaling
from tinytl.compiler.kernels.sums import Sums, sums_of
from tinytl.compiler.kinds import CONV_2D
from tinytl.compiler.program import Program, ProgramOperator, operand, parameters_of
from tinytl.compiler.variants import CONV_2D_WINOGRAD_2, CONV_2D_WINOGRAD_4

MAX_CHANNELS = 64
TRANSFORMS = {
    2: np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64),
    4: np.array([[1, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 1]], np.int64),
}
"""Side of a tile → G."""
_VARIANTS = {2: CONV_2D_WINOGRAD_2, 4: CONV_2D_WINOGRAD_4}
_INPUT_OFFSETS = {2: 0, 4: 128}
"""What the input transform adds to an input."""


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return both Winograd kernels for a 3×3 convolution that moves by one."""
    weights = window_weights(program, operator)
    named = parameters_of(operator)
    moves = ("stride_h", "stride_w", "dilation_h", "dilation_w")
    if operator.kind is not CONV_2D or weights is None or weights.shape[1:3] != (3, 3):
        return []
    channels, depth = len(weights), weights.shape[3]
    if any(named[name] != 1 for name in moves) or depth % 4 or depth > MAX_CHANNELS or channels < 2:
        return []
    sums = sums_of(program, operator, weights.reshape(channels, -1))
    rescaling = find_rescaling(sums.reference, (S8_BITS,), signed_bits=S8_BITS)
    return [_candidate(program, operator, weights, sums, rescaling, side) for side in TRANSFORMS] if rescaling else []


def transformed(weights: np.ndarray, side: int) -> np.ndarray:
    """(channels, 3, 3, C) → (channels, positions · C): G w G', position by position."""
    rows = TRANSFORMS[side]
    windows = np.einsum("iy,oyxc,jx->oijc", rows, weights, rows)
    return windows.reshape(len(weights), -1)


def _candidate(program: Program, operator: ProgramOperator, weights: np.ndarray, sums: Sums, found: Rescaling, side: int) -> Candidate:
    channels, depth = len(weights), weights.shape[3]
    named, out = parameters_of(operator), program.tensors[operator.outputs[0]].dims
    positions = (side + 2) ** 2
    packed = pack_s16(transformed(weights, side))
    table = channel_table(bias_words(sums.folded - _INPUT_OFFSETS[side] * sums.weights.sum(1), found), found)
    shape = operand(program, operator, 0).dims
    layer = cost.WinogradLayer(
        side=side,
        height=out[1],
        width=out[2],
        in_height=shape[1],
        in_width=shape[2],
        pad_top=named["pad_top"],
        pad_left=named["pad_left"],
        depth=depth,
        pairs=len(channel_pairs(channels)),
        signed=found.mode == SIGNED,
    )
    instructions = cost.winograd(layer)
    clamped = (named["act_min"], named["act_max"]) != (-128, 127)
    return Candidate(
        variant=_VARIANTS[side],
        inputs=operator.inputs[:1],
        constants=(Constant("transformed", packed, "int16"), Constant("channels", table, "int32")),
        parameters=(named["pad_top"], named["pad_left"], found.mode, named["act_min"], named["act_max"]),
        scratch_bytes=positions * (4 * depth + 16 + depth) + padded(2 * side * side * channels),
        instructions=instructions + (cost.clamping(prod(out)) if clamped else 0),
        weight_bytes=packed.nbytes,
        inner=cost.winograd_loops(layer),
    )
