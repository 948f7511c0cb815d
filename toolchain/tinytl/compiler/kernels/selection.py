# SPDX-License-Identifier: Apache-2.0
"""Fifth stage: `Program` → `Program`: every operator gets the kernel that the policy prefers.

A family offers candidates, each exact, each with its time, constant bytes and scratch. `speed` takes the fewest modelled cycles
(timing.py), of equal ones the fewest bytes; `size` keeps what stands for the weights within 1.1 times their int8 bytes, `balanced` within
2 times, and both spend that where a byte saves most; a flash limit lowers the budget, a RAM limit rules out scratch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinytl.compiler.kernels.candidate import Candidate
from tinytl.compiler.kernels.dsp.family import candidates as dsp_candidates
from tinytl.compiler.kernels.mve.family import candidates as mve_candidates
from tinytl.compiler.kernels.timing import CYCLES_ELSEWHERE, ZERO_WAIT_FLASH, FlashTiming, modelled_cycles
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor, compacted

POLICIES = ("speed", "size", "balanced")
_CANDIDATES = {"dsp": dsp_candidates, "mve": mve_candidates}
_BUDGETS = {"size": 1.1, "balanced": 2.0}
_EARNED = 0.01
"""Share of a program's cycles that a kernel must save to be linked at all: a library has the code of its kernels alone."""


@dataclass(frozen=True)
class Choice:
    """One way to run one operator; candidate None: the portable kernel. cycles: modelled, with the flash's wait states."""

    candidate: Candidate | None
    cycles: float
    weight_bytes: int
    constant_bytes: int
    scratch_bytes: int


@dataclass(frozen=True)
class Choices:
    """Per operator of a program, its choices; the portable one first."""

    program: Program
    options: tuple[tuple[Choice, ...], ...]


def find_choices(program: Program, family: str) -> Choices:
    """Collect the choices of all operators: the expensive part, done once for all limits and boards. Cycles are without wait states."""
    options = []
    for operator in program.operators:
        candidates = _CANDIDATES[family](program, operator) if family in _CANDIDATES and not operator.kernel else []
        options.append((_portable(program, operator), *(_choice(candidate) for candidate in candidates)))
    return Choices(program, tuple(options))


def timed(choices: Choices, flash: FlashTiming) -> Choices:
    """Return the same choices with the cycles that they take where weights are read from such flash."""
    return replace(choices, options=tuple(tuple(_timed(choice, flash) for choice in row) for row in choices.options))


def _timed(each: Choice, flash: FlashTiming) -> Choice:
    candidate = each.candidate
    return each if candidate is None else replace(each, cycles=modelled_cycles(candidate.instructions, candidate.inner, flash))


def _choice(each: Candidate) -> Choice:
    cycles = modelled_cycles(each.instructions, each.inner, ZERO_WAIT_FLASH)
    return Choice(each, cycles, each.weight_bytes, each.constant_bytes, each.scratch_bytes)


def _constants(program: Program, operator: ProgramOperator) -> list[ProgramTensor]:
    tensors = (program.tensors[number] for number in operator.inputs)
    return [tensor for tensor in tensors if tensor.storage == CONSTANT]


def _portable(program: Program, operator: ProgramOperator) -> Choice:
    constants = _constants(program, operator)
    weights = sum(tensor.bytes for tensor in constants if tensor.dtype == "int8")
    cycles = CYCLES_ELSEWHERE * portable_instructions(program, operator)
    return Choice(None, cycles, weights, sum(t.bytes for t in constants), 0)


def int8_content(program: Program, operator: ProgramOperator) -> bytes:
    """Return the int8 constants of an operator: an image holds equal ones once."""
    return b"".join(tensor.data.tobytes() for tensor in _constants(program, operator) if tensor.dtype == "int8" and tensor.data is not None)


def portable_instructions(program: Program, operator: ProgramOperator) -> int:
    """Return about how many instructions the portable kernel takes: enough to rank it below the others."""
    read = sum(program.tensors[number].bytes for number in operator.inputs if program.tensors[number].data is None)
    return 9 * operator.macs + 90 * program.tensors[operator.outputs[0]].bytes + 7 * read


def constants_of(program: Program) -> int:
    """Return the bytes of all constants of a program."""
    return sum(tensor.bytes for tensor in program.tensors if tensor.storage == CONSTANT)


def choose(choices: Choices, policy: str, *, flash_bytes: int | None = None, scratch_bytes: Mapping[int, int] | None = None) -> Program:
    """Return the program with one kernel an operator.

    Args:
        choices: as `find_choices` found them. policy: one of POLICIES.
        flash_bytes: what the constants may take together; None for no limit.
        scratch_bytes: operator → most scratch; none for an operator that is not in it.
    """
    limits = scratch_bytes or {}
    options = [
        [choice for choice in row if choice.scratch_bytes <= limits.get(number, choice.scratch_bytes)]
        for number, row in enumerate(choices.options)
    ]
    picked = _picked(options, policy, flash_bytes)
    return with_kernels(choices.program, picked)


