# SPDX-License-Identifier: Apache-2.0
"""Draw the two pictures of the documentation: `flow.png`, the way of the data, and `cut.png`, one model cut by one plan.

In: the shipped bundle `digits`, its stored measurement `benchmarks/baselines/digits.json`. Its model `ds-cnn` is drawn as plan
`fc+conv1` cuts it. Out: PNG files of 1,800 pixels' width, made to be shown at 900. Every number in a picture is one of `Facts`, and each
picture carries its facts as text (PNG key `Facts`), so that a test can tell when one is out of date.

    python docs/figures/draw.py
"""

import json
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tinytl import inspect, list_datasets
from tinytl_models import BUNDLES, card

FOLDER = Path(__file__).resolve().parent
BASELINE = FOLDER.parents[1] / "benchmarks/baselines/digits.json"
MODEL, PLAN = "ds-cnn", "fc+conv1"

INK, MUTED, PAPER, RULE = "#1b2026", "#58616b", "#ffffff", "#c3cad1"
FROZEN, FROZEN_SOFT = "#0a66a8", "#dcebf7"
TRAINED, TRAINED_SOFT = "#a84a08", "#fbe6d4"
NEUTRAL_SOFT = "#eef0f2"
INCHES_WIDE, DPI = 12.0, 150


@dataclass(frozen=True)
class Layer:
    """One row of `cut.png`.

    Attributes:
        name, kind: of the layer. shape: (H, W, C) of its output, or (C,) of a vector.
        macs: multiply-accumulates of one forward pass. parameters: numbers that train, 0 in the frozen part.
        constant_bytes: weights, biases and rescaling constants in flash, of a frozen layer.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    parameters: int = 0
    constant_bytes: int = 0


@dataclass(frozen=True)
class Facts:
    """What the pictures say. Bytes are of the shipped bundle on a Cortex-M4; samples are numbers of a split."""

    source: str
    source_samples: int
    target: str
    target_samples: int
    parameters: int
    head_parameters: int
    bundle_bytes: int
    image_bytes: int
    arena_bytes: int
    inference_instructions: int
    step_instructions: int
    input_shape: tuple[int, ...]
    frozen: tuple[Layer, ...]
    trained: tuple[Layer, ...]

    @property
    def text(self) -> str:
        """The facts as JSON, as a picture carries them."""
        return json.dumps(asdict(self), sort_keys=True)


def read_facts() -> Facts:
    """Read all facts: layers of the bundle as `tinytl inspect digits` shows them; the last convolution and what follows it train."""
    bundle = BUNDLES / "digits.tinytl"
    inspection, measured = inspect(bundle), json.loads(BASELINE.read_text(encoding="utf-8"))
    samples = {dataset.name: dataset.samples[0] for dataset in list_datasets()}
    rows = [
        Layer(_plain(row.name), row.operator, tuple(row.output_shape[1:]), row.macs, constant_bytes=row.weight_bytes)
        for row in inspection.layers
    ]
    *frozen, features, convolution, pool, dense = rows
    trained = (
        replace(convolution, parameters=(features.shape[-1] + 1) * convolution.shape[-1], constant_bytes=0),
        replace(pool, name="pool", kind="average_pool"),
        replace(dense, parameters=dense.constant_bytes // 4, constant_bytes=0),
    )
    return Facts(
        source="mnist-5k",
        source_samples=samples["mnist-5k"],
        target="uci-digits",
        target_samples=samples["uci-digits"],
        parameters=card(MODEL).parameters,
        head_parameters=trained[-1].parameters,
        bundle_bytes=bundle.stat().st_size,
        image_bytes=measured["image_bytes"],
        arena_bytes=measured["arena_bytes"],
        inference_instructions=measured["instructions_per_inference"],
        step_instructions=measured["instructions_per_teach_step"],
        input_shape=tuple(inspection.inputs[0].shape[1:]),
        frozen=(*frozen, features),
        trained=trained,
    )


def _plain(name: str) -> str:
    """Take the activation and the converter's number off a tensor's name: `stem_relu_1` is layer `stem`."""
    return name.removesuffix("_1").removesuffix("_relu")


def draw(facts: Facts, folder: Path) -> None:
    """Write both pictures into a folder that exists."""
    for name, figure in (("flow", draw_flow(facts)), ("cut", draw_cut(facts))):
        figure.savefig(folder / f"{name}.png", dpi=DPI, facecolor=PAPER, metadata={"Facts": facts.text, "Software": ""})


def _canvas(height: float, width: float, rows: float) -> tuple[Figure, Axes]:
    """Make an empty picture: `height` inches, with data coordinates 0 … width and 0 … rows, downwards."""
    figure = Figure(figsize=(INCHES_WIDE, height), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(rows, 0))
    axes.axis("off")
    return figure, axes


def _box(axes: Axes, x: float, y: float, width: float, height: float, *, fill: str, edge: str) -> None:
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=fill, edgecolor=edge, linewidth=1.4))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = MUTED, line: str = "-") -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8, "linestyle": line, "mutation_scale": 16}
    axes.annotate("", end, start, arrowprops=style)


def _millions(instructions: int) -> str:
    return f"{instructions / 1e6:.2f} M instructions"


def _steps(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Give title, what comes out, and the command, of each step of the flow."""
    return (
        ("dataset", f"{facts.source},\n{facts.source_samples:,} to train with", "tinytl data"),
        ("pretrain", f"{MODEL} in float32,\n{facts.parameters:,} parameters", "tinytl pretrain"),
        ("cut", f"frozen extractor and\nhead of {facts.head_parameters:,} numbers", "tinytl export"),
        ("quantize", "extractor to int8,\nhead stays float32", "tinytl export"),
        ("bundle", f"one checked file,\n{facts.bundle_bytes:,} bytes", "tinytl export"),
        ("compile", f"image of {facts.image_bytes:,} bytes,\narena of {facts.arena_bytes:,}", "tinytl flash"),
        ("flash", f"one inference:\n{_millions(facts.inference_instructions)}", "tinytl flash"),
        ("teach", f"{facts.target}, a step:\n{_millions(facts.step_instructions)}", "tinytl teach"),
        ("guard, save", "keep the head through\npower loss, or undo it", "tinytl save"),
        ("measure", "accuracy, RAM, flash,\ninstructions, energy", "tinytl bench"),
    )


