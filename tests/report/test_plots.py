# SPDX-License-Identifier: Apache-2.0
"""Numbers in words, and what plots compute before they draw."""

import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_story import example_story, layers, measurement
from PIL import Image

from tinytl.errors import ReportError
from tinytl.measurement import Figure
from tinytl.report import Confusion, Story, wording, write_learning_curve, write_report
from tinytl.report.plots import layer_cost, moving_mean, shorten
from tinytl.report.tables import energies, layer_columns

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("unit", "how", "kind"),
    [
        ("instructions", "instructions (QEMU 7.2 plugin)", "measured"),
        ("fraction", "device, 899 test samples", "measured"),
        ("ms", "ms (wall)", "measured"),
        ("cycles", "cycles (Cortex-M4 model)", "modelled"),
        ("ms", "cycles (Cortex-M4 model) / 168 MHz", "modelled"),
        ("nJ", "nJ (model: thesis)", "modelled"),
        ("nJ", "45nm-int8", "modelled"),
        ("mJ", "measured with a shunt", "measured"),
        ("ms", "estimated from cycles", "modelled"),
        ("B", "image plan", "computed"),
        ("MAC", "graph", "computed"),
    ],
)
def test_how_a_figure_was_had(unit: str, how: str, kind: str) -> None:
    assert wording.kind(Figure(1.0, unit, how)) == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.percent(0.9744), f"97.4{SPACE}%"),
        (wording.percent(1.0), f"100.0{SPACE}%"),
        (wording.percent(0.99999), f"99.9{SPACE}%"),
        (wording.points(0.1624), "+16.2 points"),
        (wording.points(-0.003), "\N{MINUS SIGN}0.3 points"),
        (wording.points(-0.0001), "±0.0 points"),
        (wording.size(512), f"512{SPACE}B"),
        (wording.size(61_696), f"60.2{SPACE}KB"),
        (wording.size(1_048_576), f"1{SPACE}MB"),
        (wording.compact(3_871_220), f"3.87{SPACE}M"),
        (wording.compact(999_900), f"1,000{SPACE}k"),
        (wording.compact(12), "12"),
        (wording.energy(843.0), f"843{SPACE}nJ"),
        (wording.energy(12_345.0), f"12.3{SPACE}µJ"),
        (wording.seconds(212.4), "3 min 32 s"),
        (wording.seconds(59.7), "1 min 0 s"),
        (wording.seconds(4.25), "4.2 s"),
        (wording.clock(168_000_000), f"168{SPACE}MHz"),
        (wording.shape((1, 14, 14, 16)), "14 × 14 × 16"),
        (wording.shape((10,)), "10"),
        (wording.name("instructions_per_teach_step"), "Instructions per teach step"),
        (wording.name("ram_bytes"), "RAM"),
        (wording.amount(Figure(32.512, "ms", "")), f"32.5{SPACE}ms"),
        (wording.amount(Figure(1_512, "B", "")), f"1,512{SPACE}B"),
        (wording.amount(Figure(2.0, "µJ", "")), f"2{SPACE}µJ"),
    ],
)
def test_numbers_in_words(text: str, expected: str) -> None:
    assert text == expected


def test_moving_mean_looks_only_back() -> None:
    assert moving_mean(np.array([1.0, 0.0, 0.0, 1.0]), 2) == pytest.approx([1.0, 0.5, 0.0, 0.5])


def test_long_names_lose_their_middle() -> None:
    assert shorten("depthwise_conv_2d_7", 9) == "dept…2d_7"
    assert shorten("conv", 9) == "conv"


def test_layers_are_compared_by_the_best_founded_cost() -> None:
    rows = layers()
    assert layer_cost(rows)[0] == "instructions"
    uncounted = [replace(row, instructions=None) for row in rows]
    assert layer_cost(uncounted) == ("cycles (model)", [float(row.cycles_model or 0) for row in rows])
    assert layer_cost([replace(row, cycles_model=None) for row in uncounted])[0] == "MACs"


def test_columns_without_values_are_left_out() -> None:
    bare = replace(measurement(), layers=tuple(replace(row, instructions=None, energy_nj=None) for row in layers()))
    assert [column.title for column in layer_columns(bare)] == ["MACs", "Weights", "Activations", "Cycles"]
    cycles = layer_columns(bare)[-1]
    assert (cycles.kind, cycles.how) == ("modelled", "cycles (Cortex-M4 model)")
    assert cycles.text(bare.layers[0]) == "≈ 213,485"


def test_energies_are_named_by_their_model() -> None:
    assert energies(measurement()) == [("thesis", 18.4), ("full, 45nm", 1_284.9)]


def test_many_classes_and_layers_still_fit(story: Story, tmp_path: Path) -> None:
    classes = tuple(f"class number {number}" for number in range(100))
    matrix = tuple(tuple(int(row == column) * 9 for column in range(100)) for row in range(100))
    rows = tuple(replace(layers()[0], name=f"layer {number}", instructions=1_000 + number) for number in range(120))
    wide = replace(story, confusion=Confusion(classes, matrix, matrix), measurement=replace(story.measurement, layers=rows))
    page = write_report(wide, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "layer 119</text>" in page
    assert "layer 0</text>" not in page, "only the forty most expensive are drawn"
    assert page.count('<th scope="row">layer ') == 120, "and all are in the table"


def test_learning_curve_picture_is_the_same_every_time(tmp_path: Path) -> None:
    first = write_learning_curve(example_story(), tmp_path / "a.png")
    second = write_learning_curve(example_story(), tmp_path / "b.png")
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.size == (1720, 840)
        assert image.getextrema()[0][0] < 60, "something is drawn on the white"


def test_missing_matplotlib_is_refused_with_the_way_out(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReportError, match=r"plots need matplotlib, which is not installed\nhint: pip install .*\[host\]"):
        write_report(story, tmp_path / "page.html")
