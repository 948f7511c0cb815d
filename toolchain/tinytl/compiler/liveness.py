# SPDX-License-Identifier: Apache-2.0
"""Fifth stage, second half: `Program` → where everything of it lies in the arena.

Time is the number of the running operator; `len(operators)` is the time after the last one, when the head reads the
graph outputs and uses buffers of its own. The graph input is alive until its last reader: it is not preserved. An
operator that may run in place takes over the bytes of an input that dies there; the plan without that is tried too, and
the smaller one wins. One that goes through rows in order may write over the beginning of an input that dies there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinytl.compiler.memory import Buffer, MemoryPlan, aligned, lower_bound, plan_memory
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor
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

    def offset(self, tensor: ProgramTensor) -> int:
        """Return where a tensor of the program begins."""
        return self.offsets[tensor.storage] + tensor.storage_offset

    def bytes_alive(self, time: int) -> int:
        """Return the bytes of everything that is alive while an operator runs; what overlaps counts twice."""
        return sum(each.bytes for each in self.ranges if each.first_operator <= time <= each.last_operator)


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


def arena_bound(program: Program, *, afterwards: Sequence[tuple[str, int]], persistent: Sequence[tuple[str, int]]) -> int:
    """Return bytes that no plan of `plan_arena` is smaller than; much faster than a plan. Args: as there."""
    bounds = []
    for owners in (_in_place(program), {}):
        buffers = _buffers(program, owners, afterwards)
        bounds.append(lower_bound(list(buffers.values()), _distances(program, buffers, owners)))
    return min(bounds) + sum(aligned(size) for _, size in persistent)


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
            if source.storage in (CONSTANT, output.storage) or times[output.storage][0] != time:
                continue
            if (source.bytes, source.storage_offset) != (output.bytes, output.storage_offset):
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
    buffers = _buffers(program, owners, afterwards)
    return buffers, plan_memory(list(buffers.values()), _distances(program, buffers, owners)), owners


def _buffers(program: Program, owners: Owners, afterwards: Sequence[tuple[str, int]]) -> dict[str, Buffer]:
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
    return buffers | {f"named {name}": Buffer(name, size, end, end) for name, size in afterwards}


def _distances(program: Program, buffers: dict[str, Buffer], owners: Owners) -> dict[tuple[int, int], int]:
    """Return (written, read) → distance for operators whose input is not needed afterwards, as numbers of buffers."""
    numbers = {key: number for number, key in enumerate(buffers)}
    found = {}

    def key(storage: int) -> str:
        return f"storage {_owner(owners, storage)}"

    for time, operator in enumerate(program.operators):
        distance = overlap_distance(program, operator)
        if distance is None:
            continue
        source, output = program.tensors[operator.inputs[0]], program.tensors[operator.outputs[0]]
        read, written = key(source.storage), key(output.storage)
        if read != written and buffers[read].last == buffers[written].first == time:
            distance += output.storage_offset - source.storage_offset
            found[numbers[written], numbers[read]] = max(distance, 0)
    times = _lifetimes(program) if program.distances else {}
    for (output_storage, source_storage), distance in program.distances.items():
        written, read = key(output_storage), key(source_storage)
        if buffers[read].last == times[source_storage][1] and buffers[written].first == times[output_storage][0]:
            found[numbers[written], numbers[read]] = distance
    return found


def _sizes_and_names(program: Program) -> tuple[dict[int, int], dict[int, str]]:
    sizes: dict[int, int] = {}
    names: dict[int, str] = {}
    for tensor in program.tensors:
        if tensor.storage != CONSTANT:
            sizes[tensor.storage] = max(sizes.get(tensor.storage, 0), tensor.storage_offset + tensor.bytes)
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