def draw_flow(facts: Facts) -> Figure:
    """Draw the ten steps in two rows: the workstation above, the device below."""
    figure, axes = _canvas(5.3, 12, 5.3)
    steps, width, height = _steps(facts), 2.06, 1.42
    rows = (
        ("On the workstation, once", FROZEN, FROZEN_SOFT, 0.75, 0.35),
        ("For each device, as long as it lives", TRAINED, TRAINED_SOFT, 3.3, 0.9),
    )
    for row, (title, colour, fill, top, left) in enumerate(rows):
        axes.text(left, top - 0.3, title, color=colour, fontsize=15, fontweight="bold", va="center")
        for column, (name, text, command) in enumerate(steps[5 * row : 5 * row + 5]):
            x = 0.35 + 2.32 * column
            _box(axes, x, top, width, height, fill=fill, edge=colour)
            axes.text(x + 0.12, top + 0.26, name, color=INK, fontsize=14, fontweight="bold", va="center")
            axes.text(x + 0.12, top + 0.72, text, color=INK, fontsize=11, va="center", linespacing=1.35)
            axes.text(x + 0.12, top + 1.2, command, color=colour, fontsize=11, family="monospace", va="center")
            if column:
                _arrow(axes, (x - 0.29, top + height / 2), (x + 0.01, top + height / 2))
    _wrap(axes, width)
    note = f"here {facts.target_samples} samples are taught once; the twin on the workstation runs the same C and ends with the same bytes"
    axes.text(11.69, 5.03, note, color=MUTED, fontsize=11, ha="right", va="center")
    return figure


