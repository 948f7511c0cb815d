# SPDX-License-Identifier: Apache-2.0
"""The sender's own numbers: what is missing between them, what came twice, what came late.

In: the number of each sample as it comes. Out: whether it is new, and counts. Numbers may begin anywhere and should grow by one. What was
seen is kept as a few gaps, so memory does not grow with the stream; a gap that is forgotten stays lost, and what comes late into it is
taken for a repeat.
"""

from collections.abc import Callable
from typing import Literal

Kind = Literal["next", "gap", "late", "repeat"]
MOST_GAPS = 1000
"""Gaps that late samples may still fill."""
_TOLD = 5
_SUSPICIOUS = 100
"""Repeats in a row from which on the sender has probably begun to count again."""


class Numbering:
    """What the numbers tell.

    Args:
        tell: called with a sentence when there is something new to tell, a few times at most.

    Attributes:
        lost: numbers that have not come. repeats: samples that came again. late: samples that came behind a larger number.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._tell, self._told, self._in_a_row = tell, {"gap": 0, "late": 0, "repeat": 0}, 0
        self._lowest = self._highest = -1
        self._gaps: list[tuple[int, int]] = []  # first and last missing number of each, ascending
        self.lost = self.repeats = self.late = 0

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """The gaps that are remembered, as first and last missing number."""
        return tuple(self._gaps)

    @property
    def text(self) -> str | None:
        """What was lost, repeated and late, in a sentence; None where nothing was."""
        where = f" between {self._gaps[0][0] - 1:,} and {self._gaps[-1][1] + 1:,}" if self._gaps else ""
        parts = [f"{_samples(self.lost)} lost{where}"] if self.lost else []
        parts += [f"{self.repeats:,} came again, not learned twice"] if self.repeats else []
        parts += [f"{self.late:,} came late"] if self.late else []
        return "; ".join(parts) or None

    def take(self, number: int) -> Kind:
        """Take the number of a sample that came.

        Returns:
            "next" and "gap", with some missing before it, and "late" are new; "repeat" is not.
        """
        kind = self._place(number)
        if kind == "repeat":
            self.repeats += 1
            self._in_a_row += 1
            self._say("repeat", f"n = {number:,} came again: not learned twice")
            if self._in_a_row == _SUSPICIOUS:
                self._tell(f"{_SUSPICIOUS} repeats in a row: has the sender begun to count again? nothing is learned until n exceeds "
                           f"{self._highest:,}")  # fmt: skip
            return kind
        self._in_a_row = 0
        if kind == "late":
            self.late += 1
            self._say("late", f"n = {number:,} came late")
        return kind

    def _place(self, number: int) -> Kind:
        if self._highest < 0:
            self._lowest = self._highest = number
            return "next"
        if number > self._highest:
            gap = (self._highest + 1, number - 1)
            self._highest = number
            return self._open(gap, at_end=True) if gap[0] <= gap[1] else "next"
        if number < self._lowest:
            gap = (number + 1, self._lowest - 1)
            self._lowest = number
            if gap[0] <= gap[1]:
                self._open(gap, at_end=False)
            return "late"
        return "late" if self._fill(number) else "repeat"

    def _open(self, gap: tuple[int, int], *, at_end: bool) -> Kind:
        """Remember a gap behind all others, or before them."""
        count = gap[1] - gap[0] + 1
        self.lost += count
        self._say("gap", f"{_samples(count)} lost between {gap[0] - 1:,} and {gap[1] + 1:,}")
        self._gaps.insert(len(self._gaps) if at_end else 0, gap)
        del self._gaps[:-MOST_GAPS]
        return "gap"

    def _fill(self, number: int) -> bool:
        """Take a number out of the gap that it lies in; tell whether it lay in one."""
        for place, (first, last) in enumerate(self._gaps):
            if first <= number <= last:
                self._gaps[place : place + 1] = [part for part in ((first, number - 1), (number + 1, last)) if part[0] <= part[1]]
                del self._gaps[:-MOST_GAPS]
                self.lost -= 1
                return True
        return False

    def _say(self, kind: str, text: str) -> None:
        self._told[kind] += 1
        if self._told[kind] <= _TOLD:
            self._tell(text + ("; further ones are only counted" if self._told[kind] == _TOLD else ""))


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"
