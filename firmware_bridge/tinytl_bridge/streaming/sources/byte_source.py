# SPDX-License-Identifier: Apache-2.0
"""Sources that are one run of bytes: standard input, a serial port, a TCP connection.

In: a file that answers `read(seconds)` with bytes, b"" where none came, and raises `EOFError` at its end. Out: arrivals, by a format.
"""

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.records import CHUNK_BYTES, Arrival, SourceLost

_TICK_S = 0.1


class Bytes(Protocol):
    """Where bytes come from."""

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, waiting so long at most; b"" if nothing came. Raises EOFError at the end, OSError where it broke."""

    def close(self) -> None:
        """Give it back."""


class ByteSource:
    """A `Source` of one run of bytes.

    Args:
        name: as a person knows it. bytes_from: where they come from. form: what they are. lost_hint: what to look at where it dies.
    """

    live = False

    def __init__(self, name: str, bytes_from: Bytes, form: Format, *, lost_hint: str) -> None:
        self.name, self._bytes, self._form, self._hint = name, bytes_from, form, lost_hint
        self._closed = False

    def arrivals(self) -> Iterator[Arrival | None]:
        """As `Source.arrivals`."""
        parser = self._form.parser()
        while not self._closed:
            try:
                data = self._bytes.read(_TICK_S)
            except EOFError:
                break
            except OSError as error:
                yield from map(Arrival, parser.end())
                raise SourceLost(f"{self.name} was lost: {error.strerror or error}", hint=self._hint) from error
            if not data:
                yield None
            yield from map(Arrival, parser.feed(data))
        yield from map(Arrival, parser.end())

    def close(self) -> None:
        """As `Source.close`."""
        self._closed = True
        with suppress(OSError):
            self._bytes.close()


class Descriptor:
    """`Bytes` of a file descriptor, which is not closed: standard input is not ours."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, timeout_s: float) -> bytes:
        """As `Bytes.read`."""
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return b""
        data = os.read(self._descriptor, CHUNK_BYTES)
        if not data:
            raise EOFError
        return data

    def close(self) -> None:
        """Leave it open."""


def standard_input(form: Format) -> ByteSource:
    """Return the source `-`.

    Raises:
        DataError: there is no standard input.
    """
    try:
        os.fstat(0)
    except OSError as error:
        raise DataError("there is no standard input", expected="a pipe or a file: ... | tinytl teach --stream -") from error
    return ByteSource("standard input", Descriptor(0), form, lost_hint="does the sender still run?")
