# SPDX-License-Identifier: Apache-2.0
"""Measurements in Markdown, as a comment on a pull request shows them: what moved first, the rest behind a fold.

In: measurements, and the baseline that they are compared with. Out: a heading, a verdict and tables for each. Texts of files, such as a
bundle's name, stand in them as text: they make no mark-up and call nobody.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from tinytl.errors import BenchError
from tinytl.measurement import Figure, Measurement
from tinytl.report import wording
from tinytl.report.machine import TIME_FIGURES, engine_rows, machine_notes
from tinytl_bench.compare import Change, changes_since, load_baseline

_KINDS = {wording.MODELLED: " (modelled)"}
_LEAST_MOVED = 0.0005
"""Fraction that the tables show as something; accuracies move by samples."""


def markdown_of(measured: Sequence[Measurement], baseline: Path | None, *, tolerance: float) -> str:
    """Return the tables.

    Args:
        measured: one or more. baseline: JSON file of stored measurements; None: every figure stands with how it was had.
        tolerance: fraction by which figures may grow.
    """
    return "\n".join(_section(measurement, baseline, tolerance) for measurement in measured)


def _section(measurement: Measurement, baseline: Path | None, tolerance: float) -> str:
    parts = [f"### {_code(measurement.bundle)} on {_code(measurement.target)}"]
    if not_stored := measurement.details.get("not_storable"):
        parts.append(f"**Not stored, and not to be trusted:** {_text(str(not_stored))}.")
    if baseline is not None:
        parts += _compared(measurement, baseline, tolerance)
    parts += [] if baseline is None else [_folded("All figures", _figures(measurement))]
    parts += [_figures(measurement)] if baseline is None else []
    notes = [f"- {_text(what)}: {_text(note)}" for what, note in machine_notes(measurement)]
    origins = [f"- {', '.join(names)}: {_text(how)}" for how, names in _origins(measurement).items()]
    parts.append(_folded("Where the figures come from", "\n".join(notes + origins)))
    return "\n\n".join(parts) + "\n"


def _compared(measurement: Measurement, baseline: Path, tolerance: float) -> list[str]:
    try:
        stored = load_baseline(baseline, target=measurement.target, bundle=measurement.bundle)
        changes = changes_since(stored, measurement, tolerance=tolerance)
    except BenchError as error:
        return [f"**Not compared:** {_text(error.what)}" + (f"; expected {_text(error.expected)}" if error.expected else "")]
    moved = sorted((change for change in changes if _is_moved(change)), key=lambda change: not change.fails)
    same = [_name(change.name) for change in changes if not _is_moved(change)]
    rows = [(_name(change.name), *change.values, f"{change.moved}, **too much**" if change.fails else change.moved) for change in moved]
    parts = [_verdict(changes)]
    parts += [_table(("figure", "baseline", "now", "change"), rows)] if rows else []
    return [*parts, f"Unchanged: {', '.join(same)}."] if same else parts


def _verdict(changes: Sequence[Change]) -> str:
    failed = sum(change.fails for change in changes)
    if failed:
        return f"❌ **{failed} of {len(changes)} figures moved past {'its' if failed == 1 else 'their'} tolerance.**"
    return f"✅ All {len(changes)} figures that are compared lie within their tolerance."


def _is_moved(change: Change) -> bool:
    return change.before != change.now if change.unit == "fraction" else abs(change.change) >= _LEAST_MOVED


def _figures(measurement: Measurement) -> str:
    rows = engine_rows(measurement)
    figures = _table(("figure", "value"), [(_name(name), _amount(figure)) for name, figure in _beside_times(measurement).items()])
    if not rows:
        return figures
    cells = [
        (f"**{row.engine}**, in use" if row.is_used else row.engine, row.what, *(f"{time:,.3g}" for time in row.times_ms[:3]))
        for row in rows
    ]
    return _table(("engine", "of one", "p50 ms", "p90 ms", "p99 ms"), cells) + "\n\n" + figures


def _beside_times(measurement: Measurement) -> dict[str, Figure]:
    has_rows = bool(engine_rows(measurement))
    return {name: figure for name, figure in measurement.figures.items() if not has_rows or name not in TIME_FIGURES}


def _origins(measurement: Measurement) -> dict[str, list[str]]:
    """Return how → names of the figures that were had so; a machine's times have a note of their own."""
    origins: dict[str, list[str]] = {}
    for name, figure in _beside_times(measurement).items():
        origins.setdefault(figure.how, []).append(_name(name))
    return origins


def _amount(figure: Figure) -> str:
    return wording.amount(figure) + _KINDS.get(wording.kind(figure), "")


def _name(name: str) -> str:
    return _text(wording.name(name))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers, to the right."""
    lines = [columns, [":--", *["--:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _text(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    plain = re.sub(r"\s+", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", plain).replace("@", "@<!-- -->")


def _code(text: str) -> str:
    """Return a name in a code span, in which nothing but a backtick and a pipe means anything."""
    return "`" + re.sub(r"\s+", " ", text).replace("`", "'").replace("|", "¦").strip() + "`"
