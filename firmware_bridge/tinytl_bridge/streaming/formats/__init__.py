# SPDX-License-Identifier: Apache-2.0
"""Formats of a stream by name: `json`, `csv`, `npy`; and `auto`, which tells them by the first byte.

In: what a person chose. Out: a `Parser`. A stream that begins in the middle of a line tells nothing: its format must be named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats.csv_lines import CsvLines
from tinytl_bridge.streaming.formats.json_lines import JsonLines
from tinytl_bridge.streaming.formats.lines import BOM
from tinytl_bridge.streaming.formats.npy_frames import MAGIC, NpyFrames
from tinytl_bridge.streaming.records import Parser, Record

FormatName = Literal["auto", "json", "csv", "npy"]
FORMATS: tuple[FormatName, ...] = ("auto", "json", "csv", "npy")


@dataclass(frozen=True)
class Format:
    """What the bytes of a stream are.

    Attributes:
        name: of the format. dtype: of the numbers where the stream says none; None: nobody says. labelled: whether all samples have one
            label from elsewhere.
    """

    name: FormatName = "auto"
    dtype: str | None = None
    labelled: bool = False

    def parser(self) -> Parser:
        """Return a parser that has seen nothing yet."""
        if self.name == "json":
            return JsonLines(self.dtype)
        if self.name == "csv":
            return CsvLines(self.dtype, labelled=self.labelled)
        return NpyFrames() if self.name == "npy" else _Detecting(self)


class _Detecting:
    """A parser that chooses the format by the first byte that is no space."""

    def __init__(self, chosen: Format) -> None:
        self._format, self._begun = chosen, b""
        self._parser: Parser | None = None

    def feed(self, data: bytes) -> Iterator[Record]:
        """As `Parser.feed`. Raises DataError where the format cannot be told."""
        if self._parser is None:
            self._begun = (self._begun + data).lstrip()
            if not self._begun or BOM.startswith(self._begun):
                return
            rest = self._begun.removeprefix(BOM).lstrip()
            name = _told_by(rest)
            if name is None:
                self._begun = BOM  # spaces behind it tell nothing and are not kept
                return
            self._parser = Format(name, self._format.dtype, self._format.labelled).parser()
            data, self._begun = self._begun, b""
        yield from self._parser.feed(data)

    def end(self) -> Iterator[Record]:
        """As `Parser.end`."""
        if self._parser is not None:
            yield from self._parser.end()


def _told_by(data: bytes) -> FormatName | None:
    """Return the format of a stream that begins so; None where nothing has come."""
    if not data:
        return None
    if data.startswith(b"{"):
        return "json"
    if data[:1] == MAGIC[:1]:
        return "npy"
    if data[:1].isalnum() or data[:1] in b"+-.\"'_#":
        return "csv"
    raise DataError(
        f"the stream begins with byte 0x{data[0]:02x}, which tells no format", expected="JSON lines, CSV or .npy frames",
        hint="--stream-format json, csv or npy; where a stream is joined in the middle of a line, it must be named",
    )  # fmt: skip
