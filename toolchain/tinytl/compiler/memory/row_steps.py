# SPDX-License-Identifier: Apache-2.0
"""How far below its input an operator may write while it reads.

Kernels of windowed operators make their output's rows from the first to the last, some at a time, and read the input's rows in the same
order. So the output may grow over input rows that no later step reads: the input then dies row by row. One row step of a kernel is
proven by its code; tests run every kernel at exactly the distance that follows (after vMCU, Zheng et al. 2024, arXiv:2406.06542).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, parameters_of
from tinytl.compiler.variants import VARIANTS


@dataclass(frozen=True)
class RowSteps:
    """The order of a kernel's work.

    Attributes:
        rows: output rows that a step writes; it reads input rows from `stride · y − pad_top` on, y its first.
        kept: input rows of these that a step keeps in scratch: a step's output may lie on them.
    """

    rows: int = 1
    kept: int = 0


_PORTABLE = RowSteps()


def row_steps(operator: ProgramOperator) -> RowSteps | None:
    """Return the steps of an operator's kernel, None where its output must lie apart from its input."""
    if operator.kernel:
        variant = VARIANTS[operator.kind.code, operator.kernel]
        return None if variant.row_steps is None else RowSteps(*variant.row_steps)
    return _PORTABLE if operator.kind.by_rows else None


def overlap_distance(program: Program, operator: ProgramOperator) -> int | None:
    """Return the bytes from the output's beginning to the input's that keep every byte alive until its last reader.

    max over steps y = 0, rows, 2 · rows …  of  min(y + rows, OH) · OW · O − clamp(stride · y − pad_top + kept, 0, H) · W · C, at least 0;
    None for operators without row steps, and for inputs that do not lie in the arena.
    """
    steps, source, output = row_steps(operator), program.tensors[operator.inputs[0]], program.tensors[operator.outputs[0]]
    if steps is None or source.storage == CONSTANT:
        return None
    named = parameters_of(operator)
    height, out_height = source.dims[1], output.dims[1]
    return _distance(steps, stride_h(named), named["pad_top"], height, source.bytes // height, out_height, output.bytes // out_height)


@cache  # strips of one layer are alike, and planning asks for each many times
def _distance(steps: RowSteps, stride: int, pad: int, height: int, in_row: int, out_height: int, out_row: int) -> int:
    distance = 0
    for y in range(0, out_height, steps.rows):
        written = min(y + steps.rows, out_height) * out_row
        alive = min(max(stride * y - pad + steps.kept, 0), height) * in_row
        distance = max(distance, written - alive)
    return distance


def stride_h(named: Mapping[str, int]) -> int:
    """Return the vertical stride among a windowed kernel's parameters: kernels of one stride have none."""
    return named.get("stride_h", named.get("stride", 1))
