# SPDX-License-Identifier: Apache-2.0
"""The plot of a study of freeze plans: accuracy over taught samples, a panel a task, a line a plan.

The axis of samples is one of square roots, because the first ones change most.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinytl.report.canvas import LIGHT, canvas, quiet, to_png
from tinytl_bench.studies.plans.outcomes import TaskStudy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0a66a8", "#c4730a", "#0b7a5b", "#8a4a86", "#58616b", "#b8336a", "#3aa0c9", "#7d6b00")
_DASHES: tuple[tuple[int, ...], ...] = ((), (5, 2), (2, 2), (7, 2, 2, 2))
_PANELS_A_ROW = 3
_PANEL = (390.0, 300.0)
_STEPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 10**9)
_FLOOR_STEP = 5


def draw_curves(studies: Sequence[TaskStudy]) -> bytes:
    """Return a PNG: a panel a task and one for the legend, which all panels share."""
    names = tuple(dict.fromkeys(plan.plan for study in studies for plan in study.plans))
    columns = min(_PANELS_A_ROW, len(studies) + 1)
    rows = -(-(len(studies) + 1) // columns)
    with canvas(_PANEL[0] * columns, _PANEL[1] * rows, LIGHT) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, study in zip(panels, studies, strict=False):
            _panel(axes, study, names)
        handles = {line.get_label(): line for axes in panels[: len(studies)] for line in axes.get_lines()}
        for axes in panels[len(studies) :]:
            axes.axis("off")
        panels[len(studies)].legend(handles.values(), handles.keys(), loc="center", frameon=False, labelcolor=LIGHT.ink, handlelength=3.2)
        return to_png(figure, scale=1.5)


def _panel(axes: "Axes", study: TaskStudy, names: Sequence[str]) -> None:
    end, low = 1, 100.0
    for plan in study.plans:
        number = names.index(plan.plan)
        x, y = zip(*[(point.samples, 100 * point.accuracy) for point in plan.curve], strict=True)
        axes.plot(x, y, color=_COLOURS[number % len(_COLOURS)], dashes=_DASHES[number // 2 % len(_DASHES)], linewidth=1.8, label=plan.plan)
        end, low = max(end, x[-1]), min(low, *y)
    axes.axhline(100 * study.host.after, color=LIGHT.ink, linewidth=1.0, dashes=(1, 2), label="all layers on the workstation, at its end")
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    step = next(step for step in _STEPS if end / step < 6)
    ticks = [0, step // 5, *range(step, end + 1, step)]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    floor = max(0.0, _FLOOR_STEP * ((low - 1) // _FLOOR_STEP))
    axes.set(xlim=(0, end), ylim=(floor, 100.3), xlabel="samples taught, each pass counted", ylabel="target accuracy, %")
    axes.set_title(f"\n{study.title}", loc="left")  # the empty line keeps away from the panel above
    quiet(axes)
