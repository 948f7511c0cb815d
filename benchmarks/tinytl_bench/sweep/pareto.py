# SPDX-License-Identifier: Apache-2.0
"""The plot of a sweep: accuracy against RAM, energy and time, a panel each; the plans that no other one beats joined by a line.

In: rows of a sweep, and the pick. Out: a PNG.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinytl.report.canvas import LIGHT, canvas, to_png
from tinytl_bench.sweep.picking import Pick
from tinytl_bench.sweep.results import Row
from tinytl_bench.sweep.settings import TWIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL, _LEGEND = (370.0, 380.0), 190.0
_COLOURS = ("#0a66a8", "#c4730a", "#0b7a5b", "#8a4a86", "#b8336a", "#3aa0c9", "#7d6b00", "#58616b")
_MARKS = {"float32": "o", "int8": "s"}


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
    plans = tuple(dict.fromkeys(row.plan for row in shown))
    with canvas(_PANEL[0] * len(axes_of) + _LEGEND, _PANEL[1], LIGHT) as figure:
        ratios = [*[_PANEL[0]] * len(axes_of), _LEGEND]
        panels = figure.subplots(1, len(axes_of) + 1, width_ratios=ratios)
        for axes, (label, of) in zip(panels, axes_of, strict=False):
            _panel(axes, shown, of, plans)
            axes.set_xlabel(label)
            if picked is not None:
                _ring(axes, [(of(row), 100 * row.accuracy) for row in shown if (row.plan, row.weights) == (picked.plan, picked.weights)])
        panels[0].set_title(title, loc="left")
        panels[0].set_ylabel("validation accuracy, %")
        _legend(panels[-1], shown, plans)
        return to_png(figure, scale=1.5)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which (cost, accuracy) no other one beats, by rising cost: cheaper and at least as accurate, or as cheap and more."""
    kept: list[int] = []
    for number in sorted(range(len(points)), key=lambda each: (points[each][0], -points[each][1])):
        if not kept or points[number][1] > points[kept[-1]][1]:
            kept.append(number)
    return kept


def _panel(axes: "Axes", rows: Sequence[Row], of: Callable[[Row], float], plans: Sequence[str]) -> None:
    points = [(of(row), 100 * row.accuracy) for row in rows]
    axes.plot(*zip(*[points[number] for number in front(points)], strict=True), color=LIGHT.soft, linewidth=1.5, zorder=1)
    for (x, y), row in zip(points, rows, strict=True):
        axes.errorbar(x, y, yerr=100 * row.spread, **_look_of(row.plan, row.weights, plans), capsize=2, zorder=2)
    axes.set_xscale("log")
    axes.margins(x=0.1, y=0.1)
    axes.grid(visible=True)
    axes.tick_params(length=0)
    axes.minorticks_off()
    _label_costs(axes, [x for x, _ in points])


def _ring(axes: "Axes", points: Sequence[tuple[float, float]]) -> None:
    for x, y in points:
        axes.plot(x, y, "o", markersize=15, markerfacecolor="none", markeredgecolor=LIGHT.ink, markeredgewidth=1.5, zorder=3)


def _legend(axes: "Axes", rows: Sequence[Row], plans: Sequence[str]) -> None:
    axes.axis("off")
    for row in rows:
        name = row.plan if row.weights == "float32" else f"{row.plan}, int8"
        axes.plot([], [], linestyle="none", label=name, **_look_of(row.plan, row.weights, plans))
    axes.plot([], [], color=LIGHT.soft, label="no other one beats")
    hollow: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": LIGHT.ink, "markersize": 12}
    axes.plot([], [], "o", **hollow, label="the pick")
    axes.legend(loc="center left", frameon=False, labelcolor=LIGHT.ink, fontsize=10.5)


def _look_of(plan: str, weights: str, plans: Sequence[str]) -> dict[str, Any]:
    return {"color": _COLOURS[plans.index(plan) % len(_COLOURS)], "marker": _MARKS[weights], "markersize": 7}


def _label_costs(axes: "Axes", costs: Sequence[float]) -> None:
    """Put ticks at a few round costs, so that a narrow log axis has some."""
    low, high = min(costs), max(costs)
    steps = [digit * 10.0**power for power in range(-6, 10) for digit in (1, 2, 5)]
    inside = [step for step in steps if low * 0.7 <= step <= high * 1.4]
    if len(inside) < 3:  # a narrow range: its ends and what lies between
        inside = [low, (low * high) ** 0.5, high]
    chosen = inside[:: max(1, -(-len(inside) // 6))]
    if chosen:
        axes.set_xticks(chosen, [f"{step:,.3g}" if step < 1000 else f"{step:,.0f}" for step in chosen])


def _instructions(row: Row) -> float:
    return (row.costs.instructions_step or 0) / 1e6


def _seconds(row: Row) -> float:
    return max(row.seconds, 1e-3)
