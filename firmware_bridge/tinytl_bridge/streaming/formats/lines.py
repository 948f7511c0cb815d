# SPDX-License-Identifier: Apache-2.0
"""Bytes in any pieces → lines, and never more of a line in memory than it may be long.

In: pieces of bytes. Out: the lines that are whole, without their ends, empty ones left out; `None` for one that was too long.
"""

from collections.abc import Iterator

from tinytl_bridge.streaming.records import MOST_RECORD_BYTES

BOM = b"\xef\xbb\xbf"


class Lines:
    """Cuts a stream into lines. longest: bytes that a line may have."""

    def __init__(self, longest: int = MOST_RECORD_BYTES) -> None:
        self._longest, self._begun, self._too_long, self._first = longest, bytearray(), False, True

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Take bytes; yield the lines that end in them."""
        start = 0
        while (stop := data.find(b"\n", start)) >= 0:
            self._take(data[start:stop])
            start = stop + 1
            yield from self._whole()
        self._take(data[start:])

    def end(self) -> Iterator[bytes | None]:
        """Yield the last line, where no end of line came behind it."""
        yield from self._whole()

    def _take(self, piece: bytes) -> None:
        if self._too_long or len(self._begun) + len(piece) > self._longest:
            self._too_long, self._begun = True, bytearray()
        else:
            self._begun += piece

    def _whole(self) -> Iterator[bytes | None]:
        line, too_long = bytes(self._begun), self._too_long
        self._begun, self._too_long = bytearray(), False
        if self._first:
            line = line.removeprefix(BOM)
        if too_long:
            self._first = False
            yield None
        elif line := line.strip():
            self._first = False
            yield line
