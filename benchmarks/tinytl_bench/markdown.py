# SPDX-License-Identifier: Apache-2.0
"""Measurements as tables in Markdown, as a comment on a pull request shows them.

In: measurements, and the baseline that they are compared with. Out: a heading, a verdict and a table for each.
"""

from collections.abc import Sequence
from pathlib import Path

from tinytl.errors import BenchError
from tinytl.measurement import Measurement
from tinytl_bench.compare import Change, changes_since, load_baseline


def markdown_of(measured: Sequence[Measurement], baseline: Path | None, *, tolerance: float) -> str:
    """Return the tables.

    Args:
        measured: one or more. baseline: JSON file of stored measurements; None: every figure stands with how it was had.
        tolerance: fraction by which figures may grow.
    """
    return "\n".join(_section(measurement, baseline, tolerance) for measurement in measured)


def _section(measurement: Measurement, baseline: Path | None, tolerance: float) -> str:
    title = f"### {measurement.bundle} on {measurement.target}\n"
    if baseline is None:
        rows = [(name, f"{figure.value:,.6g} {figure.unit}", figure.how) for name, figure in measurement.figures.items()]
        return f"{title}\n{_table(('figure', 'value', 'where it comes from'), rows)}"
    try:
        stored = load_baseline(baseline, target=measurement.target, bundle=measurement.bundle)
        changes = changes_since(stored, measurement, tolerance=tolerance)
    except BenchError as error:
        return f"{title}\nNot compared: {_cell(str(error))}\n"
    return f"{title}\n{_verdict(changes, tolerance)}\n\n{_table(('figure', 'baseline', 'now', 'change', ''), _rows(changes))}"


def _verdict(changes: Sequence[Change], tolerance: float) -> str:
    failed = sum(change.fails for change in changes)
    if failed:
        return f"**{failed} of {len(changes)} figures moved past the tolerance** of {100 * tolerance:g} %."
    return f"All {len(changes)} figures lie within the tolerance of {100 * tolerance:g} %."


def _rows(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    return [(change.name, *change.values, change.moved, "**too much**" if change.fails else "") for change in changes]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
