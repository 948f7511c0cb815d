# SPDX-License-Identifier: Apache-2.0
"""Convolutions as matrix products over panels: `conv_2d_panels_s16` and `conv_2d_panels_s8`.

Also takes a depthwise convolution of a single input channel, which is a convolution.
"""

from math import prod

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.kernels.dsp.panels import bias_words, channel_pairs, channel_table, pack_s8, pack_s16, padded
from tinytl.compiler.kernels.dsp.rescaling import SATURATING, Rescaling, find_rescaling
from tinytl.compiler.kernels.sums import Sums, sums_of
from tinytl.compiler.kinds import CONV_2D, DEPTHWISE_CONV_2D
from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.compiler.variants import CONV_2D_PANELS_S8, CONV_2D_PANELS_S16, Variant

S8_BITS = 8
ALL_BITS = tuple(range(8, 0, -1))


def window_weights(program: Program, operator: ProgramOperator) -> np.ndarray | None:
    """Return (channels, taps_h, taps_w, C) int64 of a convolution without groups, None for another operator."""
    weights = constant_data(program, operator, 1)
    depth = operand(program, operator, 0).dims[-1]
    if operator.kind is DEPTHWISE_CONV_2D:
        return weights.transpose(3, 1, 2, 0) if depth == 1 else None
    return weights if operator.kind is CONV_2D and weights.shape[3] == depth else None


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the panel kernels that compute a convolution exactly."""
    weights = window_weights(program, operator)
    if weights is None or len(weights) < 2:
        return []
    sums = sums_of(program, operator, weights.reshape(len(weights), -1))
    rescaling = find_rescaling(sums.reference, ALL_BITS)
    kernels = [_s16(program, operator, weights.shape, sums, rescaling)] if rescaling else []
    narrow = find_rescaling(sums.reference, (S8_BITS,), signed_bits=S8_BITS)
    if narrow and np.abs(weights).max() <= 127:
        kernels.append(_s8(program, operator, weights.shape, sums, narrow))
    return kernels


def _s16(program: Program, operator: ProgramOperator, shape: tuple[int, ...], sums: Sums, found: Rescaling) -> Candidate:
    packed = pack_s16(sums.weights << found.scale_bits[:, None])
    table = channel_table(bias_words(sums.folded, found), found)
    return _candidate(program, operator, shape, found, CONV_2D_PANELS_S16, (packed, table))


def _s8(program: Program, operator: ProgramOperator, shape: tuple[int, ...], sums: Sums, found: Rescaling) -> Candidate:
    # Inputs at odd places come as x − 127.
    folded = sums.folded + 127 * sums.weights[:, 1::2].sum(1)
    table = channel_table(bias_words(folded, found), found)
    return _candidate(program, operator, shape, found, CONV_2D_PANELS_S8, (pack_s8(sums.weights), table))


def window_parameters(operator: ProgramOperator, taps: tuple[int, int], mode: int) -> tuple[int, ...]:
    """Return the parameters that the family's convolutions share.

    Args:
        operator: a convolution with its portable parameters. taps: rows and columns of the window. mode: of its `Rescaling`.
    """
    named = parameters_of(operator)
    first = ("pad_top", "pad_left", "stride_h", "stride_w", "dilation_h", "dilation_w")
    return (*(named[name] for name in first), *taps, mode, named["act_min"], named["act_max"])


def _candidate(
    program: Program,
    operator: ProgramOperator,
    shape: tuple[int, ...],
    found: Rescaling,
    variant: Variant,
    arrays: tuple[np.ndarray, np.ndarray],
) -> Candidate:
    packed, table = arrays
    channels, taps_h, taps_w, depth = shape
    window, row = taps_h * taps_w * depth, taps_w * depth
    out = program.tensors[operator.outputs[0]].dims
    named = parameters_of(operator)
    tile = cost.Tile(
        pairs=len(channel_pairs(channels)),
        groups=padded(window) // 4,
        odd=channels % 2 == 1,
        signed=found.mode != SATURATING,
        s8=variant is CONV_2D_PANELS_S8,
    )
    pixelwise = taps_h == taps_w == named["stride_h"] == named["stride_w"] == 1 and depth % 4 == 0
    instructions = cost.panels(
        tile,
        cost.Windows(
            *(out[1], out[2], *operand(program, operator, 0).dims[1:3], taps_h, taps_w, depth),
            *(named[name] for name in ("stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w")),
        ),
        pixelwise=pixelwise,
    )
    clamped = (named["act_min"], named["act_max"]) != (-128, 127)
    return Candidate(
        variant=variant,
        inputs=operator.inputs[:1],
        constants=(Constant("panels", packed, "int16"), Constant("channels", table, "int32")),
        parameters=window_parameters(operator, (taps_h, taps_w), found.mode),
        scratch_bytes=6 * padded(window) + padded(row),
        instructions=instructions + (cost.clamping(prod(out)) if clamped else 0),
        weight_bytes=packed.nbytes,
        inner=cost.panel_loops(tile, out[1] * out[2]),
    )
