# SPDX-License-Identifier: Apache-2.0
"""A stream of labelled samples to a device: which class each means, which are new, what came of each.

In: prepared samples with labels, by the device's numbers or by a dataset's names. Out: a `TeachResult`. Classes may be added while
the stream runs, so a name is looked up when its sample's turn comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tinytl.class_match import UNKNOWN, ClassMatch, match_classes
from tinytl.errors import DeviceError
from tinytl.progress import Progress, is_due
from tinytl_bridge.recalling import SourceWatch
from tinytl_bridge.wire.class_names import check_room
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.results import TaughtSample, TeachResult, mean_told
from tinytl_bridge.wire.verdicts import Verdict

if TYPE_CHECKING:
    from tinytl_bridge.device import Device

OnlyWhen = Literal["always", "wrong", "unsure"]
ONLY_WHEN: tuple[OnlyWhen, ...] = ("always", "wrong", "unsure")
_RECENT = 100
"""Samples that the accuracy shown meanwhile looks back."""


@dataclass(frozen=True)
class TeachFlags:
    """How one sample is taught.

    Attributes:
        trace: with the head's CRC-32 in the answer. guard: with the model's guard, if it has one.
        only_when: "always"; "wrong": only what the head has wrong; "unsure": also what it has right with a probability below
            `unsure_below`, which the device takes in steps of 1/256.
    """

    trace: bool = False
    guard: bool = True
    only_when: OnlyWhen = "always"
    unsure_below: float = 0.9

    def __post_init__(self) -> None:
        if self.only_when not in ONLY_WHEN:
            raise DeviceError(f"samples taught only when {self.only_when!r}", expected=", ".join(ONLY_WHEN))
        if not 0 < self.unsure_below < 1:
            raise DeviceError(f"unsure_below {self.unsure_below:g}", expected="a probability above 0 and below 1")

    @property
    def word(self) -> int:
        """The flags of TEACH and GROW."""
        word = int(self.trace) | int(not self.guard) << 1
        if self.only_when == "unsure":
            return word | 8 | min(max(round(256 * self.unsure_below), 1), 255) << 8
        return word | (4 if self.only_when == "wrong" else 0)


PLAIN = TeachFlags()


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


def check_lessons(device: "Device", lessons: Lessons) -> None:
    """Refuse what the device would refuse later, before anything is sent.

    Raises:
        DeviceError: labels that the device does not have, or more new classes than there is room for.
    """
    known = device.labels()
    match = lessons.match(known)
    if match is None:
        device.expect_labels(lessons.labels)
        return
    match.expect_teachable()
    if match.missing:
        check_room(match.missing, count=len(known), capacity=device.status().class_capacity)


def teach_stream(
    device: "Device", lessons: Lessons, *, progress: Progress, on_step: Callable[[TaughtSample], None] | None,
    watch: SourceWatch | None = None,
) -> TeachResult:  # fmt: skip
    """Teach one sample after the other. Args, Raises: as `Device.teach`; watch: of the source task, None: nobody looks at it."""
    taught: list[TaughtSample] = []
    diverged, repeated, undone = 0, device.repeated, False
    verdicts: list[Verdict] = []
    known = _known(device, lessons)
    before, match = set(known), lessons.match(known)
    for count, (sample, label) in enumerate(zip(lessons.samples, lessons.labels, strict=True), 1):
        number = int(label if match is None else match.numbers[label])
        try:
            if match is not None and number == UNKNOWN:
                known.append(match.names[int(label)])
                match = lessons.match(known)
                step = device.grow_prepared(sample, len(known) - 1, known[-1], lessons.flags)
            else:
                step = device.teach_prepared(sample, number, lessons.flags)
            if step.verdict is not None:
                verdicts.append(step.verdict)
            if watch is not None and step.verdict is not None and step.verdict.decision == "committed" and watch.exceeded():
                watch.undo(committed=True)
                undone = True
            if step.verdict is not None or step.outcome == "diverged":
                known = _known(device, lessons)  # classes that were not saved are gone with what was undone
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
        undone, known = True, _known(device, lessons)
    added = tuple(name for name in known if name not in before)
    return TeachResult(tuple(taught), diverged, device.repeated - repeated, added, tuple(verdicts), watch.kept if watch else None, undone)


def _stage(recent: Sequence[TaughtSample]) -> str:
    right = sum(each.predicted == each.label for each in recent)
    return f"teach: {100 * right / max(len(recent), 1):.0f} % of the last {len(recent)} right{_sureness(recent)}"


def _sureness(recent: Sequence[TaughtSample]) -> str:
    """Say how sure the head was of the last samples and how far they have drifted, where the device tells."""
    confidence, drift = mean_told([each.confidence for each in recent]), mean_told([each.drift for each in recent])
    return (f", {100 * confidence:.0f} % sure" if confidence is not None else "") + (f", drift {drift:.1f}" if drift is not None else "")


def _known(device: "Device", lessons: Lessons) -> list[str]:
    """Return the device's class names where labels go by name."""
    return list(device.labels()) if lessons.names is not None else []
