# SPDX-License-Identifier: Apache-2.0
"""CSV: one sample a line, numbers and the class in the column headed `label`, else in the last one; a column `n` may number the samples.

In: bytes in any pieces. Out: records. The first line is a header if it names a column `label` or if any of its other fields is no number,
as `tinytl.data` reads .csv files. Where all samples have one label anyway, and no header names its column, all fields are numbers.
"""

import csv
import math
from collections.abc import Iterator

import numpy as np

from tinytl_bridge.streaming.formats.lines import Lines
from tinytl_bridge.streaming.formats.numbers import Unreadable, from_lists
from tinytl_bridge.streaming.records import MOST_RECORD_BYTES, LabelledSample, Malformed, Record, shown

_LABEL, _NUMBER = "label", "n"


class CsvLines:
    """Parser of CSV.

    Args:
        dtype: name of the type of numbers; None: nobody says. labelled: whether all samples have one label from elsewhere.
        longest: bytes that a line may have.
    """

    def __init__(self, dtype: str | None = None, *, labelled: bool = False, longest: int = MOST_RECORD_BYTES) -> None:
        self._dtype, self._labelled, self._longest = dtype, labelled, longest
        self._lines, self._first = Lines(longest), True
        self._header: list[str] = []

    def feed(self, data: bytes) -> Iterator[Record]:
        """As `Parser.feed`."""
        for line in self._lines.feed(data):
            yield from self._records(line)

    def end(self) -> Iterator[Record]:
        """As `Parser.end`."""
        for line in self._lines.end():
            yield from self._records(line)

    def _records(self, line: bytes | None) -> Iterator[Record]:
        first, self._first = self._first, False
        if line is None:
            yield Malformed(f"a line of more than {self._longest:,} bytes", "numbers and a label, separated by commas")
            return
        try:
            (fields,) = csv.reader([line.decode("utf-8")], strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            yield Malformed(f"{shown(line)}: {str(error)[:80]}", "comma-separated text in UTF-8")
            return
        names = [field.strip().lower() for field in fields]
        if first and (_LABEL in names or any(_number(field) is None for field in (fields if self._labelled else fields[:-1]))):
            self._header = names
            return
        try:
            yield self._sample([field.strip() for field in fields])
        except Unreadable as error:
            yield Malformed(error.what, error.expected)

    def _sample(self, fields: list[str]) -> LabelledSample:
        if self._header and len(fields) != len(self._header):
            raise Unreadable(f"{len(fields)} fields", f"{len(self._header)}, as in the header")
        label_at = self._place(_LABEL)
        if label_at is None and not self._labelled:
            label_at = len(fields) - 1
        number_at = self._place(_NUMBER)
        texts = [field for at, field in enumerate(fields) if at not in (label_at, number_at)]
        if not texts:
            raise Unreadable(shown(",".join(fields)), "numbers and a label")
        label = None if label_at is None else fields[label_at]
        if label == "":
            raise Unreadable("no label", f"a class in field {1 + (label_at or 0)}")
        return LabelledSample(from_lists(_values(texts), self._dtype), label, None if number_at is None else _whole(fields[number_at]))

    def _place(self, name: str) -> int | None:
        return self._header.index(name) if name in self._header else None


def _number(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _values(texts: list[str]) -> np.ndarray:
    values = [_number(text) for text in texts]
    for text, value in zip(texts, values, strict=True):
        if value is None or not math.isfinite(value):
            raise Unreadable(f"field {shown(text)}", "a finite number")
    x = np.array(values, np.float64)
    return x.astype(np.int64) if all(text.removeprefix("-").isdigit() for text in texts) and np.abs(x).max() < 2**53 else x


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Unreadable(f"n is {shown(text)}", "a whole number, 0 or more")
    return int(text)
