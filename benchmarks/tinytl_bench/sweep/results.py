# SPDX-License-Identifier: Apache-2.0
"""The results of a sweep: one file, a line a cell, whole at every moment; and means over the seeds.

`results.jsonl` is JSON lines and not CSV: a number stays a number, what was not measured is null and not an empty text, and pandas
(`read_json(lines=True)`) and Polars (`read_ndjson`) read it as it is. Every line has the same columns, `COLUMNS`. The file is written anew
and renamed after each cell: whoever kills a sweep finds the lines of all cells that were done.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tinytl.errors import BenchError
from tinytl.files import write_whole
from tinytl_bench.sweep.cells import Cell
from tinytl_bench.sweep.preparing import Costs

FILE = "results.jsonl"
REACHED = ("accuracy", "loss", "macro_f1", "diverged", "seconds")
"""On the validation part, of a cell."""
LOOKED = ("test_accuracy", "test_loss", "test_macro_f1", "test_accuracy_before", "source_accuracy", "source_accuracy_before")
"""At the end, of the cells that were chosen; null of all others."""
COLUMNS = (
    "cell", "status", "reason", *(field.name for field in fields(Cell)), *REACHED, *LOOKED, *(field.name for field in fields(Costs)),
)  # fmt: skip
OK, LOST = "ok", "lost"


def row_of(cell: Cell, costs: Costs, reached: Mapping[str, Any] | None, reason: str = "") -> dict[str, Any]:
    """Return a line's columns.

    Args:
        cell: what was tried. costs: of its bundle. reached: of `run_cell`; None: the cell was given up. reason: why.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"cell": cell.name, "status": OK if reached else LOST, "reason": reason or None}
    return row | asdict(cell) | asdict(costs) | dict(reached or {})


class Results:
    """The lines of a file, by cell.

    Args:
        path: of the file; read where it is there.

    Raises:
        BenchError: something else in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, dict[str, Any]] = {row["cell"]: row for row in read_rows(path)} if path.is_file() else {}

    def done(self, cell: Cell) -> bool:
        """Tell whether a cell was done; one that was given up was not."""
        return self.rows.get(cell.name, {}).get("status") == OK

    def put(self, row: Mapping[str, Any]) -> None:
        """Add a line, or change some columns of one that is there; write the file."""
        self.rows[row["cell"]] = self.rows.get(row["cell"], {}) | dict(row)
        lines = (json.dumps(self.rows[name], ensure_ascii=False) for name in sorted(self.rows))
        write_whole(self._path, "".join(f"{line}\n" for line in lines).encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of results.

    Raises:
        BenchError: it cannot be read, or is something else.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if any(set(row) != set(COLUMNS) for row in rows):
            raise ValueError("other columns")
    except (OSError, ValueError, TypeError) as error:
        raise BenchError(f"{path} holds no results of a sweep: {error}", hint="delete it: the cells are done again") from error
    return rows


@dataclass(frozen=True)
class Row:
    """A plan with a kind of weights in a place; means over the seeds, fractions.

    Attributes:
        rate: the one that was best on the validation part. seeds: how many. accuracy, loss, macro_f1: on the validation part; spread:
            standard deviation of that accuracy. test_accuracy … source_change: at the end; None: nobody has looked. source_change: on the
            source's test split, after minus before; None also where labels are not shared.
        seconds: of a cell. costs: on a device.
    """

    place: str
    plan: str
    weights: str
    rate: float
    seeds: int
    accuracy: float
    spread: float
    loss: float
    macro_f1: float
    test_accuracy: float | None
    test_loss: float | None
    test_macro_f1: float | None
    test_accuracy_before: float | None
    source_change: float | None
    seconds: float
    costs: Costs


def chosen_rate(rows: Iterable[Mapping[str, Any]], place: str, plan: str, weights: str) -> float | None:
    """Return the rate whose first seed is most accurate on the validation part, of equals the lowest loss; None where all were lost.

    Args:
        rows: lines of results. place, plan, weights: of the cells that are compared.
    """
    tried = [row for row in _of(rows, place, plan, weights) if row["seed"] == min(row["seed"] for row in _of(rows, place, plan, weights))]
    best = min(tried, key=lambda row: (-row["accuracy"], row["loss"], row["rate"]), default=None)
    return None if best is None else float(best["rate"])


def summarize(rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Return a `Row` for each place, plan and kind of weights, at the rate that was chosen, in the order of the cells."""
    kinds = dict.fromkeys((row["place"], row["plan"], row["weights"]) for row in rows)
    found = []
    for place, plan, weights in kinds:
        rate = chosen_rate(rows, place, plan, weights)
        if rate is not None:
            found.append(_mean([row for row in _of(rows, place, plan, weights) if row["rate"] == rate]))
    return tuple(found)


def _of(rows: Iterable[Mapping[str, Any]], place: str, plan: str, weights: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if (row["place"], row["plan"], row["weights"]) == (place, plan, weights) and row["status"] == OK]


def _mean(rows: Sequence[Mapping[str, Any]]) -> Row:
    def mean(name: str) -> float | None:
        values = [row[name] for row in rows if row[name] is not None]
        return fmean(values) if len(values) == len(rows) else None

    first, accuracies = rows[0], [row["accuracy"] for row in rows]
    after, before = mean("source_accuracy"), mean("source_accuracy_before")
    return Row(
        first["place"], first["plan"], first["weights"], first["rate"], len(rows), fmean(accuracies),
        stdev(accuracies) if len(rows) > 1 else 0.0, fmean(row["loss"] for row in rows), fmean(row["macro_f1"] for row in rows),
        mean("test_accuracy"), mean("test_loss"), mean("test_macro_f1"), mean("test_accuracy_before"),
        None if after is None or before is None else after - before, fmean(row["seconds"] for row in rows),
        Costs(**{field.name: first[field.name] for field in fields(Costs)}),
    )  # fmt: skip
