# SPDX-License-Identifier: Apache-2.0
"""Measurements as JSON, and the comparison with a baseline."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tinytl.errors import BenchError
from tinytl.measurement import REQUIRED, Figure, LayerRow, Measurement
from tinytl_bench.compare import compare_measurements, load_baseline

LAYER = {"name": "conv", "operator": "conv_2d", "output_shape": [1, 3], "macs": 9, "weight_bytes": 8, "activation_bytes": 7}


def measurement(**changed: float) -> Measurement:
    figures = {
        "accuracy": Figure(0.97, "fraction", "device"),
        "instructions_per_inference": Figure(1_000_000, "instructions", "instructions (QEMU 7.2 plugin)"),
        "arena_bytes": Figure(23_472, "B", "image plan"),
        "energy_nj_thesis": Figure(9.2, "nJ", "nJ (model: thesis)"),
        "milliseconds_wall": Figure(1.0, "ms", "ms (wall)"),
    }
    figures |= {name: replace(figures[name], value=value) for name, value in changed.items()}
    return Measurement("digits", "qemu:mps2-an386", figures, (LayerRow("conv", "conv_2d", (1, 3, 3, 4), 9, 8, 7, 6, 5, 0.4),))


def test_json_round_trip() -> None:
    written = json.loads(json.dumps(measurement().to_json()))
    assert Measurement.from_json(written) == measurement()
    assert written["energy_nj"] == {"thesis": 9.2}
    assert written["how"]["accuracy"] == "device"
    assert written["how"]["energy_nj"].startswith("modelled, never measured")
    assert all(name in written for name in REQUIRED)
    assert written["flash_bytes"] is None


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ({"format": "other"}, r"measurement: format is 'other'; expected 'tinytl-measurement'"),
        ({"target": 3}, r"field 'target' is '3'; expected a text"),
        ({"accuracy": None}, r"field 'accuracy' is 'None'; expected a finite number"),
        ({"accuracy": float("nan")}, r"field 'accuracy' is 'nan'; expected a finite number"),
        ({"how": []}, r"field 'how' is '\[\]'; expected an object"),
        ({"how": {}}, r"field 'how.accuracy' is 'None'; expected a text"),
        ({"layers": 3}, r"field 'layers' is '3'; expected a list"),
        ({"layers": [{"name": "x"}]}, r"layers\[0\] is malformed"),
        ({"layers": [{**LAYER, "macs": "9"}]}, r"field 'layers\[0\].macs' is '9'; expected a finite number"),
        ({"layers": [{**LAYER, "operator": 4}]}, r"field 'layers\[0\].operator' is '4'; expected a text"),
        ({"layers": [{**LAYER, "output_shape": "ab"}]}, r"field 'layers\[0\].output_shape' is .*; expected whole numbers"),
        ({"layers": [{**LAYER, "instructions": "7"}]}, r"field 'layers\[0\].instructions' is '7'; expected a finite number or null"),
        ({"details": []}, r"field 'details' is '\[\]'; expected an object"),
        ({"details": {"missing": 1}}, r"field 'details.missing' is '1'; expected an object"),
    ],
)
def test_a_damaged_measurement_names_its_field(damage: dict[str, Any], text: str) -> None:
    with pytest.raises(BenchError, match=text):
        Measurement.from_json({**measurement().to_json(), **damage})


def test_less_is_never_a_failure() -> None:
    better = measurement(instructions_per_inference=500_000, arena_bytes=20_000, accuracy=0.99)
    assert {change.name for change in compare_measurements(measurement(), better)} >= {"accuracy", "arena_bytes"}


def test_within_the_tolerance_passes_and_past_it_fails() -> None:
    compare_measurements(measurement(), measurement(instructions_per_inference=1_029_000))
    with pytest.raises(BenchError) as caught:
        compare_measurements(measurement(), measurement(instructions_per_inference=1_031_000, arena_bytes=30_000))
    text = caught.value.text()
    assert "2 figures of digits on qemu:mps2-an386 past the tolerance: " in text
    assert "instructions_per_inference 1,000,000 → 1,031,000 (+3.1%); arena_bytes 23,472 → 30,000 (+27.8%)" in text
    assert "expected at most 3 % more, accuracy at most 0.5 points less" in text
    assert "hint: if that is meant, store a new baseline" in text


def test_half_a_point_of_accuracy_is_the_limit() -> None:
    compare_measurements(measurement(), measurement(accuracy=0.9651))
    with pytest.raises(BenchError, match=r"1 figure of .*: accuracy 0.9700 → 0.9640 \(-0.60 points\)"):
        compare_measurements(measurement(), measurement(accuracy=0.964))


def test_the_tolerance_is_the_callers() -> None:
    compare_measurements(measurement(), measurement(arena_bytes=30_000), tolerance=0.3)


@pytest.mark.parametrize("tolerance", [-0.01, float("nan")])
def test_a_tolerance_below_zero_is_refused(tolerance: float) -> None:
    with pytest.raises(BenchError, match=f"tolerance {tolerance:g}; expected a fraction of 0 or more"):
        compare_measurements(measurement(), measurement(), tolerance=tolerance)


def test_a_figure_that_is_gone_is_a_failure_with_its_reason() -> None:
    figures = {name: figure for name, figure in measurement().figures.items() if name != "instructions_per_inference"}
    lacking = replace(measurement(), figures=figures, details={"missing": {"instructions_per_inference": "not counted on host"}})
    with pytest.raises(BenchError) as caught:
        compare_measurements(measurement(), lacking)
    assert "the baseline has figures that digits on qemu:mps2-an386 lacks: instructions_per_inference\n" in caught.value.text()
    assert "instructions_per_inference: not counted on host; expected a measurement as complete" in caught.value.text()
    compare_measurements(lacking, measurement())


def test_accuracies_of_different_samples_are_not_compared() -> None:
    figures = measurement().figures | {"accuracy": Figure(0.97, "fraction", "device, 20 test samples of digits")}
    text = r"accuracy was had otherwise than the baseline's: device, 20 .*; expected device\nhint: give the same --data and --samples"
    with pytest.raises(BenchError, match=text):
        compare_measurements(measurement(), replace(measurement(), figures=figures))


def test_a_figure_that_was_zero_and_is_not_any_more_fails() -> None:
    with pytest.raises(BenchError, match=r"arena_bytes 0 → 16 \(\+100.0%\)"):
        compare_measurements(measurement(arena_bytes=0), measurement(arena_bytes=16))


def test_wall_times_are_not_compared() -> None:
    names = {change.name for change in compare_measurements(measurement(), measurement(milliseconds_wall=100.0))}
    assert "milliseconds_wall" not in names


def test_a_baseline_of_several_targets(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps([replace(measurement(), target="host").to_json(), measurement().to_json()]))
    assert load_baseline(path, target="qemu:mps2-an386") == measurement()
    with pytest.raises(BenchError, match="has no target 'pi'; expected host, qemu:mps2-an386"):
        load_baseline(path, target="pi")
    with pytest.raises(BenchError, match=r"cannot be read: .*\nhint: tinytl bench BUNDLE --target host -o"):
        load_baseline(tmp_path / "missing.json", target="host")
    with pytest.raises(BenchError, match="has no model 'letters' on 'host'; expected 'digits'\nhint: tinytl bench BUNDLE --target host -o"):
        load_baseline(path, target="host", bundle="letters")


def test_the_table_of_a_comparison_fits_and_says_what_is_too_much(tmp_path: Path) -> None:
    from rich.console import Console

    from tinytl_bench.compare import changes_since
    from tinytl_cli.bench_tables import render_changes

    now = measurement(instructions_per_inference=1_031_000, arena_bytes=20_000, accuracy=0.969)
    console = Console(width=100, file=(tmp_path / "table").open("w+"), highlight=False)
    render_changes(console, now, changes_since(measurement(), now), Path("benchmarks/baselines/a-rather-long-name-for-a-baseline.json"))
    console.file.flush()
    lines = (tmp_path / "table").read_text().splitlines()
    assert max(len(line) for line in lines) <= 100
    cells = [line.split() for line in lines]
    assert ["metric", "baseline", "now", "change"] in cells
    assert ["instructions_per_inference", "1,000,000", "1,031,000", "+3.1", "%", "too", "much"] in cells
    assert ["arena_bytes", "23,472", "20,000", "-14.8", "%"] in cells
    assert ["accuracy", "0.9700", "0.9690", "-0.10", "points"] in cells
