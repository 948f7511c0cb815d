# SPDX-License-Identifier: Apache-2.0
"""Convolutions as matrix products over blocks: `mve_conv_2d`.

Also takes a depthwise convolution of a single input channel, which is a convolution.
"""

from tinytl.compiler.dsp.candidate import Candidate, Constant, parameters_of
from tinytl.compiler.dsp.conv_2d import window_parameters, window_weights
from tinytl.compiler.dsp.sums import sums_of
from tinytl.compiler.mve import cost
from tinytl.compiler.mve.packing import QUAD, in_blocks, table, tile_weights
from tinytl.compiler.mve.rescaling import SIGNED, find_doubled
from tinytl.compiler.program import Program, ProgramOperator
from tinytl.compiler.variants import MVE_CONV_2D


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel for a convolution without groups."""
    weights = window_weights(program, operator)
    if weights is None:
        return []
    sums = sums_of(program, operator, weights.reshape(len(weights), -1))
    found = find_doubled(sums)
    if found is None:
        return []
    channels, taps_h, taps_w, depth = weights.shape
    named = parameters_of(operator)
    out = program.tensors[operator.outputs[0]].dims
    packed = tile_weights(sums.weights)
    words = table([found.biases, found.multipliers, found.shifts], QUAD)
    instructions = cost.convolution(
        *(out[1] * out[2], (taps_h, taps_w), depth, channels),
        pixelwise=taps_h == taps_w == named["stride_h"] == named["stride_w"] == 1,
        signed=found.mode == SIGNED,
    )
    return [
        Candidate(
            variant=MVE_CONV_2D,
            inputs=operator.inputs[:1],
            constants=(Constant("blocks", packed, "int8"), Constant("channels", words, "int32")),
            parameters=window_parameters(operator, (taps_h, taps_w), found.mode),
            scratch_bytes=3 * in_blocks(taps_h * taps_w * depth),
            instructions=instructions,
            weight_bytes=packed.nbytes,
        )
    ]
