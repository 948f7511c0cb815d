# SPDX-License-Identifier: Apache-2.0
"""Sixth stage: a program with choices of kernels → kernels and places in the arena that keep within a limit.

What is given up for memory, in this order: nothing; rows at the edges of strips, which are computed twice; scratch, and
with it the kernels that need it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import gcd

from tinytl.compiler.liveness import ArenaPlan, HeadNeeds, arena_bound, plan_arena
from tinytl.compiler.memory import ALIGNMENT
from tinytl.compiler.program import Program, ProgramOperator
from tinytl.compiler.row_strips import Stage, in_strips, stages

_COUNTS = (2, 3, 4, 6, 8, 12, 16, 24)
"""Into how many strips a stage is tried to be cut."""
_ROUNDS = 3
_PLANS = 8


@dataclass(frozen=True)
class ArenaNeeds:
    """What a head needs beside the program, and the limit."""

    head: HeadNeeds
    limit: int

    def plan(self, program: Program) -> ArenaPlan:
        return plan_arena(program, self.head)

    def bound(self, program: Program) -> int:
        return arena_bound(program, self.head)


def fit_arena(
    choose: Callable[[dict[int, int]], Program], needs: ArenaNeeds, *, first: tuple[Program, ArenaPlan] | None = None
) -> tuple[Program, ArenaPlan, bool]:
    """Return a program, its plan, and whether that keeps within the limit; if not, the smallest that was found.

    Args:
        choose: operator → most scratch it may have ↦ the program with its kernels.
        first: what this returns without a limit, where that is known: the same program, in whole tensors, need not be planned again.
    """
    scratch: dict[int, int] = {}
    smallest: tuple[Program, ArenaPlan] | None = None
    while True:
        if first is not None and not scratch:
            program, arena = _in_strips_as_needed(first[0], needs, first[1])
        else:
            program, arena = _in_strips_as_needed(_numbered(choose(scratch)), needs)
        if arena.bytes <= needs.limit:
            return program, arena, True
        if smallest is None:
            bare = dict.fromkeys(range(len(program.operators)), 0)
            smallest = _in_strips_as_needed(choose(bare), needs)
            if smallest[1].bytes > needs.limit:
                return *smallest, False
        busy = _busiest_scratch(program, arena)
        if busy is None:
            return *smallest, True
        scratch[busy.origin] = busy.scratch_bytes - 1


def _numbered(program: Program) -> Program:
    return replace(program, operators=tuple(replace(each, origin=number) for number, each in enumerate(program.operators)))


def _busiest_scratch(program: Program, arena: ArenaPlan) -> ProgramOperator | None:
    """Return the operator at whose time most of the arena is in use, of those whose kernel's scratch the portable one does not need."""
    with_scratch = [number for number, each in enumerate(program.operators) if each.kernel and each.scratch_bytes]
    busiest = max(with_scratch, key=arena.bytes_alive, default=None)
    return None if busiest is None else program.operators[busiest]


def _in_strips_as_needed(program: Program, needs: ArenaNeeds, plan: ArenaPlan | None = None) -> tuple[Program, ArenaPlan]:
    """Cut stages around the busiest operator into strips until the arena keeps within the limit or nothing helps. plan: the program's."""
    arena = needs.plan(program) if plan is None else plan
    for _ in range(_ROUNDS):
        if arena.bytes <= needs.limit or not program.operators:
            break
        found = _best_strips(program, arena, needs)
        if found is None:
            break
        program, arena = found
    return program, arena


def _best_strips(program: Program, arena: ArenaPlan, needs: ArenaNeeds) -> tuple[Program, ArenaPlan] | None:
    """Return the strips with the fewest multiply-accumulates that keep within the limit, else the smallest; None if none helps."""
    busiest = max(range(len(program.operators)), key=arena.bytes_alive)
    candidates = [(needs.bound(made), made) for stage in stages(program, busiest) for made in _cut_in_many_ways(program, stage)]
    by_work = sorted((each for each in candidates if each[0] <= needs.limit), key=lambda each: sum(o.macs for o in each[1].operators))
    by_bytes = sorted(candidates, key=lambda each: each[0])
    best: tuple[Program, ArenaPlan] | None = None
    for _, made in by_work[:_PLANS] + by_bytes[:_PLANS]:
        plan = needs.plan(made)
        if plan.bytes < (arena if best is None else best[1]).bytes:
            best = made, plan
        if plan.bytes <= needs.limit:
            break
    return best


def _cut_in_many_ways(program: Program, stage: Stage) -> Iterator[Program]:
    output = program.tensors[stage.output]
    height = output.dims[1]
    step = ALIGNMENT // gcd(ALIGNMENT, output.bytes // height)
    for rows in sorted({-(-height // (count * step)) * step for count in _COUNTS}, reverse=True):
        if rows < height and (made := in_strips(program, stage, rows)) is not None:
            yield made