def _picked(options: Sequence[Sequence[Choice]], policy: str, flash_bytes: int | None) -> list[Choice]:
    int8_bytes = sum(row[0].weight_bytes for row in options)
    budget = _BUDGETS.get(policy, float("inf")) * int8_bytes
    room = float("inf") if flash_bytes is None else flash_bytes
    picked = [min(row, key=lambda each: (each.cycles, each.constant_bytes)) for row in options]
    if not _fits(picked, budget, room):
        picked = _upgraded(options, budget, room)
    while (fewer := _without_a_rare_kernel(options, picked, budget, room)) is not None:
        picked = fewer
    return picked


def _upgraded(options: Sequence[Sequence[Choice]], budget: float, room: float) -> list[Choice]:
    """Begin with the smallest choices and spend what is left where a byte saves most."""
    picked = [min(row, key=lambda each: (each.weight_bytes, each.cycles)) for row in options]
    if not _fits(picked, budget, room):
        picked = [min(row, key=lambda each: (each.constant_bytes, each.cycles)) for row in options]
    while (better := _best_upgrade(options, picked, budget, room)) is not None:
        number, choice = better
        picked[number] = choice
    return picked


def _without_a_rare_kernel(
    options: Sequence[Sequence[Choice]], picked: Sequence[Choice], budget: float, room: float
) -> list[Choice] | None:
    """Give the operators of a kernel that saves next to nothing to other kernels in use; None where each earns its code."""
    total = sum(choice.cycles for choice in picked)
    used = {choice.candidate.variant for choice in picked if choice.candidate is not None}
    for variant in sorted(used, key=lambda each: (each.kind.code, each.number)):
        others = [
            [option for option in row if option.candidate is not None and option.candidate.variant in used - {variant}]
            if choice.candidate is not None and choice.candidate.variant == variant
            else [choice]
            for row, choice in zip(options, picked, strict=True)
        ]
        if not all(others):
            continue
        fewer = [min(row, key=lambda each: (each.cycles, each.constant_bytes)) for row in others]
        if sum(choice.cycles for choice in fewer) <= (1 + _EARNED) * total and _fits(fewer, budget, room):
            return fewer
    return None


def _fits(picked: Sequence[Choice], budget: float, room: float) -> bool:
    return sum(choice.weight_bytes for choice in picked) <= budget and sum(choice.constant_bytes for choice in picked) <= room


def _best_upgrade(options: Sequence[Sequence[Choice]], picked: Sequence[Choice], budget: float, room: float) -> tuple[int, Choice] | None:
    """Return the exchange that saves most cycles a byte and still fits."""
    weights_left = budget - sum(pick.weight_bytes for pick in picked)
    room_left = room - sum(pick.constant_bytes for pick in picked)
    best: tuple[float, int, Choice] | None = None
    for number, row in enumerate(options):
        for choice in row:
            saved = picked[number].cycles - choice.cycles
            weights = choice.weight_bytes - picked[number].weight_bytes
            constants = choice.constant_bytes - picked[number].constant_bytes
            if saved <= 0 or weights > weights_left or constants > room_left:
                continue
            gain = saved / max(weights, 1)
            if best is None or gain > best[0]:
                best = (gain, number, choice)
    return None if best is None else best[1:]


def with_kernels(program: Program, picked: Sequence[Choice]) -> Program:
    """Exchange operators and their constants; constants that nobody reads any more go."""
    tensors = list(program.tensors)
    operators = []
    for operator, choice in zip(program.operators, picked, strict=True):
        operators.append(_exchanged(operator, choice, tensors))
    return compacted(replace(program, tensors=tuple(tensors), operators=tuple(operators)))


def _exchanged(operator: ProgramOperator, choice: Choice, tensors: list[ProgramTensor]) -> ProgramOperator:
    candidate = choice.candidate
    if candidate is None:
        return operator
    inputs = list(candidate.inputs)
    for constant in candidate.constants:
        inputs.append(len(tensors))
        name = f"{operator.name}/{constant.name}"
        tensors.append(ProgramTensor(name, constant.dtype, constant.data.shape, data=constant.data))
    return replace(
        operator,
        kind=candidate.variant.kind,
        inputs=tuple(inputs),
        parameters=candidate.parameters,
        scratch_bytes=candidate.scratch_bytes,
        kernel=candidate.variant.number,
        kernel_name=candidate.variant.title,
        instructions=candidate.instructions,
    )
