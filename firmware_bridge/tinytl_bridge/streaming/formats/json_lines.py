# SPDX-License-Identifier: Apache-2.0
"""JSON lines: `{"x": [...], "label": "seven", "n": 12}`, one sample a line.

In: bytes in any pieces. Out: records. `x` is a nested list, or base64 of raw bytes with `dtype` and `shape`. `label` is a name or a number,
`n` the sender's own number. Other keys are passed over.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytl.typed_json import FieldError, convert, decode
from tinytl_bridge.streaming.formats.lines import Lines
from tinytl_bridge.streaming.formats.numbers import Unreadable, checked, from_bytes, from_lists
from tinytl_bridge.streaming.records import MOST_RECORD_BYTES, LabelledSample, Malformed, Record, shown

_MOST_DEPTH, _SHOWN = 4, 200
_EXAMPLE = '{"x": [0.5, 1], "label": "seven", "n": 12} on one line'
MOST_NUMBER = 1 << 53
"""Beyond it JSON's numbers are not exact everywhere."""


@dataclass(frozen=True)
class _Line:
    x: Any
    label: str | int | None = None
    n: int | None = None
    dtype: str | None = None
    shape: list[int] | None = None


class JsonLines:
    """Parser of JSON lines. dtype: name of the type of numbers, where a line says none; None: nobody says."""

    def __init__(self, dtype: str | None = None, *, longest: int = MOST_RECORD_BYTES) -> None:
        self._dtype, self._longest, self._lines = dtype, longest, Lines(longest)

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
            told = convert(decode(line), _Line)
        except FieldError as error:
            return Malformed(f"{shown(line)}: {error.path or 'the line'} {error.what}", _EXAMPLE)
        except (ValueError, RecursionError) as error:
            return Malformed(f"{shown(line)}: {str(error)[:120]}", _EXAMPLE)
        if told.n is not None and not 0 <= told.n <= MOST_NUMBER:
            return Malformed(f"n is {told.n}", f"a whole number from 0 to 2^{MOST_NUMBER.bit_length() - 1}")
        try:
            return LabelledSample(self._array(told), told.label, told.n)
        except Unreadable as error:
            return Malformed(error.what, error.expected)

    def _array(self, told: _Line) -> np.ndarray:
        dtype = told.dtype or self._dtype
        if not isinstance(told.x, str):
            _expect_numbers(told.x)
            x = from_lists(told.x, dtype)
            if told.shape is None:
                return x
            if x.size != math.prod(shape := checked(told.shape)):
                raise Unreadable(f"x holds {x.size:,} numbers, shape is {told.shape}", "as many as the shape has")
            return x.reshape(shape)
        if dtype is None:
            raise Unreadable("x is base64 without a dtype", '"dtype": "uint8" or another, and "shape"')
        try:
            data = base64.b64decode(told.x, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unreadable(f"x is no base64: {error}", "base64 of the raw bytes, or a list of numbers") from None
        return from_bytes(data, dtype, told.shape)


def _expect_numbers(x: Any) -> None:
    """Refuse what NumPy would take for numbers too: a bare number, true and false, texts, lists too deep.

    Raises:
        Unreadable: something else than numbers in lists of 1 to 4 levels.
    """
    level = x if isinstance(x, list) else [x]
    for _ in range(_MOST_DEPTH if isinstance(x, list) else 0):
        if all(type(each) in (int, float) for each in level):
            return
        if not all(isinstance(each, list) for each in level):
            break
        level = [each for inner in level for each in inner]
    raise Unreadable(f"x {shown(json.dumps(x)[:_SHOWN].encode())}", "numbers, in lists of 1 to 4 levels, or base64")
