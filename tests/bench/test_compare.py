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
        ({"layers": [{"name": "x"}]}, r"layers\[0\] is malformed"),
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
    assert "2 figures of digits on qemu:mps2-an386 are past the tolerance" in text
    assert "instructions_per_inference 1e+06 → 1.031e+06 (+3.1%)" in text
    assert "arena_bytes 23,472 → 30,000 (+27.8%)" in text
    assert "hint: if that is meant, store a new baseline" in text


def test_half_a_point_of_accuracy_is_the_limit() -> None:
    compare_measurements(measurement(), measurement(accuracy=0.9651))
    with pytest.raises(BenchError, match="accuracy 0.97 → 0.964"):
        compare_measurements(measurement(), measurement(accuracy=0.964))


def test_the_tolerance_is_the_callers() -> None:
    compare_measurements(measurement(), measurement(arena_bytes=30_000), tolerance=0.3)


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
