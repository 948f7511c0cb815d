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


def render_suite(console: Console, measured: Sequence[Measurement]) -> None:
    """Print a row a model and a ratio a peer: below 1, tinytl takes fewer instructions."""
    peers = list(dict.fromkeys(name for each in measured for name in each.details["peers"]))
    rows, ratios = [], []
    for each in measured:
        mine = each.figures.get("instructions_per_inference")
        told = [each.details["peers"].get(name, {}).get("instructions") for name in peers]
        names = ("cycles_model", "arena_bytes", "flash_bytes")
        values = [int(each.figures[name].value) if name in each.figures else None for name in names]
        rows.append((each.bundle, sum(layer.macs for layer in each.layers), mine and int(mine.value), *values))
        compared = [(number, f"{mine.value / number:.3f}" if mine and number else None) for number in told]
        ratios.append((each.bundle, *[cell for pair in compared for cell in pair]))
    columns = ("model", "MACs", "instructions", "cycles (model)", "arena B", "flash B")
    console.print(table(f"On {measured[0].target}, byte-equal to LiteRT's reference kernels", columns, rows, numeric=columns[1:]))
    console.print()
    titles = ("model", *[title for name in peers for title in (f"{name}: instructions", f"tinytl / {name}")])
    console.print(table("Peers", titles, ratios, numeric=titles[1:]))
    console.print()
    for line in _notes(measured):
        console.print(line, markup=False)


def _notes(measured: Sequence[Measurement]) -> list[str]:
    """Where peers' figures come from, where there are none, and which model was counted elsewhere; each once."""
    notes = []
    for each in measured:
        for name, peer in each.details["peers"].items():
            notes.append(f"{name}: {peer['how']}" if peer.get("instructions") else f"{each.bundle}, {name}: {peer['how']}")
        if "placed" in each.details:
            notes.append(f"{each.bundle} on {each.target}: {each.details['placed']}")
    return list(dict.fromkeys(notes))


def render_changes(console: Console, measurement: Measurement, changes: "Sequence[Change]", path: Path) -> None:
    """Print a comparison: what was, what is, by how much it moved; what moved too far says so."""
    rows = [(change.name, *change.values, change.moved, "too much" if change.fails else "") for change in changes]
    columns = ("metric", "baseline", "now", "change", "")
    console.print(table(f"{measurement.bundle} on {measurement.target}, compared with {path}", columns, rows, numeric=columns[1:4]))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) > 1 else f"{value:,.4g}"
