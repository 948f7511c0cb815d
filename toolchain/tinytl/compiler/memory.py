# SPDX-License-Identifier: Apache-2.0
"""Fifth stage, first half: buffers with lifetimes → offsets in one arena.

A plan is exact and static: two buffers share bytes only if they are never alive together. Offsets come from greedy best
fit (after Pisarchyk and Lee 2020, arXiv:2001.03288) in several orders; where none reaches the lower bound, a small
search over orders follows: all of them for few buffers, deterministic swaps for more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

ALIGNMENT = 16
_EXHAUSTIVE = 6
_SWAPPED = 16


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


@dataclass(frozen=True)
class MemoryPlan:
    """offsets: of the buffers, in their order, multiples of 16; bytes: the arena that holds them all."""

    offsets: tuple[int, ...]
    bytes: int


def aligned(size: int) -> int:
    """Round up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """Return the bytes alive at the busiest moment: no plan is smaller."""
    starts = {each.first for each in buffers}
    return max((sum(aligned(b.bytes) for b in buffers if b.first <= time <= b.last) for time in starts), default=0)


def plan_memory(buffers: Sequence[Buffer]) -> MemoryPlan:
    """Place buffers so that those alive together do not overlap.

    Args:
        buffers: sizes > 0, lifetimes in operator numbers.

    Returns:
        The smallest plan found; the same one for the same buffers, always.
    """
    bound = lower_bound(buffers)
    best: MemoryPlan | None = None
    for order in _orders(buffers):
        plan = _packed(buffers, order)
        if best is None or plan.bytes < best.bytes:
            best = plan
        if best.bytes == bound:
            break
    return best or MemoryPlan((), 0)


def _orders(buffers: Sequence[Buffer]) -> Iterator[Sequence[int]]:
    numbers = range(len(buffers))

    def span(number: int) -> int:
        return buffers[number].last - buffers[number].first + 1

    by_size = sorted(numbers, key=lambda n: (-buffers[n].bytes, buffers[n].first, n))
    yield by_size
    yield sorted(numbers, key=lambda n: (-span(n), -buffers[n].bytes, n))
    yield sorted(numbers, key=lambda n: (-span(n) * buffers[n].bytes, n))
    yield sorted(numbers, key=lambda n: (buffers[n].first, -buffers[n].bytes, n))
    if len(buffers) <= _EXHAUSTIVE:
        yield from permutations(numbers)
    else:
        yield from _swaps(by_size)


def _swaps(order: Sequence[int]) -> Iterator[Sequence[int]]:
    """Exchange neighbours near and far of a good order; large buffers come first and matter most."""
    leading = min(len(order), _SWAPPED)
    for distance in range(1, leading):
        for left in range(leading - distance):
            swapped = list(order)
            swapped[left], swapped[left + distance] = swapped[left + distance], swapped[left]
            yield swapped


def _packed(buffers: Sequence[Buffer], order: Iterable[int]) -> MemoryPlan:
    """Place buffers in order, each into the smallest gap that holds it, else on top."""
    offsets: dict[int, int] = {}
    for number in order:
        neighbours = sorted(
            (offset, offset + aligned(buffers[placed].bytes))
            for placed, offset in offsets.items()
            if buffers[placed].meets(buffers[number])
        )
        offsets[number] = _best_gap(neighbours, aligned(buffers[number].bytes))
    end = max((offset + aligned(buffers[number].bytes) for number, offset in offsets.items()), default=0)
    return MemoryPlan(tuple(offsets[number] for number in range(len(buffers))), end)


def _best_gap(taken: list[tuple[int, int]], size: int) -> int:
    best, best_room, end = None, 0, 0
    for start, stop in taken:
        room = start - end
        if room >= size and (best is None or room < best_room):
            best, best_room = end, room
        end = max(end, stop)
    return end if best is None else best
