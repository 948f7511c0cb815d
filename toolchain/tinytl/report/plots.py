# SPDX-License-Identifier: Apache-2.0
"""The plots of a story, one function each: they draw on a figure of `canvas`, in the colours of a palette, and return nothing.

In: parts of a `Story`. `narrow` means a phone: fewer words, larger share for the data. Blue is the target task, orange the source task or a
mistake, green what learns, grey what is frozen; what a model computed is drawn with a dashed outline, what was measured is filled.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinytl.measurement import LayerRow
from tinytl.report import wording
from tinytl.report.canvas import Palette, quiet
from tinytl.report.story import Epoch, LearningCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAD_OPERATORS = ("dense", "head")  # of the row of a head of dense layers, of any other; no operator of the extractor is called so
_MOST_NUMBERS = 20  # classes up to which a confusion matrix prints its counts
_MOST_BARS = 40


def learning_curve(figure: "Figure", palette: Palette, curve: LearningCurve, *, narrow: bool = False) -> None:
    """Draw accuracy over taught samples (before learning each one; on the test splits) above the loss.

    Args:
        figure: empty. palette: its colours. curve: one taught sample or more. narrow: whether it is for a narrow page.
    """
    accuracy, loss = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2) if not narrow else (3, 1))
    taught = np.arange(1, len(curve.correct) + 1)
    window = live_window(curve)
    live = 100.0 * moving_mean(np.asarray(curve.correct, float), window)[window - 1 :]
    accuracy.plot(taught[window - 1 :], live, color=palette.muted, linewidth=1.2, alpha=0.8)
    lows = [float(live.min())]
    ends: list[tuple[float, str, str]] = [(float(live[-1]), "live, before learning", palette.muted)]
    for task, marker, colour in (("target", "o", palette.target), ("source", "s", palette.source)):
        points = [
            (point.samples, 100.0 * value) for point in curve.evaluations if (value := getattr(point, f"{task}_accuracy")) is not None
        ]
        if points:
            x, y = zip(*sorted(points), strict=True)
            accuracy.plot(x, y, color=colour, linewidth=2.2, marker=marker, markersize=5.5, clip_on=False, zorder=4)
            lows.append(min(y))
            ends.append((y[-1], f"{task} task {y[-1]:.1f} %", colour))
    step = 5 if min(lows) >= 75.0 else 10
    floor = max(0, step * int((min(lows) - 1.0) // step))
    accuracy.set(ylim=(floor, 100.5), xlim=(0, len(taught)), ylabel="accuracy, %")
    accuracy.set_yticks(range(floor, 101, step))
    _label_ends(accuracy, ends, len(taught), floor, narrow)
    loss.plot(taught, curve.loss, color=palette.muted, linewidth=0, marker=".", markersize=2.2, alpha=0.35)
    loss.plot(
        taught[window - 1 :],
        moving_mean(np.asarray(curve.loss), window)[window - 1 :],
        color=palette.ink,
        linewidth=1.4,
    )
    top = float(np.quantile(curve.loss, 0.98)) * 1.15
    loss.set(ylim=(0, top if top > 0 else 1), xlabel="samples taught", ylabel="loss")
    for axes in (accuracy, loss):
        quiet(axes)
    figure.align_ylabels()


def live_window(curve: LearningCurve) -> int:
    """Samples over which the live curve is averaged: fifty, or a sixth of a short run."""
    return max(1, min(50, len(curve.correct) // 6))


def confusion(
    figure: "Figure",
    palette: Palette,
    matrix: Sequence[Sequence[int]],
    classes: Sequence[str],
    *,
    title: str,
    narrow: bool = False,
) -> None:
    """Draw one confusion matrix, rows true classes: right answers blue, mistakes orange, as shares of the row.

    Args:
        figure: empty. palette: its colours. matrix: (classes, classes) counts, a row each true class. classes: names, in that order.
        title: above it. narrow: whether it is for a narrow page.
    """
    from matplotlib.patches import Rectangle

    counts = np.asarray(matrix, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes, side = figure.add_subplot(), len(classes)
    size = (11.0 if side <= 10 else 8.0) - narrow
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = float(shares[row, column])
        colour = palette.target if row == column else palette.source
        alpha = _opacity(share)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=alpha, linewidth=0))
        if side <= _MOST_NUMBERS:
            shade = palette.paper if share >= 0.5 else palette.ink
            axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=size, color=shade)
    step = max(1, -(-side // _MOST_NUMBERS))
    longest = max(len(name) for name in classes)
    names = [shorten(name, 14) for name in classes]
    axes.set_xticks(range(0, side, step), names[::step], rotation=0 if longest <= 2 else 60, ha="center" if longest <= 2 else "right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_yticks(range(0, side, step), names[::step])
    axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5), aspect="equal", xlabel="the device said", ylabel="it was")
    axes.set_title(title, loc="left", pad=8)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(-0.5, side), minor=True)
    axes.set_yticks(np.arange(-0.5, side), minor=True)
    axes.grid(which="minor", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def layer_cost(layers: Sequence[LayerRow]) -> tuple[str, list[float]]:
    """Return the best-founded cost that every layer has («instructions», «cycles (model)» or «MACs») and its values."""
    for attribute, label in (("instructions", "instructions"), ("cycles_model", "cycles (model)"), ("macs", "MACs")):
        values = [getattr(layer, attribute) for layer in layers]
        if all(value is not None for value in values) and any(values):
            return label, [float(value) for value in values]
    return "MACs", [0.0 for _ in layers]


def layer_bars(figure: "Figure", palette: Palette, layers: Sequence[LayerRow], *, narrow: bool = False) -> None:
    """Draw what each layer costs in one inference, in the order of execution; past forty the cheapest are left out.

    Args:
        figure: empty. palette: its colours. layers: in the order of execution. narrow: whether it is for a narrow page.
    """
    label, values = layer_cost(layers)
    kept = sorted(np.argsort(values, kind="stable")[::-1][:_MOST_BARS])
    rows = [
        (
            layers[index].name,
            values[index],
            palette.head if layers[index].operator in HEAD_OPERATORS else palette.frozen,
            label.endswith("(model)"),
        )
        for index in kept
    ]
    _bars(figure, palette, rows, narrow=narrow, text=wording.compact)


def energy_bars(figure: "Figure", palette: Palette, energies: Sequence[tuple[str, float]], *, narrow: bool = False) -> None:
    """Draw modelled energies, all dashed: none of them was measured.

    Args:
        figure: empty. palette: its colours. energies: (name, nJ), a bar each. narrow: whether it is for a narrow page.
    """
    _bars(
        figure,
        palette,
        [(name, value, palette.extra, True) for name, value in energies],
        narrow=narrow,
        text=wording.energy,
    )


def comparison_bars(
    figure: "Figure", palette: Palette, values: Sequence[tuple[str, float, bool]], *, unit: str, narrow: bool = False
) -> None:
    """Draw one figure of several measurements.

    Args:
        figure: empty. palette: its colours. values: (name, value, whether it is modelled), a bar each.
        unit: of the values, as `Figure` has it; decides how they are written. narrow: whether it is for a narrow page.
    """
    text = wording.size if unit in {"B", "bytes"} else wording.percent if unit == "fraction" else wording.compact
    _bars(
        figure,
        palette,
        [(name, value, palette.target, modelled) for name, value, modelled in values],
        narrow=narrow,
        text=text,
    )


def pretraining(figure: "Figure", palette: Palette, epochs: Sequence[Epoch], *, narrow: bool = False) -> None:
    """Draw accuracy and loss over the epochs on the workstation.

    Args:
        figure: empty. palette: its colours. epochs: in order, one or more. narrow: whether it is for a narrow page.
    """
    shape: Any = {"nrows": 2, "sharex": True} if narrow else {"ncols": 2}
    accuracy, loss = figure.subplots(**shape)
    number = np.arange(1, len(epochs) + 1)
    accuracy.plot(number, [100.0 * epoch.accuracy for epoch in epochs], color=palette.frozen, linewidth=1.6, label="training")
    held_out = [(index, 100.0 * epoch.val_accuracy) for index, epoch in zip(number, epochs, strict=True) if epoch.val_accuracy is not None]
    if held_out:
        accuracy.plot(
            *zip(*held_out, strict=True),
            color=palette.source,
            linewidth=2.0,
            marker="s",
            markersize=3.5,
            label="held out",
        )
    accuracy.set(ylabel="accuracy, %", xlabel="" if narrow else "epoch")
    accuracy.legend(frameon=False, loc="lower right", labelcolor=palette.ink)
    loss.plot(number, [epoch.loss for epoch in epochs], color=palette.frozen, linewidth=1.6)
    loss.set(ylabel="loss", xlabel="epoch", ylim=(0, None))
    for axes in (accuracy, loss):
        quiet(axes)
        axes.xaxis.get_major_locator().set_params(integer=True)


def moving_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values (fewer at the start). values: (N,) float; returns (N,)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(0, stop - window)
    return (sums[stop] - sums[start]) / (stop - start)


def shorten(name: str, length: int) -> str:
    """Cut the middle out of a name that is longer than `length`."""
    if len(name) <= length:
        return name
    tail = (length - 1) // 2
    return f"{name[: length - 1 - tail]}…{name[len(name) - tail :]}"


def _opacity(share: float) -> float:
    """Opacity of a cell: pale below one half, strong from there on, never between, where neither dark nor light text could be read."""
    return 0.14 + 0.53 * share**0.5 if share < 0.5 else 0.84 + 0.16 * share


def _label_ends(axes: "Axes", ends: list[tuple[float, str, str]], x: int, floor: float, narrow: bool) -> None:
    """Write each curve's name where it ends, apart from each other; on a phone below the title, in a row of its own."""
    if narrow:
        for index, (_, text, colour) in enumerate(reversed(ends)):
            axes.text(
                0.98,
                0.04 + 0.075 * index,
                text,
                transform=axes.transAxes,
                ha="right",
                va="bottom",
                color=colour,
                fontsize=11,
            )
        return
    gap, last = (100.5 - floor) / 13.0, np.inf
    for y, text, colour in sorted(ends, reverse=True):
        last = min(y, last - gap)
        axes.annotate(
            text,
            (x, last),
            xytext=(12, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )


def _bars(figure: "Figure", palette: Palette, rows: Sequence[tuple[str, float, str, bool]], *, narrow: bool, text: Any) -> None:
    """Horizontal bars (name, value, colour, modelled), the first at the top, each with its value behind it."""
    axes = figure.add_subplot()
    most = max((value for _, value, _, _ in rows), default=0.0) or 1.0
    for place, (_, value, colour, modelled) in enumerate(rows):
        outline: Any = {"edgecolor": colour, "linewidth": 1.2, "linestyle": (0, (3, 2))} if modelled else {"linewidth": 0}
        axes.barh(place, value, height=0.62, color=colour, alpha=None if not modelled else 0.22, linewidth=0)
        if modelled:
            axes.barh(place, value, height=0.62, fill=False, **outline)
        axes.text(
            value + most * 0.012,
            place,
            ("≈ " if modelled else "") + text(value),
            va="center",
            fontsize=11,
            color=palette.ink,
        )
    axes.set_yticks(range(len(rows)), [shorten(name, 16 if narrow else 30) for name, _, _, _ in rows])
    axes.set(xlim=(0, most * (1.38 if narrow else 1.14)), ylim=(len(rows) - 0.5, -0.5))
    axes.set_xticks([])
    axes.tick_params(length=0, axis="y", labelcolor=palette.ink)
    axes.spines["bottom"].set_visible(False)
