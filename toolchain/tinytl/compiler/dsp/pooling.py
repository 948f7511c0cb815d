# SPDX-License-Identifier: Apache-2.0
"""Average pooling and the mean over height and width, four channels at a time: `average_pool_2d_words`, `mean_words`."""

from tinytl.compiler.dsp import cost
from tinytl.compiler.dsp.candidate import Candidate, operand
from tinytl.compiler.kinds import MEAN
from tinytl.compiler.program import Program, ProgramOperator, parameters_of
from tinytl.compiler.variants import AVERAGE_POOL_2D_WORDS, MEAN_WORDS, Variant

_MOST_PLACES = 256
_SPATIAL = 0b0110


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel where channels come in fours and a window has at most 256 places."""
    source, out = operand(program, operator, 0), program.tensors[operator.outputs[0]]
    named = parameters_of(operator)
    if source.dtype != "int8" or len(source.dims) != 4 or source.dims[0] != 1 or source.dims[3] % 4:
        return []
    if operator.kind is MEAN:
        places = source.dims[1] * source.dims[2]
        if named["axes_mask"] != _SPATIAL:
            return []
        return _made(operator, MEAN_WORDS, operator.parameters[1:], places, out.bytes, cost.mean(places, out.bytes))
    places = named["filter_h"] * named["filter_w"]
    instructions = cost.average_pool(named["filter_h"], named["filter_w"], out.bytes)
    return _made(operator, AVERAGE_POOL_2D_WORDS, operator.parameters, places, out.bytes, instructions)


def _made(
    operator: ProgramOperator, variant: Variant, parameters: tuple[int, ...], places: int, outputs: int, instructions: int
) -> list[Candidate]:
    if places > _MOST_PLACES or not outputs:
        return []
    return [Candidate(variant, operator.inputs, (), parameters, 0, instructions, 0)]
