# SPDX-License-Identifier: Apache-2.0
"""What came of a stream of taught samples: counted as it runs, told when it ends.

In: one `TaughtSample` after the other. Out: a `Tally` that takes no more memory however many there are, and a `TeachResult`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tinytl_bridge.recalling import SourceKept
from tinytl_bridge.wire.results import Outcome, TaughtSample
from tinytl_bridge.wire.verdicts import Verdict

RECENT = 100
"""Samples that the accuracy shown meanwhile looks back."""


@dataclass
class _Mean:
    total: float = 0.0
    count: int = 0

    def add(self, number: float | None) -> None:
        if number is not None:
            self.total, self.count = self.total + number, self.count + 1

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


def mean_told(numbers: Sequence[float | None]) -> float | None:
    """Return the mean of the numbers that there are, None where there is none."""
    mean = _Mean()
    for number in numbers:
        mean.add(number)
    return mean.value


@dataclass
class Tally:
    """Counts of a stream so far.

    Attributes:
        outcomes: samples by what became of them. right: of those that did not diverge, how many were predicted rightly before.
        undone: how often the guard went back. recent: the last `RECENT` that did not diverge.
    """

    outcomes: dict[Outcome, int] = field(default_factory=lambda: {"learned": 0, "held out": 0, "diverged": 0, "skipped": 0})
    right: int = 0
    undone: int = 0
    recent: deque[TaughtSample] = field(default_factory=lambda: deque(maxlen=RECENT))
    confidence: _Mean = field(default_factory=_Mean)
    drift: _Mean = field(default_factory=_Mean)

    def add(self, sample: TaughtSample) -> None:
        """Count a sample that did not diverge."""
        self.outcomes[sample.outcome] += 1
        self.right += sample.predicted == sample.label
        self.recent.append(sample)
        self.confidence.add(sample.confidence)
        self.drift.add(sample.drift)

    @property
    def count(self) -> int:
        """Samples that the device took, whatever came of them."""
        return sum(self.outcomes.values())

    @property
    def accuracy(self) -> float:
        """Fraction predicted correctly, each before it was learned (prequential accuracy)."""
        answered = self.count - self.outcomes["diverged"]
        return self.right / answered if answered else 0.0

    @property
    def text(self) -> str:
        """How right and how sure the head was of the last samples, and how far they have drifted, where the device tells."""
        return f"{self._right} of the last {len(self.recent)} right{self._sureness}"

    @property
    def short_text(self) -> str:
        """The same in fewer characters, for a line that tells more."""
        return f"last {len(self.recent)}: {self._right} right{self._sureness}"

    @property
    def _right(self) -> str:
        right = sum(sample.predicted == sample.label for sample in self.recent)
        return f"{100 * right / max(len(self.recent), 1):.0f} %"

    @property
    def _sureness(self) -> str:
        confidence, drift = mean_told([sample.confidence for sample in self.recent]), mean_told([sample.drift for sample in self.recent])
        sure = f", {100 * confidence:.0f} % sure" if confidence is not None else ""
        return sure + (f", drift {drift:.1f}" if drift is not None else "")


@dataclass(frozen=True)
class TeachResult:
    """A stream of taught samples.

    Attributes:
        samples: those that were learned, held out or skipped, in order; of an endless stream the last ones.
        tally: counts of all of them.
        repeated: frames that had to be sent again.
        added: names of the classes that were new, in order.
        verdicts: of the guard meanwhile, in order; of an endless stream the last ones.
        source: the replay set before and after; None where it was not asked for or there is none.
        undone: whether more of it was lost than `keep_source` allows, so that the head before is back.
    """

    samples: tuple[TaughtSample, ...]
    tally: Tally
    repeated: int
    added: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    source: SourceKept | None = None
    undone: bool = False

    @property
    def taught(self) -> int:
        """Samples learned."""
        return self.tally.outcomes["learned"]

    @property
    def diverged(self) -> int:
        """Samples whose loss was not finite; they changed nothing, or the guard undid them."""
        return self.tally.outcomes["diverged"]

    @property
    def skipped(self) -> int:
        """Samples that were right already, and not learned for that."""
        return self.tally.outcomes["skipped"]

    @property
    def held_out(self) -> int:
        """Samples that the guard holds out."""
        return self.tally.outcomes["held out"]

    @property
    def confidence(self) -> float | None:
        """Mean over the samples that told theirs; None where none did."""
        return self.tally.confidence.value

    @property
    def drift(self) -> float | None:
        """Mean over the samples that told theirs; None where none did."""
        return self.tally.drift.value

    @property
    def accuracy(self) -> float:
        """Fraction predicted correctly, each before it was learned (prequential accuracy)."""
        return self.tally.accuracy
