# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers over blocks: `mve_fully_connected`."""

from math import prod

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp.panels import bias_words, wrapped
from tinytl.compiler.kernels.dsp.rescaling import find_shifted
from tinytl.compiler.kernels.mve import cost
from tinytl.compiler.kernels.mve.packing import QUAD, in_blocks, table, vector_weights
from tinytl.compiler.kernels.sums import sums_of
from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.compiler.variants import MVE_FULLY_CONNECTED


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel where its rescaling is exact."""
    sums = sums_of(program, operator, constant_data(program, operator, 1))
    rescaling = find_shifted(sums.reference, (0,))
    if rescaling is None:
        return []
    outputs, depth = sums.weights.shape
    named = parameters_of(operator)
    packed = vector_weights(sums.weights)
    m, c, e = wrapped(rescaling.words).T
    rows = operand(program, operator, 0).bytes // depth
    return [
        Candidate(
            variant=MVE_FULLY_CONNECTED,
            inputs=operator.inputs[:1],
            constants=(
                Constant("blocks", packed, "int8"),
                Constant("channels", table([bias_words(sums.folded, rescaling), m, c, -e], QUAD), "int32"),
            ),
            parameters=(depth, named["act_min"], named["act_max"]),
            scratch_bytes=in_blocks(depth),
            instructions=rows * cost.vector(depth, outputs),
            weight_bytes=prod(packed.shape),
        )
    ]
