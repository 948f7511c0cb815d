# SPDX-License-Identifier: Apache-2.0
"""What a stream is made of: samples with labels, and what could not be read as one. Bytes in any pieces become these.

In: nothing. Out: the types that sources, formats and the intake share, and the limits that bound their memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tinytl.errors import DataError
from tinytl_bridge.teaching import Label

MOST_RECORD_BYTES = 16 << 20
"""Of one line, frame or message; what is longer is refused, never stored."""
CHUNK_BYTES = 64 << 10
"""Read at once."""
_RECORD_OVERHEAD_BYTES = 512
_SHOWN = 60


@dataclass(frozen=True)
class LabelledSample:
    """One sample as it came.

    Attributes:
        x: uint8 pixels, int8, float32, or int64: whole numbers of which nobody said what they are. Without an axis for many.
        label: name or number of its class; None: the sample says none. number: the sender's own, 0 or more; None: it counts none.
    """

    x: np.ndarray
    label: Label | None = None
    number: int | None = None


@dataclass(frozen=True)
class Malformed:
    """A line, frame or message that is no sample. what: with its value. expected: instead."""

    what: str
    expected: str


Record = LabelledSample | Malformed


def size_of(record: Record) -> int:
    """Return about how many bytes of memory a record takes."""
    return _RECORD_OVERHEAD_BYTES + (record.x.nbytes if isinstance(record, LabelledSample) else len(record.what))


class Parser(Protocol):
    """Bytes in any pieces → records. However the bytes are cut, the records are the same."""

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take bytes; yield the records that are whole by now. To be used up before the next call."""

    def end(self) -> Iterator[Record]:
        """Take the end of the stream; yield what it makes whole, or what it cut."""


class SourceLost(DataError):
    """A source that died in the middle: its cable is out, its broker is gone."""


@dataclass(frozen=True)
class Arrival:
    """A record that came. done: called once it was taught or refused, for sources that acknowledge."""

    record: Record
    done: Callable[[], None] | None = None


class Source(Protocol):
    """Where samples come from.

    Attributes:
        name: as a person knows it, without passwords. live: whether samples come at their own pace, so that old ones are worth little.
    """

    name: str
    live: bool

    def arrivals(self) -> Iterator[Arrival | None]:
        """Yield what comes, and None now and then where nothing does, until the end. Raises SourceLost where the source dies."""

    def close(self) -> None:
        """Give the source back; `arrivals` ends. May be called more than once, also while it waits in another thread."""


def shown(data: bytes | str) -> str:
    """Return the beginning of what came, as an error shows it."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return repr(text[:_SHOWN]) + (" …" if len(text) > _SHOWN else "")
