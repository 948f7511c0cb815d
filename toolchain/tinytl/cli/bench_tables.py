# SPDX-License-Identifier: Apache-2.0
"""The tables of `tinytl bench`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tinytl.cli.console import table
from tinytl.measurement import Measurement

if TYPE_CHECKING:
    from tinytl_bench.compare import Change


def render_measurements(console: Console, measured: Sequence[Measurement]) -> None:
    """Print every figure with how it was had."""
    for measurement in measured:
        rows = [(name, _number(figure.value), figure.unit, figure.how) for name, figure in measurement.figures.items()]
        title = f"{measurement.bundle} on {measurement.target}"
        console.print(table(title, ("figure", "value", "unit", "how it was had"), rows, numeric=("value",)))


def render_changes(console: Console, measurement: Measurement, changes: "Sequence[Change]", path: Path) -> None:
    """Print a comparison: what was, what is, by how much it moved; what moved too far says so."""
    rows = [(change.name, *change.values, change.moved, "too much" if change.fails else "") for change in changes]
    columns = ("metric", "baseline", "now", "change", "")
    console.print(table(f"{measurement.bundle} on {measurement.target}, compared with {path}", columns, rows, numeric=columns[1:4]))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:,.4g}"
