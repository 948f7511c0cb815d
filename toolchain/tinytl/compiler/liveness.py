# SPDX-License-Identifier: Apache-2.0
"""Fifth stage, second half: `Program` → where everything of it lies in the arena.

Time is the number of the running operator; `len(operators)` is the time after the last one, when the head reads the
graph outputs and uses buffers of its own. The graph input is alive until its last reader: it is not preserved. An
operator that may run in place takes over the bytes of an input that dies there; the plan without that is tried too, and
the smaller one wins. One that goes through rows in order may write over the beginning of an input that dies there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinytl.compiler.memory import Buffer, MemoryPlan, aligned, plan_memory
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator
from tinytl.compiler.row_steps import overlap_distance


@dataclass(frozen=True)
class ArenaRange:
    """One named run of arena bytes, as reports draw it; last_operator is the operator count for what outlives all."""

    name: str
    offset: int
    bytes: int
    first_operator: int
    last_operator: int


@dataclass(frozen=True)
class ArenaPlan:
    """offsets: storage → arena offset; scratch: operator number → offset; named: name of an extra buffer → offset."""

    offsets: Mapping[int, int]
    scratch: Mapping[int, int]
    named: Mapping[str, int]
    ranges: tuple[ArenaRange, ...]
    bytes: int


def plan_arena(
    program: Program, *, afterwards: Sequence[tuple[str, int]], persistent: Sequence[tuple[str, int]]
) -> ArenaPlan:
    """Plan activations, scratch, buffers needed only after the last operator, and buffers that must always stay.

    Args:
        program: its storages become buffers.
        afterwards, persistent: (name, bytes); persistent ones lie behind everything that is planned by lifetime.
    """
    plans = [_planned(program, owners, afterwards) for owners in (_in_place(program), {})]
    buffers, plan, owners = min(plans, key=lambda each: each[1].bytes)
    return _assembled(program, buffers, plan, owners, persistent)


Owners = dict[int, int]
"""Storage → storage whose bytes it takes over."""


def _owner(owners: Owners, storage: int) -> int:
    while storage in owners:
        storage = owners[storage]
    return storage


def _lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    """Return storage → (first, last) operator."""
    end = len(program.operators)
    times: dict[int, tuple[int, int]] = {}

    def touch(tensor: int, time: int) -> None:
        storage = program.tensors[tensor].storage
        if storage != CONSTANT:
            first, last = times.get(storage, (time, time))
            times[storage] = (min(first, time), max(last, time))

    for tensor in program.inputs:
        touch(tensor, 0)
    for time, operator in enumerate(program.operators):
        for tensor in (*operator.inputs, *operator.outputs):
            touch(tensor, time)
    for tensor in program.outputs:
        touch(tensor, end)
    return times


def _in_place(program: Program) -> Owners:
    """Find outputs that can take over the bytes of an input: as large, and not needed afterwards."""
    times, owners = _lifetimes(program), Owners()
    for time, operator in enumerate(program.operators):
        output = program.tensors[operator.outputs[0]]
        for position in operator.kind.in_place:
            source = program.tensors[operator.inputs[position]]
            if source.storage in (CONSTANT, output.storage) or source.bytes != output.bytes:
                continue
            owner = _owner(owners, source.storage)
            group = [storage for storage in times if _owner(owners, storage) == owner]
            if max(times[storage][1] for storage in group) == time:
                owners[output.storage] = owner
                break
    return owners


def _planned(
    program: Program, owners: Owners, afterwards: Sequence[tuple[str, int]]
) -> tuple[dict[str, Buffer], MemoryPlan, Owners]:
    times = _lifetimes(program)
    sizes, names = _sizes_and_names(program)
    buffers: dict[str, Buffer] = {}
    for storage, (first, last) in times.items():
        owner = _owner(owners, storage)
        key, size = f"storage {owner}", sizes[storage]
        if key in buffers:
            first, last = min(first, buffers[key].first), max(last, buffers[key].last)
            size = max(size, buffers[key].bytes)
        buffers[key] = Buffer(names[owner], size, first, last)
    for time, operator in enumerate(program.operators):
        if operator.scratch_bytes:
            buffers[f"scratch {time}"] = Buffer(f"scratch of {operator.name}", operator.scratch_bytes, time, time)
    end = len(program.operators)
    buffers |= {f"named {name}": Buffer(name, size, end, end) for name, size in afterwards}
    return buffers, plan_memory(list(buffers.values()), _distances(program, buffers, owners)), owners


def _distances(program: Program, buffers: dict[str, Buffer], owners: Owners) -> dict[tuple[int, int], int]:
    """Return (written, read) → distance for operators whose input is not needed afterwards, as numbers of buffers."""
    numbers = {key: number for number, key in enumerate(buffers)}
    found = {}
    for time, operator in enumerate(program.operators):
        distance = overlap_distance(program, operator)
        if distance is None:
            continue
        read, written = (
            f"storage {_owner(owners, program.tensors[number].storage)}" for number in (operator.inputs[0], operator.outputs[0])
        )
        if read != written and buffers[read].last == buffers[written].first == time:
            found[numbers[written], numbers[read]] = distance
    return found


def _sizes_and_names(program: Program) -> tuple[dict[int, int], dict[int, str]]:
    sizes: dict[int, int] = {}
    names: dict[int, str] = {}
    for tensor in program.tensors:
        if tensor.storage != CONSTANT:
            sizes[tensor.storage] = max(sizes.get(tensor.storage, 0), tensor.bytes)
    for number in program.inputs:
        names[program.tensors[number].storage] = "input"
    for operator in program.operators:
        names.setdefault(program.tensors[operator.outputs[0]].storage, _activation_name(operator))
    return sizes, names


def _activation_name(operator: ProgramOperator) -> str:
    return f"{operator.name} ({operator.kind.name})"


def _assembled(
    program: Program,
    buffers: dict[str, Buffer],
    plan: MemoryPlan,
    owners: Owners,
    persistent: Sequence[tuple[str, int]],
) -> ArenaPlan:
    offsets = dict(zip(buffers, plan.offsets, strict=True))
    ranges = [ArenaRange(b.name, offsets[key], b.bytes, b.first, b.last) for key, b in buffers.items()]
    named = {name.removeprefix("named "): offset for name, offset in offsets.items() if name.startswith("named ")}
    end = plan.bytes
    for name, size in persistent:
        named[name] = end
        ranges.append(ArenaRange(name, end, size, 0, len(program.operators)))
        end += aligned(size)
    storages = {tensor.storage for tensor in program.tensors if tensor.storage != CONSTANT}
    return ArenaPlan(
        {storage: offsets[f"storage {_owner(owners, storage)}"] for storage in storages},
        {time: offsets[f"scratch {time}"] for time, each in enumerate(program.operators) if each.scratch_bytes},
        named,
        tuple(sorted(ranges, key=lambda each: (each.offset, each.first_operator, each.name))),
        end,
    )
