# SPDX-License-Identifier: Apache-2.0
"""Sixth stage: a program with choices of kernels → kernels and places in the arena that keep within a limit.

What is given up for memory, in this order: nothing; rows at the edges of strips, which are computed twice; scratch, and
with it the kernels that need it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import gcd

from tinytl.compiler.memory.liveness import ArenaPlan, HeadNeeds, arena_bound, plan_arena
from tinytl.compiler.memory.placing import ALIGNMENT
from tinytl.compiler.memory.row_strips import Stage, stages, strip_macs, with_strips
from tinytl.compiler.program import Program, ProgramOperator, compacted

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
        choose: operator → most scratch it may have, bytes ↦ the program with its kernels. needs: of the head, and the limit.
        first: what this returns without a limit, where that is known: the same program, in whole tensors, need not be planned again.
    """
    scratch: dict[int, int] = {}
    smallest: tuple[Program, ArenaPlan] | None = None
    while True:
        whole, plan = first if first is not None and not scratch else (_numbered(choose(scratch)), None)
        program, arena = _in_strips_as_needed(whole, needs, plan)
        if arena.bytes <= needs.limit:
            return program, arena, True
        if smallest is None:
            bare = choose(dict.fromkeys(range(len(whole.operators)), 0))
            smallest = (program, arena) if _same_kernels(bare, whole) else _in_strips_as_needed(bare, needs)
            if smallest[1].bytes > needs.limit:
                return *smallest, False
        busy = _busiest_scratch(program, arena)
        if busy is None:
            return *smallest, True
        scratch[busy.origin] = busy.scratch_bytes - 1


def _numbered(program: Program) -> Program:
    return replace(program, operators=tuple(replace(operator, origin=number) for number, operator in enumerate(program.operators)))


def _same_kernels(program: Program, other: Program) -> bool:
    """Tell whether two programs of the same choices have the same kernels: then one search for strips answers for both."""
    return all(
        (one.kernel, one.scratch_bytes, one.parameters, one.instructions)
        == (two.kernel, two.scratch_bytes, two.parameters, two.instructions)
        for one, two in zip(program.operators, other.operators, strict=True)
    )


def _busiest_scratch(program: Program, arena: ArenaPlan) -> ProgramOperator | None:
    """Return the operator at whose time most of the arena is in use, of those whose kernel's scratch the portable one does not need."""
    with_scratch = [number for number, operator in enumerate(program.operators) if operator.kernel and operator.scratch_bytes]
    busiest = max(with_scratch, key=arena.bytes_alive, default=None)
    return None if busiest is None else program.operators[busiest]


def _in_strips_as_needed(program: Program, needs: ArenaNeeds, plan: ArenaPlan | None = None) -> tuple[Program, ArenaPlan]:
    """Cut stages around the busiest operator into strips until the arena keeps within the limit or nothing helps. plan: the program's."""
    arena = needs.plan(program) if plan is None else plan
    for _ in range(_ROUNDS):
        if arena.bytes <= needs.limit or not program.operators:
            break
        improvement = _best_strips(program, arena, needs)
        if improvement is None:
            break
        program, arena = improvement
    return program, arena


def _best_strips(program: Program, arena: ArenaPlan, needs: ArenaNeeds) -> tuple[Program, ArenaPlan] | None:
    """Return the strips with the fewest multiply-accumulates that keep within the limit, else the smallest; None if none helps."""
    busiest = max(range(len(program.operators)), key=arena.bytes_alive)
    best: tuple[Program, ArenaPlan] | None = None
    for loose in _promising(program, busiest, needs):
        candidate = compacted(loose)
        plan = needs.plan(candidate)
        if plan.bytes < (arena if best is None else best[1]).bytes:
            best = candidate, plan
        if plan.bytes <= needs.limit:
            break
    return best


def _promising(program: Program, busiest: int, needs: ArenaNeeds) -> Iterator[Program]:
    """Yield the strips with the fewest multiply-accumulates of those that may keep within the limit, then the smallest.

    Bounds are computed as far as somebody asks: mostly one of the first keeps within the limit.
    """
    ways = [(strip_macs(program, stage, rows), stage, rows) for stage in stages(program, busiest) for rows in _heights(program, stage)]
    by_work = sorted(range(len(ways)), key=lambda number: ways[number][0])
    bounds: dict[int, tuple[int, Program]] = {}
    yielded = 0
    for number in by_work:
        candidate = with_strips(program, *ways[number][1:])
        if candidate is None:
            continue
        bounds[number] = needs.bound(candidate), candidate
        if bounds[number][0] <= needs.limit and yielded < _PLANS:
            yielded += 1
            yield candidate
    for number in sorted(sorted(bounds), key=lambda number: bounds[number][0])[:_PLANS]:
        yield bounds[number][1]


def _heights(program: Program, stage: Stage) -> Iterator[int]:
    """Yield in how many output rows a strip of a stage may have, tall ones first."""
    output = program.tensors[stage.output]
    height = output.dims[1]
    step = ALIGNMENT // gcd(ALIGNMENT, output.bytes // height)
    for rows in sorted({-(-height // (count * step)) * step for count in _COUNTS}, reverse=True):
        if rows < height:
            yield rows
