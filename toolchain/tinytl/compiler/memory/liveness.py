# SPDX-License-Identifier: Apache-2.0
"""Fifth stage, second half: `Program` → where everything of it lies in the arena.

Time is the number of the running operator; from `len(operators)` on the head works: it reads the graph outputs and uses buffers of
its own, by the ticks of a step. The graph input is alive until its last reader: it is not preserved. An
operator that may run in place takes over the bytes of an input that dies there; the plan without that is tried too, and
the smaller one wins. One that goes through rows in order may write over the beginning of an input that dies there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinytl.compiler.memory.placing import Buffer, MemoryPlan, aligned, lower_bound, plan_memory
from tinytl.compiler.memory.row_steps import overlap_distance
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor


@dataclass(frozen=True)
class ArenaRange:
    """One named run of arena bytes, as reports draw it. From the operator count on, times are ticks of the head's step."""

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
        return sum(span.bytes for span in self.ranges if span.first_operator <= time <= span.last_operator)


@dataclass(frozen=True)
class HeadNeeds:
    """What a head needs of the arena.

    Attributes:
        afterwards: buffers of a step, their times counted from the end of the last operator.
        persistent: (name, bytes) of what always stays; it lies behind everything that is planned by lifetime.
        held: ticks that the graph outputs stay after the last operator.
    """

    afterwards: Sequence[Buffer] = ()
    persistent: Sequence[tuple[str, int]] = ()
    held: int = 0


def plan_arena(program: Program, needs: HeadNeeds) -> ArenaPlan:
    """Plan activations, scratch, and what the head needs. program: its storages become buffers."""
    facts = _facts(program, needs)
    plans = [_planned(program, owners, needs, facts) for owners in _takeovers(program, facts)]
    buffers, plan, owners = min(plans, key=lambda each: each[1].bytes)
    return _assembled(program, buffers, plan, owners, needs)


def arena_bound(program: Program, needs: HeadNeeds) -> int:
    """Return bytes that no plan of `plan_arena` is smaller than; much faster than a plan. Args: as there."""
    bounds, facts = [], _facts(program, needs)
    for owners in _takeovers(program, facts):
        buffers = _buffers(program, owners, needs, facts)
        bounds.append(lower_bound(list(buffers.values()), _distances(program, buffers, owners, facts)))
    return min(bounds) + sum(aligned(size) for _, size in needs.persistent)


@dataclass(frozen=True)
class _Facts:
    """What is asked of a program however its outputs take over bytes.

    Attributes:
        times: storage → (first, last) operator, outputs held; bare_times: the same, not held.
        sizes, names: of storages.
        overlaps: (operator, storage read, storage written, least bytes between their beginnings).
    """

    times: dict[int, tuple[int, int]]
    bare_times: dict[int, tuple[int, int]]
    sizes: dict[int, int]
    names: dict[int, str]
    overlaps: list[tuple[int, int, int, int]]


def _facts(program: Program, needs: HeadNeeds) -> _Facts:
    times = _lifetimes(program, needs.held)
    overlaps = []
    for time, operator in enumerate(program.operators):
        distance = overlap_distance(program, operator)
        if distance is not None:
            source, output = program.tensors[operator.inputs[0]], program.tensors[operator.outputs[0]]
            overlaps.append((time, source.storage, output.storage, max(distance + output.storage_offset - source.storage_offset, 0)))
    return _Facts(times, _lifetimes(program) if needs.held else times, *_sizes_and_names(program), overlaps)


Owners = dict[int, int]
"""Storage → storage whose bytes it takes over."""


def _owner(owners: Owners, storage: int) -> int:
    while storage in owners:
        storage = owners[storage]
    return storage


def _lifetimes(program: Program, held: int = 0) -> dict[int, tuple[int, int]]:
    """Return storage → (first, last) operator. held: ticks that outputs stay after the last one."""
    end, tensors = len(program.operators), program.tensors
    times: dict[int, tuple[int, int]] = {}
    touched = [(program.inputs, 0)]
    touched += [((*operator.inputs, *operator.outputs), time) for time, operator in enumerate(program.operators)]
    touched.append((program.outputs, end + held))
    for numbers, time in touched:  # times only grow
        for number in numbers:
            storage = tensors[number].storage
            if storage != CONSTANT:
                known = times.get(storage)
                times[storage] = (time, time) if known is None else (known[0], time)
    return times


