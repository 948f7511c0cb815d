# SPDX-License-Identifier: Apache-2.0
"""Convolutions as matrix products over blocks: `mve_conv_2d`.

Also takes a depthwise convolution of a single input channel, which is a convolution.
"""

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp.conv_2d import window_parameters, window_weights
from tinytl.compiler.kernels.mve import cost
from tinytl.compiler.kernels.mve.packing import BLOCK, QUAD, in_blocks, table, tile_weights
from tinytl.compiler.kernels.mve.rescaling import SIGNED, find_doubled
from tinytl.compiler.kernels.mve.ring import ring_of
from tinytl.compiler.kernels.sums import sums_of
from tinytl.compiler.program import Program, ProgramOperator, operand, parameters_of
from tinytl.compiler.variants import MVE_CONV_2D


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel for a convolution without groups."""
    weights = window_weights(program, operator)
    if weights is None:
        return []
    sums = sums_of(program, operator, weights.reshape(len(weights), -1))
    rescaling = find_doubled(sums)
    if rescaling is None:
        return []
    taps_h, taps_w, depth = weights.shape[1:]
    named = parameters_of(operator)
    out = program.tensors[operator.outputs[0]].dims
    packed = tile_weights(sums.weights)
    words = table([rescaling.biases, rescaling.multipliers, rescaling.shifts], QUAD)
    ring, scratch_bytes = None, 3 * in_blocks(taps_h * taps_w * depth)
    if not taps_h == taps_w == named["stride_h"] == named["stride_w"] == 1:
        ring = ring_of(named, (taps_h, taps_w), taps_w if named["dilation_w"] == 1 else 1, out[2], operand(program, operator, 0).dims)
        scratch_bytes += BLOCK + ring.bytes
    instructions = cost.convolution(out, taps_h * taps_w * depth, ring, signed=rescaling.mode == SIGNED)
    return [
        Candidate(
            variant=MVE_CONV_2D,
            inputs=operator.inputs[:1],
            constants=(Constant("blocks", packed, "int8"), Constant("channels", words, "int32")),
            parameters=window_parameters(operator, (taps_h, taps_w), rescaling.mode),
            scratch_bytes=scratch_bytes,
            instructions=instructions,
            weight_bytes=packed.nbytes,
        )
    ]
