# SPDX-License-Identifier: Apache-2.0
"""The plot of a sweep: accuracy against RAM, energy and time, a panel each; the plans that no other one beats joined by a line.

In: rows of a sweep, and the pick. Out: a PNG.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tinytl.report.canvas import LIGHT, canvas, to_png
from tinytl_bench.sweep.picking import Pick
from tinytl_bench.sweep.results import Row
from tinytl_bench.sweep.settings import TWIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL = (370.0, 380.0)
_MARKS = {"float32": "o", "int8": "s"}
_ABOVE, _BELOW = (0, 9), (0, -16)


def draw_pareto(rows: Sequence[Row], picked: Pick | None, *, title: str) -> bytes:
    """Draw the rows of the twin, of the host where there are no others.

    Args:
        rows: of a sweep. picked: ringed. title: above the first panel.

    Raises:
        ReportError: matplotlib is not installed.
    """
    shown = [row for row in rows if row.place == TWIN] or list(rows)
    counted = all(row.costs.instructions_step for row in shown)
    time = ("instructions a step, counted, M", _instructions) if counted else ("wall time of a cell on this machine, s", _seconds)
    axes_of: tuple[tuple[str, Callable[[Row], float]], ...] = (
        ("RAM: arena, KiB", lambda row: row.costs.arena_bytes / 1024),
        ("energy of a taught sample, µJ (model: full)", lambda row: row.costs.energy_nj_sample / 1000), time,
    )  # fmt: skip
    with canvas(_PANEL[0] * len(axes_of), _PANEL[1], LIGHT) as figure:
        for number, (axes, (label, of)) in enumerate(zip(figure.subplots(1, len(axes_of)), axes_of, strict=True)):
            _panel(axes, shown, of, picked)
            axes.set_xlabel(label)
            axes.set_title(title if number == 0 else "", loc="left")
        figure.axes[0].set_ylabel("validation accuracy, %")
        return to_png(figure, scale=1.5)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which (cost, accuracy) no other one beats, by rising cost: cheaper and at least as accurate, or as cheap and more."""
    kept: list[int] = []
    for number in sorted(range(len(points)), key=lambda each: (points[each][0], -points[each][1])):
        if not kept or points[number][1] > points[kept[-1]][1]:
            kept.append(number)
    return kept


def _panel(axes: "Axes", rows: Sequence[Row], of: Callable[[Row], float], picked: Pick | None) -> None:
    points = [(of(row), 100 * row.accuracy) for row in rows]
    best = front(points)
    axes.plot(*zip(*[points[number] for number in best], strict=True), color=LIGHT.soft, linewidth=1.5, zorder=1)
    placed: list[tuple[float, float]] = []
    for number, row in enumerate(rows):
        x, y = points[number]
        is_picked = picked is not None and (row.plan, row.weights) == (picked.plan, picked.weights)
        colour = LIGHT.target if number in best else LIGHT.frozen
        axes.errorbar(x, y, yerr=100 * row.spread, color=colour, marker=_MARKS[row.weights], markersize=6, capsize=2, zorder=2)
        if is_picked:
            axes.plot(x, y, "o", markersize=15, markerfacecolor="none", markeredgecolor=LIGHT.source, markeredgewidth=1.8, zorder=3)
        axes.annotate(
            row.plan if row.weights == "float32" else f"{row.plan}, int8", (x, y), textcoords="offset points", fontsize=9.5,
            xytext=_BELOW if len(placed) % 2 else _ABOVE, ha="center", color=LIGHT.ink,
        )  # fmt: skip
        placed.append((x, y))
    axes.set_xscale("log")
    axes.margins(x=0.22, y=0.14)
    axes.grid(visible=True)
    axes.tick_params(length=0)
    axes.minorticks_off()
    _label_costs(axes, [x for x, _ in points])


def _label_costs(axes: "Axes", costs: Sequence[float]) -> None:
    """Put ticks at a few round costs, so that a narrow log axis has some."""
    low, high = min(costs), max(costs)
    steps = [digit * 10.0**power for power in range(-6, 10) for digit in (1, 2, 5)]
    inside = [step for step in steps if low * 0.7 <= step <= high * 1.4]
    chosen = inside[:: max(1, -(-len(inside) // 6))]
    if chosen:
        axes.set_xticks(chosen, [f"{step:,.3g}" if step < 1000 else f"{step:,.0f}" for step in chosen])


def _instructions(row: Row) -> float:
    return (row.costs.instructions_step or 0) / 1e6


def _seconds(row: Row) -> float:
    return max(row.seconds, 1e-3)
