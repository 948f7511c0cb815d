# SPDX-License-Identifier: Apache-2.0
"""Drift of datasets: what a device would tell of samples like the source's, and of others."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinytl.bundle.bundle import read_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError
from tinytl.exporting.export import export_model
from tinytl_bench.studies.drift import study_drift
from tinytl_bridge import connect
from tinytl_cli import cli
from tinytl_models import BUNDLES


@pytest.fixture(scope="module")
def digits() -> Path:
    return BUNDLES / "digits.tinytl"


def test_the_further_from_the_source_the_more(digits: Path) -> None:
    rows = study_drift(digits, [load_dataset("mnist-5k")], samples=300, changed=True)
    assert [row.change for row in rows] == ["as it is", "half as bright", "noise of 60 levels", "inverted"]
    means = [row.mean for row in rows]
    assert means == sorted(means) and 0.9 < means[0] < 1.1 and means[-1] > 3
    assert all(row.low < row.mean < row.high and row.samples == 300 for row in rows)
    assert study_drift(digits, [load_dataset("mnist-5k")], samples=300)[0] == rows[0]


def test_it_is_what_a_device_tells(digits: Path, tmp_path: Path) -> None:
    target = load_dataset("uci-digits")
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(digits))
        told = device.teach(target.x_test[:1], target.y_test[:1]).samples[0].drift
    (row,) = study_drift(digits, [target], samples=1)
    assert row.mean == told == row.low == row.high


def test_a_bundle_without_statistics_and_samples_that_cannot_be_changed(
    tiny_model: object, tiny_dataset: Dataset, tmp_path: Path, digits: Path
) -> None:
    bare = tmp_path / "bare.tinytl"
    export_model(tiny_model, tiny_dataset, out=bare, model_name="own", value_range=(0.0, 1.0), replay_samples=0)
    with pytest.raises(BenchError) as raised:
        study_drift(bare, [tiny_dataset])
    assert str(raised.value) == (
        "bare.tinytl has no statistics of its source task; expected a replay set with two samples of each class or more\n"
        "hint: tinytl export --replay-samples 200"
    )
    real = Dataset("real", *(np.zeros((4, 28, 28, 1), np.float32), np.zeros(4, np.int64)) * 2, ("a",))
    with pytest.raises(BenchError, match="dataset 'real' holds float32; expected uint8 images, which can be changed"):
        study_drift(digits, [real], changed=True)


def test_from_the_shell() -> None:
    arguments = ["study", "drift", "digits", "--data", "mnist-5k", "--data", "uci-digits", "--samples", "50"]
    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    rows = json.loads(result.stdout)
    assert [(row["dataset"], row["samples"]) for row in rows] == [("mnist-5k", 50), ("uci-digits", 50)]
    assert rows[0]["mean"] < rows[1]["mean"]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout
    assert "uci-digits" in shown and f"{rows[1]['mean']:.2f}" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
