# SPDX-License-Identifier: Apache-2.0
"""Last stage: a `Story` or measurements → one HTML file that needs nothing else, and loads nothing.

The templates escape every text (autoescape); drawings arrive as markup whose text matplotlib escaped. Scripts do not exist, and the page's
Content-Security-Policy forbids them. Equal input gives equal bytes with equal versions of matplotlib and Pillow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinytl.errors import ReportError
from tinytl.files import write_whole
from tinytl.measurement import Measurement
from tinytl.report import plots, summary, wording
from tinytl.report.drawings import Drawing, confusion_drawings, cost_drawings, draw, run_drawings, story_drawings
from tinytl.report.layer_profile import layer_profile
from tinytl.report.machine import TIME_FIGURES, engine_rows, machine_notes
from tinytl.report.pictures import data_uri
from tinytl.report.run_log import RunLog, shown, titles
from tinytl.report.story import Story
from tinytl.report.tables import layer_columns

_COMPARED = ("accuracy", "instructions_per_inference", "instructions_per_teach_step", "ram_bytes", "flash_bytes")


def write_report(story: Story, path: Path | str) -> Path:
    """Write the page of one run.

    Args:
        story: the run; checked again as a whole, as if it came from a file.
        path: HTML file; its folder exists.

    Returns:
        The path.

    Raises:
        ReportError: the story does not hold together, or matplotlib is missing. BundleError: the folder cannot be written.
    """
    story = Story.from_json(story.to_json())
    page = (
        _environment()
        .get_template("story.html")
        .render(
            title=story.title,
            version=story.versions.get("tinytl", ""),
            story=story,
            cards=summary.cards(story),
            proofs=summary.proofs(story),
            drawings=story_drawings(story),
            confusion=confusion_drawings(story),
            examples=[(data_uri(example.picture), example) for example in story.examples],
            columns=layer_columns(story.measurement),
            live_window=plots.live_window(story.curve),
            layer_cost=plots.layer_cost(story.measurement.layers)[0],
        )
    )
    return _write(path, page)


def write_bench_report(measurements: Sequence[Measurement], path: Path | str, *, title: str = "Measurements") -> Path:
    """Write a page with several measurements side by side.

    Args:
        measurements: one or more, in the order of the columns. path: of the page, an HTML file. title: of the page.

    Raises:
        ReportError: there are none, or matplotlib is missing. BundleError: the folder cannot be written.
    """
    if not measurements:
        raise ReportError("no measurements to report", expected="at least one", hint="tinytl bench BUNDLE --target host -o bench.json")
    machines = [(measurement, rows) for measurement in measurements if (rows := engine_rows(measurement))]
    apart = TIME_FIGURES if len(machines) == len(measurements) else frozenset()
    names = list(dict.fromkeys(name for measurement in measurements for name in measurement.figures if name not in apart))
    page = (
        _environment()
        .get_template("bench.html")
        .render(
            title=title,
            version="",
            measurements=measurements,
            names=names,
            machines=[(measurement, rows, machine_notes(measurement)) for measurement, rows in machines],
            comparisons=_comparisons(measurements),
            costs=[_costs(measurement, f"m{index}") for index, measurement in enumerate(measurements)],
        )
    )
    return _write(path, page)


def write_run_report(logs: Sequence[RunLog], path: Path | str) -> Path:
    """Write a page with one's own runs, one or several.

    Raises:
        ReportError: matplotlib is missing. BundleError: the folder cannot be written.
    """
    runs = []
    for number, log in enumerate(logs):
        curve, confusion = run_drawings(log, f"r{number}")
        window = plots.live_window(log.curve) if log.curve else 0
        runs.append({"id": f"r{number}", "log": log, "curve": curve, "confusion": confusion, "window": window})
    page = _environment().get_template("run.html").render(title=titles(logs), version="", runs=runs, shown=shown)
    return _write(path, page)


def _costs(measurement: Measurement, name: str) -> dict[str, Any]:
    """Return what the page shows of one measurement alone. name: unique in the page."""
    return {
        "id": name,
        "measurement": measurement,
        "profile": layer_profile(measurement),
        "drawings": cost_drawings(measurement, name),
        "columns": layer_columns(measurement),
        "unit": plots.layer_cost(measurement.layers)[0],
    }


def _comparisons(measurements: Sequence[Measurement]) -> list[tuple[str, str, Drawing]]:
    """Return (title, how each was had, drawing) for what at least two measurements have in the same unit."""
    comparisons = []
    for name in _COMPARED:
        having = [(measurement, figure) for measurement in measurements if (figure := measurement.figures.get(name)) is not None]
        if len(having) < 2 or len({figure.unit for _, figure in having}) > 1:
            continue
        values = [
            (_who(measurement, measurements), figure.value, wording.kind(figure) == wording.MODELLED) for measurement, figure in having
        ]
        title, unit = wording.name(name), having[0][1].unit
        label = f"{title}: " + "; ".join(f"{who} {value:,.6g}" for who, value, _ in values)
        height = 34.0 * len(values) + 12
        drawing = draw(f"compare-{name}", label, plots.comparison_bars, values, unit=unit, heights=(height, height))
        comparisons.append((title, "; ".join(dict.fromkeys(figure.how for _, figure in having)), drawing))
    return comparisons


def _who(measurement: Measurement, among: Sequence[Measurement]) -> str:
    """Name a measurement by what sets it apart: its target, its bundle, or both."""
    if len({other.bundle for other in among}) == 1:
        return measurement.target
    return measurement.bundle if len({other.target for other in among}) == 1 else f"{measurement.bundle}, {measurement.target}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tinytl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Any] = {
        name: getattr(wording, name) for name in ("percent", "points", "size", "count", "compact", "seconds", "clock", "shape", "deviation")
    }
    environment.globals.update(words=words | {"amount": wording.amount, "name": wording.name}, kind=wording.kind)
    return environment


def _write(path: Path | str, page: str) -> Path:
    write_whole(Path(path), page.encode("utf-8", "replace"))
    return Path(path)
