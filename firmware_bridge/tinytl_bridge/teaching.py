# SPDX-License-Identifier: Apache-2.0
"""A stream of labelled samples to a device: which class each means, which are new, what came of each.

In: prepared samples with labels, by the device's numbers or by a dataset's names. Out: a `TeachResult`. Classes may be added while
the stream runs, so a name is looked up when its sample's turn comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinytl.class_match import UNKNOWN, ClassMatch, match_classes
from tinytl.progress import Progress, is_due
from tinytl_bridge.recalling import SourceKept, SourceWatch
from tinytl_bridge.wire.class_names import check_room
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.requests import PLAIN, TeachFlags
from tinytl_bridge.wire.results import TaughtSample
from tinytl_bridge.wire.session import Session
from tinytl_bridge.wire.verdicts import Verdict

_RECENT = 100
"""Samples that the accuracy shown meanwhile looks back."""


@dataclass(frozen=True)
class Lessons:
    """What is taught.

    Attributes:
        samples: (N, input_bytes) int8. labels: (N,). names: of the labels; None: labels are the device's numbers.
        new_classes: whether names that the device does not know become classes. flags: of each sample.
    """

    samples: np.ndarray
    labels: np.ndarray
    names: Sequence[str] | None = None
    new_classes: bool = False
    flags: TeachFlags = PLAIN

    def match(self, known: Sequence[str]) -> ClassMatch | None:
        """Find the classes of the labels among the device's names; None where labels are the device's numbers."""
        if self.names is None:
            return None
        return match_classes(self.labels, self.names, known, adding=self.new_classes)


def mean_told(numbers: Sequence[float | None]) -> float | None:
    """Return the mean of the numbers that there are, None where there is none."""
    readings = [number for number in numbers if number is not None]
    return sum(readings) / len(readings) if readings else None


@dataclass(frozen=True)
class TeachResult:
    """A stream of taught samples.

    Attributes:
        samples: those that were learned, held out or skipped, in order.
        diverged: samples whose loss was not finite; they changed nothing, or the guard undid them.
        repeated: frames that had to be sent again.
        added: names of the classes that were new, in order.
        verdicts: of the guard meanwhile, in order.
        source: the replay set before and after; None where it was not asked for or there is none.
        undone: whether more of it was lost than `keep_source` allows, so that the head before is back.
    """

    samples: tuple[TaughtSample, ...]
    diverged: int
    repeated: int
    added: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    source: SourceKept | None = None
    undone: bool = False

    @property
    def taught(self) -> int:
        """Samples learned."""
        return sum(s.outcome == "learned" for s in self.samples)

    @property
    def skipped(self) -> int:
        """Samples that were right already, and not learned for that."""
        return sum(s.outcome == "skipped" for s in self.samples)

    @property
    def held_out(self) -> int:
        """Samples that the guard holds out."""
        return sum(s.outcome == "held out" for s in self.samples)

    @property
    def confidence(self) -> float | None:
        """Mean over the samples that told theirs; None where none did."""
        return mean_told([s.confidence for s in self.samples])

    @property
    def drift(self) -> float | None:
        """Mean over the samples that told theirs; None where none did."""
        return mean_told([s.drift for s in self.samples])

    @property
    def accuracy(self) -> float:
        """Fraction predicted correctly, each before it was learned (prequential accuracy)."""
        return sum(s.predicted == s.label for s in self.samples) / len(self.samples) if self.samples else 0.0


def check_lessons(session: Session, lessons: Lessons) -> None:
    """Refuse what the device would refuse later, before anything is sent.

    Raises:
        DeviceError: labels that the device does not have, or more new classes than there is room for.
    """
    known = session.labels()
    match = lessons.match(known)
    if match is None:
        session.expect_labels(lessons.labels)
        return
    match.expect_teachable()
    if match.missing:
        check_room(match.missing, count=len(known), capacity=session.status().class_capacity)


def teach_stream(
    session: Session, lessons: Lessons, *, progress: Progress, on_step: Callable[[TaughtSample], None] | None,
    watch: SourceWatch | None = None,
) -> TeachResult:  # fmt: skip
    """Teach one sample after the other.

    Args:
        session: with the device. lessons: prepared and checked. progress: told now and then, with the accuracy of the last samples.
        on_step: called after each sample that did not diverge. watch: of the source task; None: nobody looks at it.

    Raises:
        DeviceError: as `Device.teach`.
    """
    taught: list[TaughtSample] = []
    diverged, repeated, undone = 0, session.repeated, False
    verdicts: list[Verdict] = []
    known = _known(session, lessons)
    before, match = set(known), lessons.match(known)
    for count, (sample, label) in enumerate(zip(lessons.samples, lessons.labels, strict=True), 1):
        number = int(label if match is None else match.numbers[label])
        try:
            if match is not None and number == UNKNOWN:
                known.append(match.names[int(label)])
                match = lessons.match(known)
                step = session.grow(sample, len(known) - 1, known[-1], lessons.flags)
            else:
                step = session.teach(sample, number, lessons.flags)
            if step.verdict is not None:
                verdicts.append(step.verdict)
            if watch is not None and step.verdict is not None and step.verdict.decision == "committed" and watch.exceeded():
                watch.undo(committed=True)
                undone = True
            if step.verdict is not None or step.outcome == "diverged":
                known = _known(session, lessons)  # classes that were not saved are gone with what was undone
                match = lessons.match(known)
                if match is not None:
                    match.expect_teachable()
            if step.outcome == "diverged":
                diverged += 1
                continue
            taught.append(step)
            if on_step is not None:
                on_step(step)
        except Refusal as refusal:
            if refusal.status != "diverged":
                raise
            diverged += 1
        if undone:
            break
        if count == len(lessons.samples) or is_due(progress):
            progress(_stage(taught[-_RECENT:]), count, len(lessons.samples))
    if watch is not None and not undone and watch.exceeded():
        watch.undo(committed=False)
        undone, known = True, _known(session, lessons)
    added = tuple(name for name in known if name not in before)
    return TeachResult(tuple(taught), diverged, session.repeated - repeated, added, tuple(verdicts), watch.kept if watch else None, undone)


def _stage(recent: Sequence[TaughtSample]) -> str:
    right = sum(sample.predicted == sample.label for sample in recent)
    return f"teach: {100 * right / max(len(recent), 1):.0f} % of the last {len(recent)} right{_sureness(recent)}"


def _sureness(recent: Sequence[TaughtSample]) -> str:
    """Say how sure the head was of the last samples and how far they have drifted, where the device tells."""
    confidence, drift = mean_told([sample.confidence for sample in recent]), mean_told([sample.drift for sample in recent])
    return (f", {100 * confidence:.0f} % sure" if confidence is not None else "") + (f", drift {drift:.1f}" if drift is not None else "")


def _known(session: Session, lessons: Lessons) -> list[str]:
    """Return the device's class names where labels go by name."""
    return list(session.labels()) if lessons.names is not None else []
