# SPDX-License-Identifier: Apache-2.0
"""Each plot twice as an SVG element for the page: as wide as a desk's column, and as narrow as a phone.

In: a plot function of `plots` or `memory_plots` and its data. Out: `Drawing`s of safe markup, all text inside escaped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tinytl.measurement import Measurement
from tinytl.report import memory_plots, plots, wording
from tinytl.report.canvas import PAGE, canvas, to_svg
from tinytl.report.run_log import RunLog
from tinytl.report.story import Story
from tinytl.report.tables import energies

WIDE, NARROW = 878.0, 328.0  # the columns inside a box at 1280 and at 390 pixels


@dataclass(frozen=True)
class Drawing:
    """One plot in both widths."""

    wide: Markup
    narrow: Markup


def draw(
    name: str,
    label: str,
    function: Callable[..., None],
    *data: Any,
    heights: tuple[float, float],
    wide: float = WIDE,
    **options: Any,
) -> Drawing:
    """Draw both widths.

    Args:
        name: unique in the page; letters, digits, dashes. label: the text alternative.
        function: draws into an empty figure: takes figure, palette, *data, narrow=, **options.
        heights: of the wide and the narrow one, CSS pixels. wide: width of the wide one, CSS pixels.
        data, options: what the function takes beside.
    """
    markup = []
    for narrow in (False, True):
        with canvas(NARROW if narrow else wide, heights[narrow], PAGE) as figure:
            function(figure, PAGE, *data, narrow=narrow, **options)
            markup.append(Markup(to_svg(figure, label=label, name=f"{name}-{'narrow' if narrow else 'wide'}")))
    return Drawing(*markup)


def story_drawings(story: Story) -> dict[str, Drawing]:
    """Return the drawings of the story page by name; a plot without data is left out."""
    seen, memory, board, bundle = story.accuracies, story.memory, story.board, story.bundle
    target = f"{bundle.target_task} goes from {wording.percent(seen.target_before)} to {wording.percent(seen.target_after)}"
    source = f"{bundle.source_task} goes from {wording.percent(seen.source_before)} to {wording.percent(seen.source_after)}"
    label = f"Accuracy while {len(story.curve.correct)} samples are taught: {target}; {source}."
    drawings = {"curve": draw("curve", label, plots.learning_curve, story.curve, heights=(440, 400))}
    if memory.flash:
        label = "Flash to scale: " + ", ".join(f"{r.name} {wording.size(r.used_bytes)} of {wording.size(r.bytes)}" for r in memory.flash)
        drawings["flash"] = draw("flash", label, memory_plots.flash_map, memory, board, heights=(90, 90))
    label = (
        f"RAM to scale: arena {wording.size(memory.arena_bytes)} of {wording.size(memory.arena_limit_bytes)}, static data "
        f"{wording.size(memory.static_bytes)}, stack {wording.size(memory.stack_bytes)}, limit {wording.size(board.ram_bytes)}"
    )
    drawings["ram"] = draw("ram", label, memory_plots.ram_map, memory, board, heights=(130, 130))
    if memory.arena:
        label = "The arena over the operators: which block lies at which address, and when."
        drawings["arena"] = draw("arena", label, memory_plots.arena_plan, memory, heights=(400, 380))
    if story.pretraining:
        label = f"Pretraining on {bundle.source_task}: accuracy and loss over {len(story.pretraining)} epochs."
        drawings["pretraining"] = draw("pretraining", label, plots.pretraining, story.pretraining, heights=(280, 420))
    return drawings | cost_drawings(story.measurement, "cost")


def cost_drawings(measurement: Measurement, name: str) -> dict[str, Drawing]:
    """Return «layers» and «energy» of one measurement, as far as it has them."""
    drawings = {}
    if measurement.layers:
        unit, values = plots.layer_cost(measurement.layers)
        most = measurement.layers[values.index(max(values))].name
        label = f"{unit} of each layer; most in {most}: {wording.compact(max(values))} of {wording.compact(sum(values))}."
        height = 28.0 * min(len(measurement.layers), 40) + 16
        drawings["layers"] = draw(f"{name}-layers", label, plots.layer_bars, measurement.layers, heights=(height, height))
    modelled = energies(measurement)
    if modelled:
        label = "Modelled energy: " + ", ".join(f"{how} {wording.energy(value)}" for how, value in modelled)
        height = 32.0 * len(modelled) + 16
        drawings["energy"] = draw(f"{name}-energy", label, plots.energy_bars, modelled, heights=(height, height))
    return drawings


def run_drawings(log: RunLog, name: str) -> tuple[Drawing | None, list[Drawing]]:
    """Return the curve, if something was taught, and a confusion matrix for each test. name: unique in the page."""
    curve = None
    if log.curve is not None:
        label = f"Accuracy and loss while {len(log.curve.correct)} samples are taught."
        curve = draw(f"{name}-curve", label, plots.learning_curve, log.curve, heights=(440, 400))
    matrices, wide = [], (WIDE - 62) / 2
    for number, answers in enumerate(log.answers):
        right, total = sum(answers.counts[index][index] for index in range(len(answers.classes))), sum(map(sum, answers.counts))
        title = f"{answers.when[:1].upper()}{answers.when[1:]}: {right:,} of {total:,} right"
        sizes: Any = {"heights": (wide + 30, NARROW + 30), "wide": wide}
        label = f"Confusion matrix, {title}"
        matrices.append(draw(f"{name}-confusion-{number}", label, plots.confusion, answers.counts, answers.classes, title=title, **sizes))
    return curve, matrices


def confusion_drawings(story: Story) -> list[Drawing]:
    """Return the confusion matrices before and after; wide ones stand side by side, narrow ones below each other."""
    drawings = []
    for moment in ("before", "after"):
        matrix, classes = getattr(story.confusion, moment), story.confusion.classes
        right, total = sum(matrix[index][index] for index in range(len(classes))), sum(map(sum, matrix))
        share = wording.percent(right / total) if total else "no samples"
        title = f"{'Before learning' if moment == 'before' else 'After learning'}: {right:,} of {total:,} right"
        label, wide = f"Confusion matrix {moment} learning, {share} right", (WIDE - 62) / 2
        sizes: Any = {"heights": (wide + 30, NARROW + 30), "wide": wide}
        drawings.append(draw(f"confusion-{moment}", label, plots.confusion, matrix, classes, title=title, **sizes))
    return drawings
