# SPDX-License-Identifier: Apache-2.0
"""Power from the file of a meter beside the machine (`--energy-csv`). In: a CSV with a column of time. Out: a `PowerTrace` on wall time.

Separated by comma, semicolon, tab or blanks; with a semicolon or a tab numbers may have a decimal comma. Empty lines and lines that
begin with # before the header are left out. Time is s, ms, µs or ns since 1970, or a date of ISO 8601, without a zone in this machine's.
"""

import csv
import math
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.csv_header import Columns, columns_of
from tinytl_bridge.machine.meters.trace import MOST_PERIODS, PowerTrace

MOST_ROWS = 20_000_000
"""Read at most; 320 MB of numbers."""
_SINCE_1970 = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (0.0, 1.0))
"""Size of a time without a unit, and its unit in s."""
_FIRST_S = 1e8
"""Before 1973: such a time counts from the beginning of the record, not from 1970."""


def read_meter_csv(path: Path, *, start_s: float | None = None) -> PowerTrace:
    """Read the record of a power meter.

    Args:
        path: of the file, UTF-8.
        start_s: when the record's time was 0, in s since 1970; for files whose time counts from their own beginning.

    Returns:
        Samples on the wall clock.

    Raises:
        BenchError: no file, no header with units, a cell that is no number, time that does not rise, a gap longer than 10 usual periods,
            each with its line; a time that counts from the record's beginning without `start_s`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            times, watts, lines = _samples(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"energy file {path}: {error}", expected="a CSV of a power meter in UTF-8") from error
    if times.size < 2:
        raise BenchError(f"energy file {path}: {times.size} samples", expected="at least 2")
    if start_s is not None:
        times = times + start_s
    elif times[0] < _FIRST_S:
        raise BenchError(
            f"energy file {path}: its time begins with {times[0]:g} s, which is no wall time",
            expected="s, ms, µs or ns since 1970, or a date",
            hint="say when its record began, in seconds since 1970: date +%s",
        )
    _refuse_jumps(path, times, lines)
    how = f"file of a power meter, {times.size} samples, aligned by wall time: both clocks must agree"
    return PowerTrace(times, watts, path.name, how, "wall")


def _samples(path: Path, file: Iterator[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    skipped, header = 0, ""
    for line in file:
        header = line.strip()
        if header and not header.startswith("#"):
            break
        skipped += 1
    separator = next((mark for mark in (";", "\t", ",") if mark in header), " ")
    # A meter that pads with blanks writes several of them between two cells.
    rows = csv.reader(chain([header], file), delimiter=separator, skipinitialspace=True)
    columns = columns_of(next(rows, []))
    times, watts, lines = [], [], []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        line_number = skipped + rows.line_num
        time, power = _sample(path, row, columns, separator, line_number)
        times.append(time)
        watts.append(power)
        lines.append(line_number)
        if len(times) > MOST_ROWS:
            raise BenchError(f"energy file {path}: more than {MOST_ROWS:,} samples", expected="fewer", hint="cut the record to the run")
    return np.array(times, np.float64), np.array(watts, np.float64), np.array(lines, np.int64)


def _sample(path: Path, row: list[str], columns: Columns, separator: str, line: int) -> tuple[float, float]:
    """Return s and W of one row."""
    comma = separator in (";", "\t")
    try:
        power = math.prod(_number(row[index], comma) * scale for index, scale in columns.factors)
        time = _time(row[columns.time], columns.time_scale, comma)
    except (ValueError, IndexError, OverflowError) as error:
        cells = separator.join(row)[:60]
        raise BenchError(
            f"energy file {path}, line {line}: `{cells}`: {error}", expected="a time and numbers, as its header says"
        ) from error
    return time, power


def _number(text: str, comma: bool) -> float:
    number = float(text.replace(",", ".") if comma else text)
    if not math.isfinite(number):
        raise ValueError(f"{text.strip()!r} is no finite number")
    return number


def _time(text: str, scale: float | None, comma: bool) -> float:
    try:
        number = _number(text, comma)
    except ValueError:
        return datetime.fromisoformat(text.strip().replace("/", "-")).timestamp()
    if scale is None:
        scale = next(unit for least, unit in _SINCE_1970 if abs(number) >= least)
    return number * scale


def _refuse_jumps(path: Path, times: np.ndarray, lines: np.ndarray) -> None:
    steps = np.diff(times)
    back = np.flatnonzero(steps <= 0)
    if back.size:
        index = int(back[0])
        raise BenchError(
            f"energy file {path}, line {lines[index + 1]}: time {times[index + 1]:.6f} s after {times[index]:.6f} s", expected="rising time"
        )
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > MOST_PERIODS * usual)
    if gaps.size:
        index = int(gaps[0])
        raise BenchError(
            f"energy file {path}, line {lines[index + 1]}: no sample for {steps[index]:.3g} s",
            expected=f"one every {usual:.3g} s, at most {MOST_PERIODS} times that apart",
            hint="cut the record to the part without the gap",
        )
