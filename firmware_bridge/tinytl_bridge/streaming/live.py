# SPDX-License-Identifier: Apache-2.0
"""A device taught from a source until that ends, somebody says stop, or enough samples were taught.

In: a device and an open source. Out: a `LiveResult`. Whatever ends the stream, what was learned until then is in the head, and the caller
decides whether it is saved; only a device that fails is an error here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tinytl.errors import TinytlError
from tinytl.progress import Progress, is_due, silent
from tinytl_bridge.device import Device
from tinytl_bridge.recalling import SourceWatch
from tinytl_bridge.stream_place import begin_stream
from tinytl_bridge.streaming.intake import Ending, Intake, Stop, Wishes
from tinytl_bridge.streaming.labels import NamedLabels
from tinytl_bridge.streaming.reader import Reader
from tinytl_bridge.streaming.records import Source
from tinytl_bridge.taught import Tally, TeachResult
from tinytl_bridge.teaching import teach_each
from tinytl_bridge.wire.requests import PLAIN, TeachFlags
from tinytl_bridge.wire.results import NOWHERE, TaughtSample

ALL = Wishes()
MOST_KEPT = 20_000
"""Taught samples of which the result tells one by one: the last ones."""


@dataclass(frozen=True)
class LiveResult:
    """What came of a stream.

    Attributes:
        taught: as of any teaching; of the samples the last `MOST_KEPT`. came: samples that came. refused: those that could not be taught.
        lost, repeats, late: by the sender's numbers. numbering: the same in a sentence; None where nothing was amiss.
        seconds: from the first sample to the end. ending: why it ended.
        most_waiting, most_waiting_bytes: at once. left: samples that had come when it ended.
        error: of the source, or of the sample that ended a strict stream.
    """

    taught: TeachResult
    came: int
    refused: int
    lost: int
    repeats: int
    late: int
    numbering: str | None
    seconds: float
    ending: Ending
    most_waiting: int
    most_waiting_bytes: int
    left: int
    error: TinytlError | None = None


def teach_live(
    device: Device, source: Source, wishes: Wishes = ALL, *, new_classes: bool = False, flags: TeachFlags = PLAIN,
    recall: bool = False, keep_source: float | None = None, stop: Stop | None = None, most_waiting: int | None = None,
    progress: Progress = silent, on_step: Callable[[TaughtSample], None] | None = None, tell: Callable[[str], None] = lambda _: None,
) -> LiveResult:  # fmt: skip
    """Teach what a source gives, each sample as it comes.

    Args:
        device: taught. source: open; closed in the end. wishes: label, number of samples, whether one that is refused ends it.
        new_classes: whether names that the device does not have become classes of it, each with its first sample.
        flags, recall, keep_source: as for `Device.teach`. stop: ends the stream once it is set, by a signal's handler for instance.
        most_waiting: samples that may be read ahead; None: 256, or 2 of a camera. progress: told now and then; the total is 0.
        on_step: called after each sample. tell: called with a sentence, a few times at most for each kind of thing.

    Raises:
        DeviceError: the device fails, restarts, or has no head. The source is closed then too.
    """
    session = device.session
    try:
        given = session.head_metadata()["input"]
        labels = NamedLabels(session.labels(), capacity=session.status().class_capacity, new_classes=new_classes)
        begin_stream(session, NOWHERE)
        watch = SourceWatch(session, keep_source) if recall or keep_source is not None else None
    except BaseException:
        source.close()
        raise
    with Reader(source, most_samples=most_waiting) as reader:
        shape = tuple(int(side) for side in given["shape"])
        intake = Intake(reader, labels, device.prepare, shape, wishes, stop or Stop(), tell)
        live = _Live(intake, progress)
        taught = teach_each(
            session, intake.lessons(), labels, flags=flags, report=live.report, on_step=on_step, watch=watch, keep=MOST_KEPT
        )
        live.end(taught.tally)
    numbering, queue = intake.numbering, reader.queue
    return LiveResult(
        taught, intake.came, intake.refused, numbering.lost, numbering.repeats, numbering.late, numbering.text, live.seconds, intake.ending,
        queue.largest, queue.largest_bytes, len(queue), intake.error,
    )  # fmt: skip


class _Live:
    """The line that is shown meanwhile."""

    def __init__(self, intake: Intake, progress: Progress) -> None:
        self._intake, self._progress = intake, progress
        self._begun: float | None = None
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        """From the first taught sample's answer to the last one's."""
        return 0.0 if self._begun is None else self._ended - self._begun

    def report(self, tally: Tally) -> None:
        self._ended = time.monotonic()
        if self._begun is None:
            self._begun = self._ended
        if is_due(self._progress):
            self._progress(self._text(tally), tally.count, 0)

    def end(self, tally: Tally) -> None:
        """Report the end: now it is known how many came."""
        if tally.count:
            self._progress("stream", tally.count, tally.count)

    def _text(self, tally: Tally) -> str:
        rate = (tally.count - 1) / self.seconds if self.seconds else 0.0
        waiting, numbering = len(self._intake.reader.queue), self._intake.numbering
        return (f"stream: {tally.short_text}; {rate:.1f}/s, {waiting} waiting" + (f", {numbering.lost:,} lost" if numbering.lost else "")
                + (f", {self._intake.refused:,} refused" if self._intake.refused else ""))  # fmt: skip