def _takeovers(program: Program, facts: _Facts) -> tuple[Owners, ...]:
    """Return the ways to plan: with and without outputs that take over an input's bytes; one way where there are none."""
    owners = _in_place(program, facts.times)
    return (owners, {}) if owners else ({},)


def _in_place(program: Program, times: dict[int, tuple[int, int]]) -> Owners:
    """Find outputs that can take over the bytes of an input: as large, and not needed afterwards."""
    owners = Owners()
    last = {storage: end for storage, (_, end) in times.items()}  # of a storage and those that took its bytes over
    for time, operator in enumerate(program.operators):
        output = program.tensors[operator.outputs[0]]
        for number in operator.inputs if operator.kind.in_place else ():
            source = program.tensors[number]
            if source.storage in (CONSTANT, output.storage) or times[output.storage][0] != time:
                continue
            if (source.bytes, source.storage_offset) != (output.bytes, output.storage_offset):
                continue
            owner = _owner(owners, source.storage)
            if last[owner] == time:
                owners[output.storage] = owner
                last[owner] = max(last[owner], last[output.storage])
                break
    return owners


def _planned(program: Program, owners: Owners, needs: HeadNeeds, facts: _Facts) -> tuple[dict[str, Buffer], MemoryPlan, Owners]:
    buffers = _buffers(program, owners, needs, facts)
    return buffers, plan_memory(list(buffers.values()), _distances(program, buffers, owners, facts)), owners


def _buffers(program: Program, owners: Owners, needs: HeadNeeds, facts: _Facts) -> dict[str, Buffer]:
    buffers: dict[str, Buffer] = {}
    for storage, (first, last) in facts.times.items():
        owner = _owner(owners, storage)
        key, size = f"storage {owner}", facts.sizes[storage]
        if key in buffers:
            first, last = min(first, buffers[key].first), max(last, buffers[key].last)
            size = max(size, buffers[key].bytes)
        buffers[key] = Buffer(facts.names[owner], size, first, last)
    for time, operator in enumerate(program.operators):
        if operator.scratch_bytes:
            buffers[f"scratch {time}"] = Buffer(f"scratch of {operator.name}", operator.scratch_bytes, time, time)
    end = len(program.operators)
    return buffers | {f"named {b.name}": Buffer(b.name, b.bytes, end + b.first, end + b.last) for b in needs.afterwards}


def _distances(program: Program, buffers: dict[str, Buffer], owners: Owners, facts: _Facts) -> dict[tuple[int, int], int]:
    """Return (written, read) → distance for operators whose input is not needed afterwards, as numbers of buffers."""
    numbers = {key: number for number, key in enumerate(buffers)}
    distances = {}

    def key(storage: int) -> str:
        return f"storage {_owner(owners, storage)}"

    for time, source_storage, output_storage, distance in facts.overlaps:
        read, written = key(source_storage), key(output_storage)
        if read != written and buffers[read].last == buffers[written].first == time:
            distances[numbers[written], numbers[read]] = distance
    times = facts.bare_times
    for (output_storage, source_storage), distance in program.distances.items():
        written, read = key(output_storage), key(source_storage)
        if buffers[read].last == times[source_storage][1] and buffers[written].first == times[output_storage][0]:
            distances[numbers[written], numbers[read]] = distance
    return distances


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
    needs: HeadNeeds,
) -> ArenaPlan:
    offsets = dict(zip(buffers, plan.offsets, strict=True))
    ranges = [ArenaRange(b.name, offsets[key], b.bytes, b.first, b.last) for key, b in buffers.items()]
    named = {name.removeprefix("named "): offset for name, offset in offsets.items() if name.startswith("named ")}
    end = plan.bytes
    last = max((buffer.last for buffer in buffers.values()), default=0)
    for name, size in needs.persistent:
        named[name] = end
        ranges.append(ArenaRange(name, end, size, 0, last))
        end += aligned(size)
    storages = {tensor.storage for tensor in program.tensors if tensor.storage != CONSTANT}
    return ArenaPlan(
        {storage: offsets[f"storage {_owner(owners, storage)}"] for storage in storages},
        {time: offsets[f"scratch {time}"] for time, operator in enumerate(program.operators) if operator.scratch_bytes},
        named,
        tuple(sorted(ranges, key=lambda each: (each.offset, each.first_operator, each.name))),
        end,
    )
