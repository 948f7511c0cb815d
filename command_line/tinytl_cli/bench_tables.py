# SPDX-License-Identifier: Apache-2.0
"""The tables of `tinytl bench`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tinytl.measurement import Measurement
from tinytl_cli.console import table

if TYPE_CHECKING:
    from tinytl.report.machine import EngineRow
    from tinytl_bench.compare import Change


def render_measurements(console: Console, measured: Sequence[Measurement]) -> None:
    """Print every figure with how it was had; of a machine that measured itself, times of both engines first, and what it is."""
    from tinytl.report.machine import TIME_FIGURES, engine_rows, machine_notes

    for measurement in measured:
        title, times, told = f"{measurement.bundle} on {measurement.target}", engine_rows(measurement), machine_notes(measurement)
        if times:
            console.print(_times_table(title, times))
            console.print()
            title = "What else was measured"
        shown = {name: figure for name, figure in measurement.figures.items() if not times or name not in TIME_FIGURES}
        rows = [(name, _number(figure.value), figure.unit, figure.how) for name, figure in shown.items()]
        console.print(table(title, ("figure", "value", "unit", "where it comes from"), rows, numeric=("value",)))
        if told:
            console.print()
            console.print(table("How, and where", ("what", ""), told))


def _times_table(title: str, rows: "Sequence[EngineRow]") -> Table:
    columns = ("engine", "of one", "p50 ms", "p90 ms", "p99 ms", "mean ms", "a second")
    cells = [
        (
            f"{row.engine}, in use" if row.is_used else row.engine, row.what, *(f"{time:,.4g}" for time in row.times_ms),
            f"{row.per_second:,.4g}" if row.per_second < 100 else f"{row.per_second:,.0f}",
        )
        for row in rows
    ]  # fmt: skip
    return table(title, columns, cells, numeric=columns[2:])


def render_suite(console: Console, measured: Sequence[Measurement]) -> None:
    """Print a row a model, then a row a model and peer: a ratio below 1 means that tinytl takes fewer."""
    rows, ratios = [], []
    for measurement in measured:
        figures = {name: int(figure.value) for name, figure in measurement.figures.items()}
        values = [figures.get(name) for name in ("instructions_per_inference", "cycles_model", "arena_bytes", "image_bytes", "flash_bytes")]
        rows.append((measurement.bundle, sum(layer.macs for layer in measurement.layers), *values))
        for name, peer in measurement.details["peers"].items():
            theirs = (peer.get("instructions"), peer.get("cycles_model"))
            beside = [cell for mine, its in zip(values[:2], theirs, strict=True) for cell in (its, _ratio(mine, its))]
            ratios.append((measurement.bundle, name, *beside))
    columns = ("model", "MACs", "instructions", "cycles (model)", "arena B", "image B", "flash B")
    console.print(table(f"On {measured[0].target}, byte-equal to LiteRT's reference kernels", columns, rows, numeric=columns[1:]))
    console.print()
    titles = ("model", "peer", "its instructions", "tinytl / peer", "its cycles (model)", "ratio of cycles")
    console.print(table("Peers", titles, ratios, numeric=titles[2:]))
    console.print()
    for line in _notes(measured):
        console.print(line, markup=False)


def render_learner_suite(console: Console, measured: Sequence[Measurement]) -> None:
    """Print a row a head: what a step of learning takes, beside what a peer takes for the same head."""
    rows, notes = [], set()
    for measurement in measured:
        figures = {name: int(figure.value) for name, figure in measurement.figures.items()}
        step, peer = figures.get("instructions_per_teach_step"), measurement.details["peers"].get("AIfES")
        notes |= {peer["how"]} if peer else set()
        ratio = f"{step / peer['instructions']:.3f}" if peer and step else None
        per_mac = f"{step / (2 * measurement.details['macs']):.2f}" if step else None
        rows.append(
            (measurement.bundle, step, per_mac, figures.get("cycles_model"), figures["extra_ram_bytes"], figures["weights_bytes"], ratio)
        )
    columns = ("head", "instructions", "per MAC", "cycles (model)", "RAM beside B", "weights B", "tinytl / AIfES")
    console.print(table(f"A step of learning on {measured[0].target}, batch 1", columns, rows, numeric=columns[1:]))
    console.print("per MAC: of the forward pass and the weights' gradient; RAM beside the weights: features and all that a step needs")
    for note in sorted(notes):
        console.print(f"AIfES: {note}", markup=False)


def render_sweep_suite(console: Console, measured: Sequence[Measurement]) -> None:
    """Print a row a plan and one in all: a sweep on kept features beside `Model.fit` on the frozen model."""
    rows = []
    for measurement in measured:
        value = {name: figure.value for name, figure in measurement.figures.items()}
        accuracies = (f"{100 * value[name]:.1f}" for name in ("accuracy", "accuracy_fit"))
        seconds = (f"{value[name]:,.1f}" for name in ("seconds_sweep", "seconds_fit", "times_faster"))
        rows.append((measurement.bundle, *seconds, *accuracies, f"{100 * measurement.details['spread']:.1f}"))
    columns = ("model, plan", "sweep s", "fit s", "times", "sweep %", "fit %", "±")
    console.print(table("A sweep beside Model.fit of the frozen Keras model", columns, rows, numeric=columns[1:]))
    for how in dict.fromkeys(measurement.figures["seconds_sweep"].how for measurement in measured):
        console.print(f"sweep: {how}", markup=False)
    console.print("%: test accuracy, means over the orders; ±: standard deviation of the sweep's")


def _ratio(mine: int | None, theirs: int | None) -> str | None:
    return f"{mine / theirs:.3f}" if mine and theirs else None


def _notes(measured: Sequence[Measurement]) -> list[str]:
    """Where peers' figures come from, or why there is none, each once with its models; which model was counted elsewhere."""
    sources: dict[tuple[str, str], list[str]] = {}
    for measurement in measured:
        for name, peer in measurement.details["peers"].items():
            sources.setdefault((name, peer["how"]), []).append(measurement.bundle)
    notes = [f"{name} ({'all' if len(models) == len(measured) else ', '.join(models)}): {how}" for (name, how), models in sources.items()]
    return notes + [
        f"{measurement.bundle} on {measurement.target}: {measurement.details['placed']}"
        for measurement in measured
        if "placed" in measurement.details
    ]


def render_changes(console: Console, measurement: Measurement, changes: "Sequence[Change]", path: Path) -> None:
    """Print a comparison: what was, what is, by how much it moved; what moved too far says so."""
    rows = [(change.name, *change.values, change.moved, "too much" if change.fails else "") for change in changes]
    columns = ("metric", "baseline", "now", "change", "")
    console.print()
    console.print(table(f"{measurement.bundle} on {measurement.target}, compared with {path}", columns, rows, numeric=columns[1:4]))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:,.4g}"
