# SPDX-License-Identifier: Apache-2.0
"""CSV files of vectors: one sample a line, numbers, and the class in the column headed `label`, else in the last one."""

import csv
import math
from pathlib import Path

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.data.split import split_dataset
from tinytl.errors import DataError

LABEL_COLUMN = "label"
MOST_LABEL_CHARACTERS = 200
Row = tuple[int, list[str]]  # line number in the file, fields


def load_csv(path: Path, *, seed: int) -> Dataset:
    """Load vectors (N, D) float32 and split them.

    The first line is a header if it names a column `label` or if any of its other fields is no number. Labels may be words or
    integers; integers are classes by value, words by alphabet.

    Raises:
        DataError: no samples; a line with another number of fields; a field that is no finite number; a class with one sample.
    """
    rows = _read(path)
    header = _header(rows)
    width = len(rows[0][1])
    label_at = [name.strip().lower() for name in header].index(LABEL_COLUMN) if _names_label(header) else width - 1
    samples = rows[1:] if header else rows
    if not samples or width < 2:
        raise DataError(f"{path} holds no samples", expected="lines of numbers with a label in the last field")
    x = np.array([_numbers(path, row, label_at, width) for row in samples], np.float32)
    labels = [fields[label_at].strip() for _, fields in samples]
    for (line, _), label in zip(samples, labels, strict=True):
        if not label:
            raise DataError(f"{path} line {line}: no label", expected=f"a class in field {label_at + 1}")
    classes = _class_names(path, labels)
    number = {name: index for index, name in enumerate(classes)}
    return split_dataset(path.stem, x, np.array([number[label] for label in labels], np.int64), classes, seed=seed)


def _read(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, fields) for fields in reader if fields]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="comma-separated text in UTF-8") from error
    if not rows:
        raise DataError(f"{path} is empty", expected="lines of numbers with a label in the last field")
    return rows


def _header(rows: list[Row]) -> list[str]:
    first = rows[0][1]
    if _names_label(first) or any(_number(field) is None for field in first[:-1]):
        return first
    return []


def _names_label(header: list[str]) -> bool:
    return any(name.strip().lower() == LABEL_COLUMN for name in header)


def _numbers(path: Path, row: Row, label_at: int, width: int) -> list[float]:
    line, fields = row
    if len(fields) != width:
        raise DataError(f"{path} line {line}: {len(fields)} fields", expected=f"{width}, as in the first line")
    values = []
    for at, field in enumerate(fields):
        if at == label_at:
            continue
        value = _number(field)
        if value is None or not math.isfinite(value):
            raise DataError(f"{path} line {line}, field {at + 1}: {field!r}", expected="a finite number")
        values.append(value)
    return values


def _number(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _class_names(path: Path, labels: list[str]) -> tuple[str, ...]:
    names = set(labels)
    if longest := max((name for name in names if len(name) > MOST_LABEL_CHARACTERS), key=len, default=""):
        raise DataError(
            f"{path} holds a label of {len(longest):,} characters: {longest[:20]!r} …",
            expected=f"at most {MOST_LABEL_CHARACTERS} characters",
            hint=f"head the column of the class {LABEL_COLUMN!r} if it is not the last one",
        )
    if all(name.lstrip("-").isdecimal() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))