def _wrap(axes: Axes, width: float) -> None:
    """Lead from the end of the upper row to the beginning of the lower one."""
    right, left = 0.35 + 2.32 * 4 + width / 2, 0.62
    axes.plot((right, right, left), (2.17, 2.57, 2.57), color=MUTED, linewidth=1.8)
    _arrow(axes, (left, 2.57), (left, 3.31))
    axes.text(6.2, 2.45, "the bundle crosses: one file for every target", color=MUTED, fontsize=11, ha="center", va="bottom")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def draw_cut(facts: Facts) -> Figure:
    """Draw the layers from input to logits, what is frozen above the cut, what trains below it."""
    count = len(facts.frozen) + len(facts.trained)
    figure, axes = _canvas(7.55, 12, 7.55)
    title = f"Model {MODEL}, plan {PLAN}, input {_shape(facts.input_shape)}"
    axes.text(0.35, 0.36, title, color=INK, fontsize=16, fontweight="bold", va="center")
    for x, title in ((0.55, "layer"), (2.55, "what it is"), (5.0, "output")):
        axes.text(x, 0.85, title, color=MUTED, fontsize=11, va="center")
    for x, title in ((8.1, "MACs"), (9.6, "weights in bytes")):
        axes.text(x, 0.85, title, color=MUTED, fontsize=11, ha="right", va="center")
    tops = [1.1 + 0.56 * row + (0.66 if row >= len(facts.frozen) else 0) for row in range(count)]
    for layer, top in zip((*facts.frozen, *facts.trained), tops, strict=True):
        _layer(axes, layer, top)
    middle, end = len(facts.frozen), count - 1
    _cut_line(axes, facts, tops[middle] - 0.38)
    _side(axes, (tops[0], tops[middle - 1] + 0.48), FROZEN, "frozen", "int8, in flash,\nbyte for byte as\nLiteRT computes it")
    _side(axes, (tops[middle], tops[end] + 0.48), TRAINED, "trainable", "float32, in RAM,\ngradients go up\nto the cut")
    last = f"Plan last-dense, which the shipped bundle has, cuts above the last layer: {facts.trained[-1].name} alone trains."
    axes.text(0.35, 7.22, f"{last} Weights: biases and rescaling constants included.", color=MUTED, fontsize=11, va="center")
    return figure


def _layer(axes: Axes, layer: Layer, top: float) -> None:
    trains = layer.parameters or not layer.constant_bytes
    colour, fill = (TRAINED, TRAINED_SOFT) if trains else (FROZEN, FROZEN_SOFT)
    _box(axes, 0.35, top, 9.4, 0.46, fill=fill, edge=colour)
    middle, size = top + 0.24, 4 * layer.parameters or layer.constant_bytes
    axes.text(0.55, middle, layer.name, color=INK, fontsize=12, fontweight="bold", va="center")
    axes.text(2.55, middle, layer.kind.replace("_", " "), color=INK, fontsize=11, va="center")
    axes.text(5.0, middle, f"{_shape(layer.shape)} {'float32' if trains else 'int8'}", color=INK, fontsize=11, va="center")
    axes.text(8.1, middle, f"{layer.macs:,}" if layer.macs else "–", color=INK, fontsize=11, ha="right", va="center")
    axes.text(9.6, middle, f"{size:,}" if size else "–", color=INK, fontsize=11, ha="right", va="center")


def _cut_line(axes: Axes, facts: Facts, y: float) -> None:
    features = facts.frozen[-1].shape
    axes.plot((0.35, 11.65), (y, y), color=INK, linewidth=2.2, linestyle=(0, (5, 3)))
    text = f"the cut: features {_shape(features)}, int8, {prod(features):,} bytes a sample; replayed samples enter here"
    ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 4}
    axes.text(5.05, y, text, color=INK, fontsize=11.5, fontweight="bold", ha="center", va="center", bbox=ground)


def _side(axes: Axes, ends: tuple[float, float], colour: str, title: str, text: str) -> None:
    top, bottom = ends
    _arrow(axes, (10.0, top), (10.0, bottom), colour)
    if colour == TRAINED:
        _arrow(axes, (10.2, bottom), (10.2, top), colour, "--")
    middle = (top + bottom) / 2
    axes.text(10.38, middle - 0.36, title, color=colour, fontsize=14, fontweight="bold", va="center")
    axes.text(10.38, middle + 0.22, text, color=INK, fontsize=11, va="center", linespacing=1.35)


def written_facts(picture: Path) -> Any:
    """Return the facts that a picture carries, as JSON's types."""
    from PIL import Image

    with Image.open(picture) as image:
        return json.loads(image.text["Facts"])  # type: ignore[attr-defined]


if __name__ == "__main__":
    draw(read_facts(), FOLDER)
