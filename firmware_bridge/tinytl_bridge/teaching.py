# SPDX-License-Identifier: Apache-2.0
"""A stream of labelled samples to a device: which class each means, which are new, what came of each.

In: prepared samples with labels, by the device's numbers or by names: a fixed set of them, or an iterator that may have no end. Out: a
`TeachResult`. Classes may be added while the stream runs, so a name is looked up when its sample's turn comes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tinytl.class_match import UNKNOWN, ClassMatch, match_classes
from tinytl.progress import Progress, is_due
from tinytl_bridge.recalling import SourceWatch
from tinytl_bridge.taught import Tally, TeachResult
from tinytl_bridge.wire.class_names import check_room
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.requests import PLAIN, TeachFlags
from tinytl_bridge.wire.results import TaughtSample
from tinytl_bridge.wire.session import Session
from tinytl_bridge.wire.verdicts import Verdict

Label = int | str


class ClassLookup(Protocol):
    """Which of the device's classes a label means.

    Attributes:
        known: the device's class names; None where labels are its numbers and nobody asks.
    """

    known: list[str] | None

    def number_of(self, label: Label) -> int:
        """Return the device's number of a label's class, `UNKNOWN` of one that is to be added."""

    def name_of(self, label: Label) -> str:
        """Return the name that a label's class gets when it is added."""

    def renew(self, known: Sequence[str]) -> None:
        """Take the device's class names as they are now. Raises DeviceError where labels to come mean none of them."""


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


class _MatchedLabels:
    """The labels of a fixed set: all of them are matched at once."""

    def __init__(self, lessons: Lessons, known: Sequence[str]) -> None:
        self.known: list[str] | None = None if lessons.names is None else list(known)
        self._lessons, self._match = lessons, lessons.match(known)

    def number_of(self, label: Label) -> int:
        return int(label if self._match is None else self._match.numbers[int(label)])

    def name_of(self, label: Label) -> str:
        return "" if self._match is None else self._match.names[int(label)]

    def renew(self, known: Sequence[str]) -> None:
        self.known, self._match = list(known), self._lessons.match(known)
        if self._match is not None:
            self._match.expect_teachable()


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
    """Teach a fixed set, one sample after the other.

    Args:
        session: with the device. lessons: prepared and checked. progress: told now and then, with the accuracy of the last samples.
        on_step: called after each sample that did not diverge. watch: of the source task; None: nobody looks at it.

    Raises:
        DeviceError: as `Device.teach`.
    """
    total = len(lessons.samples)

    def report(tally: Tally) -> None:
        if tally.count == total or is_due(progress):
            progress(f"teach: {tally.text}", tally.count, total)

    lookup = _MatchedLabels(lessons, () if lessons.names is None else session.labels())
    pairs = zip(lessons.samples, lessons.labels, strict=True)
    return teach_each(session, pairs, lookup, flags=lessons.flags, report=report, on_step=on_step, watch=watch)


def teach_each(
    session: Session, lessons: Iterable[tuple[np.ndarray, Label]], lookup: ClassLookup, *, flags: TeachFlags = PLAIN,
    report: Callable[[Tally], None], on_step: Callable[[TaughtSample], None] | None, watch: SourceWatch | None = None,
    keep: int | None = None,
) -> TeachResult:  # fmt: skip
    """Teach samples as an iterator hands them out, until it ends; each is asked for when the one before is answered.

    Args:
        session: with the device. lessons: (input_bytes,) int8 and the label of each. lookup: which class a label means.
        flags: of each sample. report: told the counts after each sample. on_step: called after each that did not diverge.
        watch: of the source task; None: nobody looks at it. keep: how many samples and verdicts at most the result holds; None: all.

    Raises:
        DeviceError: as `Device.teach`.
    """
    taught, verdicts = deque[TaughtSample](maxlen=keep), deque[Verdict](maxlen=keep)
    tally, repeated, undone = Tally(), session.repeated, False
    before = set(lookup.known or ())
    for sample, label in lessons:
        step = _taught(session, sample, label, lookup, flags)
        if step is None:
            tally.outcomes["diverged"] += 1
            report(tally)
            continue
        if step.verdict is not None:
            verdicts.append(step.verdict)
            tally.undone += step.verdict.decision == "undone"
            if watch is not None and step.verdict.decision == "committed" and watch.exceeded():
                watch.undo(committed=True)
                undone = True
        if step.verdict is not None or step.outcome == "diverged":
            _renew(session, lookup)  # classes that were not saved are gone with what was undone
        if step.outcome == "diverged":
            tally.outcomes["diverged"] += 1
        else:
            tally.add(step)
            taught.append(step)
            if on_step is not None:
                on_step(step)
        if undone:
            break
        report(tally)
    if watch is not None and not undone and watch.exceeded():
        watch.undo(committed=False)
        undone = True
        _renew(session, lookup)
    added = tuple(name for name in lookup.known or () if name not in before)
    kept = watch.kept if watch else None
    return TeachResult(tuple(taught), tally, session.repeated - repeated, added, tuple(verdicts), kept, undone)


def _taught(session: Session, sample: np.ndarray, label: Label, lookup: ClassLookup, flags: TeachFlags) -> TaughtSample | None:
    """Teach one sample, adding its class where that is new; None where it diverged and no guard told of it."""
    number = lookup.number_of(label)
    try:
        if number != UNKNOWN or lookup.known is None:
            return session.teach(sample, number, flags)
        known = [*lookup.known, lookup.name_of(label)]
        lookup.renew(known)
        return session.grow(sample, len(known) - 1, known[-1], flags)
    except Refusal as refusal:
        if refusal.status != "diverged":
            raise
        return None


def _renew(session: Session, lookup: ClassLookup) -> None:
    if lookup.known is not None:
        lookup.renew(session.labels())
