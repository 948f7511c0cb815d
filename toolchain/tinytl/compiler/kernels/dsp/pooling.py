# SPDX-License-Identifier: Apache-2.0
"""Average pooling and the mean over height and width, some channels at a time: `average_pool_2d_words`, `mean_words`, and those of mve."""

from collections.abc import Callable
from dataclasses import dataclass

from tinytl.compiler.kernels.candidate import Candidate
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.kinds import MEAN
from tinytl.compiler.program import Program, ProgramOperator, operand, parameters_of
from tinytl.compiler.variants import AVERAGE_POOL_2D_WORDS, MEAN_WORDS, Variant

_MOST_PLACES = 256
_SPATIAL = 0b0110


@dataclass(frozen=True)
class Pooling:
    """A family's kernels.

    Attributes:
        average, mean: its variants. takes: whether a number of channels is one for it.
        average_cost: (rows, columns of a window, outputs) → instructions. mean_cost: (places, outputs) → instructions.
    """

    average: Variant
    mean: Variant
    takes: Callable[[int], bool]
    average_cost: Callable[[int, int, int], int]
    mean_cost: Callable[[int, int], int]


_WORDS = Pooling(AVERAGE_POOL_2D_WORDS, MEAN_WORDS, lambda channels: channels % 4 == 0, cost.average_pool, cost.mean)


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel where channels come in fours and a window has at most 256 places."""
    return pooling_candidates(program, operator, _WORDS)


def pooling_candidates(program: Program, operator: ProgramOperator, family: Pooling) -> list[Candidate]:
    """Return a family's kernel where it takes the channels and a window has at most 256 places.

    Args:
        program: lowered. operator: AVERAGE_POOL_2D or MEAN of it, with portable parameters. family: whose kernels are offered.
    """
    source, outputs = operand(program, operator, 0), program.tensors[operator.outputs[0]].bytes
    named = parameters_of(operator)
    if source.dtype != "int8" or len(source.dims) != 4 or source.dims[0] != 1 or not family.takes(source.dims[3]) or not outputs:
        return []
    if operator.kind is MEAN:
        places = source.dims[1] * source.dims[2]
        if named["axes_mask"] != _SPATIAL or places > _MOST_PLACES:
            return []
        return [Candidate(family.mean, operator.inputs, (), operator.parameters[1:], 0, family.mean_cost(places, outputs), 0)]
    rows, columns = named["filter_h"], named["filter_w"]
    if rows * columns > _MOST_PLACES:
        return []
    instructions = family.average_cost(rows, columns, outputs)
    return [Candidate(family.average, operator.inputs, (), operator.parameters, 0, instructions, 0)]
