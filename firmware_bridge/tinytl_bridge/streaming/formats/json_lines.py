# SPDX-License-Identifier: Apache-2.0
"""JSON lines: `{"x": [...], "label": "seven", "n": 12}`, one sample a line.

In: bytes in any pieces. Out: records. `x` is a nested list, or base64 of raw bytes with `dtype` and `shape`. `label` is a name or a number,
`n` the sender's own number. Other keys are passed over.
"""

import base64
import binascii
import math
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import numpy as np

from tinytl_bridge.streaming.formats.lines import Lines
from tinytl_bridge.streaming.formats.numbers import Unreadable, checked, from_bytes, from_lists
from tinytl_bridge.streaming.records import MOST_RECORD_BYTES, LabelledSample, Malformed, Record, shown

_LOOK_AT, _MOST_DEPTH = 200, 4
_EXAMPLE = '{"x": [0.5, 1], "label": "seven", "n": 12} on one line'
MOST_NUMBER = 1 << 53
"""Beyond it JSON's numbers are not exact everywhere."""


class _Line(msgspec.Struct):
    x: msgspec.Raw
    label: str | int | None = None
    n: int | None = None
    dtype: str | None = None
    shape: list[int] | None = None


class JsonLines:
    """Parser of JSON lines. dtype: name of the type of numbers, where a line says none; None: nobody says."""

    def __init__(self, dtype: str | None = None, *, longest: int = MOST_RECORD_BYTES) -> None:
        self._dtype, self._longest, self._lines = dtype, longest, Lines(longest)
        self._decoder = msgspec.json.Decoder(_Line)

    def feed(self, data: bytes) -> Iterator[Record]:
        """As `Parser.feed`."""
        yield from map(self._record, self._lines.feed(data))

    def end(self) -> Iterator[Record]:
        """As `Parser.end`."""
        yield from map(self._record, self._lines.end())

    def _record(self, line: bytes | None) -> Record:
        if line is None:
            return Malformed(f"a line of more than {self._longest:,} bytes", _EXAMPLE)
        try:
            told = self._decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            return Malformed(f"{shown(line)}: {str(error)[:120]}", _EXAMPLE)
        if told.n is not None and not 0 <= told.n <= MOST_NUMBER:
            return Malformed(f"n is {told.n}", f"a whole number from 0 to 2^{MOST_NUMBER.bit_length() - 1}")
        try:
            return LabelledSample(self._array(told), told.label, told.n)
        except Unreadable as error:
            return Malformed(error.what, error.expected)

    def _array(self, told: _Line) -> np.ndarray:
        dtype, text = told.dtype or self._dtype, bytes(told.x).strip()
        if not text.startswith(b'"'):
            x = from_lists(_lists(text), dtype)
            if told.shape is None:
                return x
            if x.size != math.prod(shape := checked(told.shape)):
                raise Unreadable(f"x holds {x.size:,} numbers, shape is {told.shape}", "as many as the shape has")
            return x.reshape(shape)
        if dtype is None:
            raise Unreadable("x is base64 without a dtype", '"dtype": "uint8" or another, and "shape"')
        try:
            data = base64.b64decode(msgspec.json.decode(text, type=str), validate=True)
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise Unreadable(f"x is no base64: {error}", "base64 of the raw bytes, or a list of numbers") from None
        return from_bytes(data, dtype, told.shape)


def _lists(text: bytes) -> Any:
    """Return nested lists, all of whole numbers or all taken for floats: nothing else ever becomes a Python object.

    Raises:
        Unreadable: something else than numbers, or lists too deep.
    """
    error: Exception | None = None
    for decoder in _decoders(_depth(text)):
        try:
            return decoder.decode(text)
        except (msgspec.MsgspecError, ValueError, OverflowError) as refused:
            error = refused
    raise Unreadable(f"x {shown(text)}" + (f": {error}" if error else ""), "numbers, in lists of 1 to 4 levels, or base64")


def _depth(text: bytes) -> int:
    begun = text[:_LOOK_AT].translate(None, b" \t\r\n")
    return len(begun) - len(begun.lstrip(b"["))


@cache
def _decoders(depth: int) -> tuple["msgspec.json.Decoder[Any]", ...]:
    """Return decoders of lists of that many levels: of whole numbers, then of any."""
    kinds: list[Any] = [int, float] if 1 <= depth <= _MOST_DEPTH else []
    for _ in range(depth):
        kinds = [types.GenericAlias(list, (kind,)) for kind in kinds]
    return tuple(msgspec.json.Decoder(kind) for kind in kinds)
