# SPDX-License-Identifier: Apache-2.0
"""Fifth stage, first half: buffers with lifetimes → offsets in one arena.

A plan is exact and static: two buffers share bytes only if they are never alive together, or if one is written from its
beginning while the other is read, far enough above it. Offsets come from greedy best fit (after Pisarchyk and Lee 2020,
arXiv:2001.03288) in several orders; where none reaches the lower bound, a small search over orders follows: all of them
for few buffers, a seeded climb for more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, permutations
from random import Random

ALIGNMENT = 16
_EXHAUSTIVE = 6
_CLIMBS = 8000
"""Exchanges that are tried, times the number of buffers."""


@dataclass(frozen=True)
class Buffer:
    """One run of bytes. Alive while the operators `first` … `last` run, both included."""

    name: str
    bytes: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        """Tell whether both are alive at some time."""
        return self.first <= other.last and other.first <= self.last


Distances = Mapping[tuple[int, int], int]
"""(buffer that is written, buffer that is read meanwhile) → least bytes between their beginnings with which they may overlap."""
Neighbours = list[list[tuple[int, int, int]]]
"""For each buffer those alive together with it: number, and the bytes below and above its beginning in which the buffer may not begin."""


@dataclass(frozen=True)
class MemoryPlan:
    """offsets: of the buffers, in their order, multiples of 16; bytes: the arena that holds them all."""

    offsets: tuple[int, ...]
    bytes: int


def aligned(size: int) -> int:
    """Round up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lower_bound(buffers: Sequence[Buffer], distances: Distances | None = None) -> int:
    """Return the bytes alive at the busiest moment: no plan is smaller."""
    changes: defaultdict[int, int] = defaultdict(int)

    def alive(first: int, last: int, size: int) -> None:
        changes[first] += size
        changes[last + 1] -= size

    for buffer in buffers:
        alive(buffer.first, buffer.last, aligned(buffer.bytes))
    for (written, read), distance in (distances or {}).items():
        low, high = buffers[written], buffers[read]
        if low.meets(high):
            below, above = aligned(low.bytes), aligned(high.bytes)
            together = max(min(aligned(distance), below) + above, below)
            alive(max(low.first, high.first), min(low.last, high.last), together - below - above)
    return max(accumulate(changes[time] for time in sorted(changes)), default=0)


def plan_memory(buffers: Sequence[Buffer], distances: Distances | None = None) -> MemoryPlan:
    """Place buffers so that those alive together do not overlap, but for pairs that may.

    Args:
        buffers: sizes > 0, lifetimes in operator numbers.
        distances: pairs of which the first is only written while both are alive, and the second only read.

    Returns:
        The smallest plan found; the same one for the same buffers, always.
    """
    near, bound = _neighbours(buffers, distances or {}), lower_bound(buffers, distances)
    best: tuple[MemoryPlan, list[int]] | None = None
    for order in _orders(buffers):
        plan = _packed(buffers, order, near)
        if best is None or plan.bytes < best[0].bytes:
            best = plan, list(order)
        if best[0].bytes == bound:
            break
    if best is None:
        return MemoryPlan((), 0)
    return best[0] if best[0].bytes == bound or len(buffers) <= _EXHAUSTIVE else _climbed(buffers, near, bound, *best)


def _orders(buffers: Sequence[Buffer]) -> Iterator[Sequence[int]]:
    numbers = range(len(buffers))

    def span(number: int) -> int:
        return buffers[number].last - buffers[number].first + 1

    yield sorted(numbers, key=lambda n: (-buffers[n].bytes, buffers[n].first, n))
    yield sorted(numbers, key=lambda n: (-span(n), -buffers[n].bytes, n))
    yield sorted(numbers, key=lambda n: (-span(n) * buffers[n].bytes, n))
    yield sorted(numbers, key=lambda n: (buffers[n].first, -buffers[n].bytes, n))
    yield _from_the_busiest(buffers)
    if len(buffers) <= _EXHAUSTIVE:
        yield from permutations(numbers)


def _from_the_busiest(buffers: Sequence[Buffer]) -> list[int]:
    """Order by distance in time from the busiest moment, large ones first: neighbours of a chain lie where they may overlap."""
    times = {buffer.first for buffer in buffers}
    busiest = max(sorted(times), key=lambda time: sum(b.bytes for b in buffers if b.first <= time <= b.last), default=0)

    def away(buffer: Buffer) -> int:
        return max(buffer.first - busiest, busiest - buffer.last, 0)

    return sorted(range(len(buffers)), key=lambda n: (away(buffers[n]), -buffers[n].bytes, n))


def _climbed(buffers: Sequence[Buffer], near: Neighbours, bound: int, plan: MemoryPlan, order: list[int]) -> MemoryPlan:
    """Exchange two places of a good order again and again, keeping what makes nothing worse."""
    random = Random(len(buffers))
    for _ in range(_CLIMBS // len(order)):
        if plan.bytes == bound:
            break
        swapped = list(order)
        left, right = random.sample(range(len(order)), 2)
        swapped[left], swapped[right] = swapped[right], swapped[left]
        other = _packed(buffers, swapped, near)
        if other.bytes <= plan.bytes:
            plan, order = other, swapped
    return plan


def _neighbours(buffers: Sequence[Buffer], may: Distances) -> Neighbours:
    """Return for each buffer those that are alive together with it."""
    numbers = range(len(buffers))
    sizes = [aligned(buffer.bytes) for buffer in buffers]

    def ends(number: int, placed: int) -> tuple[int, int, int]:
        below, above = sizes[number], sizes[placed]
        if (number, placed) in may:
            below = min(below, aligned(may[number, placed]))
        if (placed, number) in may:
            above = min(above, aligned(may[placed, number]))
        return placed, below, above

    return [
        [ends(number, placed) for placed in numbers if placed != number and buffers[placed].meets(buffers[number])] for number in numbers
    ]


def _packed(buffers: Sequence[Buffer], order: Iterable[int], neighbours: Neighbours) -> MemoryPlan:
    """Place buffers in order, each into the smallest gap that holds it, else on top."""
    offsets: dict[int, int] = {}
    for number in order:
        closed = [(offsets[placed] - below, offsets[placed] + above) for placed, below, above in neighbours[number] if placed in offsets]
        closed.sort()
        offsets[number] = _best_gap(closed)
    end = max((offset + aligned(buffers[number].bytes) for number, offset in offsets.items()), default=0)
    return MemoryPlan(tuple(offsets[number] for number in range(len(buffers))), end)


def _best_gap(closed: list[tuple[int, int]]) -> int:
    """Return the beginning of the smallest gap between closed intervals, else their end."""
    best, best_room, end = None, 0, 0
    for start, stop in closed:
        room = start - end
        if room >= 0 and (best is None or room < best_room):
            best, best_room = end, room
        end = max(end, stop)
    return end if best is None else best
