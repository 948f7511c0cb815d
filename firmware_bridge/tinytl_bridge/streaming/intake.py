# SPDX-License-Identifier: Apache-2.0
"""From what came to what is taught: numbered, checked, prepared, counted.

In: arrivals of a reader. Out: an iterator of the model's int8 inputs with labels, for `teach_each`. A sample that cannot be taught is
counted and told, with its place in the stream, the reason and what was expected; the stream goes on, or ends where that was asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Literal

import numpy as np

from tinytl.errors import DataError, TinytlError
from tinytl_bridge.streaming.labels import NamedLabels
from tinytl_bridge.streaming.numbering import Numbering
from tinytl_bridge.streaming.reader import Reader
from tinytl_bridge.streaming.records import Arrival, LabelledSample, Malformed, SourceLost
from tinytl_bridge.teaching import Label

Ending = Literal["end of the stream", "stopped", "samples", "refused", "lost"]
_TOLD = 5
_TICK_S = 0.2


@dataclass
class Stop:
    """Set by a signal's handler: a plain flag, since a handler may take no lock."""

    wanted: bool = False


@dataclass(frozen=True)
class Wishes:
    """How a stream is taken.

    Attributes:
        label: of all samples; None: each has its own. samples: how many are taught at most; None: as many as come.
        strict: whether the first sample that cannot be taught ends the stream.
    """

    label: str | None = None
    samples: int | None = None
    strict: bool = False


@dataclass
class Intake:
    """The iterator, and what it has counted.

    Args:
        reader: of the source. labels: of the device. prepare: raw samples (1, …) → (1, input_bytes) int8; raises DataError.
        shape: of the model's input. wishes: of the person. stop: ends the stream when it is set. tell: called with a sentence, a few times.

    Attributes:
        came: samples that came, whatever they were. refused: of them those that could not be taught. numbering: by the sender's numbers.
        ending: why it ended. error: of the source or of a refused sample, where that ended it.
    """

    reader: Reader
    labels: NamedLabels
    prepare: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, ...]
    wishes: Wishes
    stop: Stop
    tell: Callable[[str], None]
    came: int = 0
    refused: int = 0
    ending: Ending = "end of the stream"
    error: TinytlError | None = None
    numbering: Numbering = field(init=False)

    def __post_init__(self) -> None:
        self.numbering = Numbering(self.tell)

    def lessons(self) -> Iterator[tuple[np.ndarray, Label]]:
        """Yield prepared samples (input_bytes,) int8 with labels. What was yielded counts as taught when the next is asked for."""
        taught = 0
        while self.wishes.samples is None or taught < self.wishes.samples:
            arrival = self._next()
            if arrival is None:
                return
            self.came += 1
            try:
                lesson = self._lesson(arrival.record)
            except TinytlError as error:
                self._refuse(arrival, error)
                if self.wishes.strict:
                    return
                lesson = None
            if lesson is not None:
                taught += 1
                yield lesson
            if arrival.done is not None:
                arrival.done()
        self.ending = "samples"

    def _next(self) -> Arrival | None:
        """Wait for the next arrival; None where the stream is over, with `ending` and `error` set."""
        try:
            while not self.stop.wanted:
                if (arrival := self.reader.take(_TICK_S)) is not None:
                    return arrival
            self.ending = "stopped"
        except EOFError:
            self.ending = "end of the stream"
        except SourceLost as error:
            self.ending, self.error = "lost", error
        except TinytlError as error:
            self.ending, self.error = "refused", error
        return None

    def _lesson(self, record: LabelledSample | Malformed) -> tuple[np.ndarray, Label] | None:
        """Return what is to be taught; None of a repeat."""
        if isinstance(record, Malformed):
            raise DataError(record.what, expected=record.expected)
        if record.number is not None and self.numbering.take(record.number) == "repeat":
            return None
        label = self.wishes.label if self.wishes.label is not None else record.label
        if label is None:
            raise DataError("no label", expected="one with each sample, or --label NAME for all")
        self.labels.expect(label)
        return self.prepare(self._shaped(record.x)[np.newaxis])[0], label

    def _shaped(self, x: np.ndarray) -> np.ndarray:
        if x.ndim == 1 and x.size == prod(self.shape):
            x = x.reshape(self.shape)
        if x.dtype != np.int64:
            return x
        if x.ndim > 1 and len(self.shape) == 3 and self.shape[2] in (1, 3):
            raise DataError(
                "whole numbers for a model that takes images", expected="a type that says what they are",
                hint="--stream-dtype uint8 for pixels 0 to 255, float32 for the model's input as it is; or a \"dtype\" in each line",
            )  # fmt: skip
        return x.astype(np.float32)

    def _refuse(self, arrival: Arrival, error: TinytlError) -> None:
        self.refused += 1
        number = arrival.record.number if isinstance(arrival.record, LabelledSample) else None
        which = f"sample {self.came:,}" + ("" if number is None else f" (n = {number:,})")
        if self.wishes.strict:
            self.ending = "refused"
            self.error = DataError(f"{which}: {error.what}", expected=error.expected, hint=error.hint)
        elif self.refused <= _TOLD:
            more = "; further ones are only counted" if self.refused == _TOLD else ""
            self.tell(f"{which} refused: {error.what}" + (f"; expected {error.expected}" if error.expected else "") + more
                      + (f"\nhint: {error.hint}" if error.hint else ""))  # fmt: skip
