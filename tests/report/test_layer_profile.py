# SPDX-License-Identifier: Apache-2.0
"""The layer profile: each layer once, sums as in the JSON, histograms that add up, the costliest named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from example_story import measurement

from tinytl.errors import BenchError
from tinytl.measurement import LayerRow, Measurement
from tinytl.report import write_bench_report
from tinytl.report.layer_profile import CLASSES, LayerProfile, layer_profile


def row(name: str, operator: str, macs: int, classes: dict[str, int], **more: int) -> LayerRow:
    counted = sum(classes.values())
    return LayerRow(name, operator, (1, 4, 4, 2), macs, 8, 8, counted, 2 * counted, 0.1, "panels", more.get("expected"), classes)


ROWS = (
    row("first", "conv_2d", 1_000, {"dual multiply-add": 500, "load": 300, "load multiple": 100, "integer": 100}, expected=800),
    row("second", "conv_2d", 4_000, {"dual multiply-add": 1_500, "store": 200, "branch": 200, "nothing known": 100}, expected=2_500),
    row("table", "lookup", 0, {"load": 400, "store multiple": 50, "float": 30, "vector": 20}),
)


def measured(*rows: LayerRow) -> Measurement:
    return replace(measurement(), layers=rows or ROWS)


def profile_of(*rows: LayerRow) -> LayerProfile:
    found = layer_profile(measured(*rows))
    assert found is not None
    return found


def test_rows_have_shares_rates_and_room() -> None:
    first, second, table = profile_of().rows
    assert [each.share for each in (first, second, table)] == [1000 / 3500, 2000 / 3500, 500 / 3500]
    assert [each.bar for each in (first, second, table)] == [0.5, 1.0, 0.25]
    assert (first.rate, second.rate, table.rate) == (1.0, 0.5, None)
    assert (first.room, second.room, table.room) == (500.0, 0.0, None), "at the second's rate the first would take half"
    assert (first.deviation, second.deviation, table.deviation) == (0.25, 2000 / 2500 - 1, None)
    assert [each.cost_rank for each in (first, second, table)] == [1, 0, 2]
    assert [each.room_rank for each in (first, second, table)] == [0, 1, 2]


def test_classes_are_grouped_and_add_up() -> None:
    found = profile_of()
    told = [{share.name: share.instructions for share in each.classes} for each in found.rows]
    assert told == [
        {"multiply": 500, "load": 400, "ALU": 100},
        {"multiply": 1500, "store": 200, "branch": 200, "other": 100},
        {"load": 400, "store": 50, "FP": 30, "vector": 20},
    ]
    for each in (*found.rows, found.total):
        assert sum(share.instructions for share in each.classes) == each.instructions
        assert sum(share.fraction for share in each.classes) == pytest.approx(1)
    assert [share.name for share in found.total.classes] == list(CLASSES)


def test_sums_are_those_of_the_rows() -> None:
    total = profile_of().total
    assert (total.instructions, total.macs, total.cycles, total.expected, total.room) == (3500, 5000, 7000, 3300, 500.0)
    assert total.deviation == 3000 / 3300 - 1, "only layers that have both"


def test_it_says_where_the_next_gain_is() -> None:
    assert profile_of().told.replace("\N{NO-BREAK SPACE}", " ") == (
        "Most instructions: second (57.1 %), first (28.6 %), table (14.3 %). Most to save: first, 14.3 % at the lowest rate per MAC that its "
        "operator reaches in this model."
    )
    assert "room" not in profile_of(ROWS[1]).told


def test_columns_without_values_are_left_out() -> None:
    bare = (replace(each, classes=None, cycles_model=None, expected_instructions=None) for each in ROWS)
    keys = [column.key for column in profile_of(*bare).columns]
    assert keys == ["layer", "share", "instructions", "rate", "macs", "room"]
    assert layer_profile(measured(ROWS[0], replace(ROWS[1], instructions=None, classes=None))) is None
    assert layer_profile(replace(measurement("host"), layers=())) is None


def test_the_page_has_each_layer_once_with_its_numbers(tmp_path: Path) -> None:
    page = write_bench_report([measured()], tmp_path / "page.html").read_text(encoding="utf-8")
    table = page[page.index('<table role="table">') :].split("</table>")[0]
    body, foot = re.findall(r"<t(?:body|foot) .*?</t(?:body|foot)>", table, flags=re.DOTALL)
    lines = re.findall(r"<tr.*?</tr>", body, flags=re.DOTALL)
    assert [re.search(r"</span>(\w+)<span", line)[1] for line in lines] == ["first", "second", "table"]  # type: ignore[index]
    for line, layer in zip(lines, ROWS, strict=True):
        assert f">{layer.instructions:,}</td>" in line and f"≈ {layer.cycles_model:,}" in line
        assert sum(int(count) for count in re.findall(r"flex-grow:(\d+)", line)) == layer.instructions
    assert "--cost:1;--room:0" in lines[0] and "conv_2d, panels" in lines[0] and "4 × 4 × 2" in lines[0]
    for number in ("3,500", "5,000", "≈ 7,000", "≈ 3,300"):
        assert number in foot
    assert re.search(r'aria-label="multiply 500 \(50.0\xa0%\), load 400 \(40.0\xa0%\), ALU 100', lines[0])


@pytest.mark.parametrize("classes", [{"load": 999}, {"load": -1, "store": 1001}, {"load": "1000"}, [1000]])
def test_a_histogram_that_does_not_add_up_is_refused(classes: object) -> None:
    document = measured().to_json()
    document["layers"][0]["classes"] = classes
    with pytest.raises(
        BenchError, match=r"field 'layers\[0\].classes' is .*; expected counts of 0 or more by class that add up to the layer's"
    ):
        Measurement.from_json(document)
    document["layers"][0]["classes"] = {"load": 1000}
    assert Measurement.from_json(document).layers[0].classes == {"load": 1000}
