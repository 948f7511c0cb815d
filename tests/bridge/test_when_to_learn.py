# SPDX-License-Identifier: Apache-2.0
"""Samples that the head has right already are skipped on the device: which ones, and that they change nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.errors import DeviceError
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.requests import OnlyWhen, TeachFlags
from tinytl_bridge.wire.results import Inference
from tinytl_cli import cli

TARGET = tiny_task("other writers", seed=11)
LABELS = (TARGET.y_train + (np.arange(400) % 5 == 0)) % 4
"""One in five is wrong, so that something is left to learn."""


@pytest.fixture
def device(tiny_bundle: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path) as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


@pytest.mark.parametrize(("only_when", "below"), [("wrong", 0.9), ("unsure", 0.5), ("unsure", 0.9), ("unsure", 0.999)])
def test_what_is_right_and_sure_is_skipped(device: Device, only_when: OnlyWhen, below: float) -> None:
    """Each sample is decided on the logits that the head had then; a skipped one leaves every byte as it was."""
    flags = TeachFlags(trace=True, only_when=only_when, unsure_below=below)
    limit, outcomes = np.clip(round(256 * below), 1, 255) / 256, []
    for sample, label in zip(device.prepare(TARGET.x_train[:80]), LABELS[:80], strict=True):
        before, steps = device.infer_prepared(sample), device.status().steps
        crc = device.status().head_crc32
        step = device.teach_prepared(sample, int(label), flags)
        assert (step.predicted, step.confidence) == (before.predicted, pytest.approx(before.confidence, rel=1e-6))
        right = before.predicted == label and (only_when == "wrong" or before.confidence >= limit)
        assert step.outcome == ("skipped" if right else "learned")
        assert step.steps == steps + (not right)
        assert (step.head_crc32 == crc) == right
        outcomes.append(step.outcome)
    assert set(outcomes) == {"skipped", "learned"}, "both must come"


def test_the_head_is_that_of_the_samples_that_were_learned(device: Device, tiny_bundle: Path, tmp_path: Path) -> None:
    x, y = TARGET.x_train[:100], LABELS[:100]
    result = device.teach(x, y, flags=TeachFlags(only_when="unsure"))
    learned = np.array([step.outcome == "learned" for step in result.samples])
    assert (result.taught, result.skipped) == (learned.sum(), 100 - learned.sum())
    assert 0 < result.skipped < 100
    with connect("host", state_dir=tmp_path / "other") as other:
        other.flash(read_bundle(tiny_bundle))
        other.teach(x[learned], y[learned])
        assert other.head_parameters().tobytes() == device.head_parameters().tobytes()


def test_samples_are_held_out_whether_they_are_right_or_not(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = with_settings(tiny_bundle, tmp_path / "guarded.tinytl", guard_buffer_bytes=8192, guard_every=4)
    with connect("host", state_dir=tmp_path) as device:
        device.flash(bundle)
        held = [
            [step.outcome == "held out" for step in device.teach(TARGET.x_train[:80], TARGET.y_train[:80], flags=flags).samples]
            for flags in (TeachFlags(), TeachFlags(only_when="wrong"))
            if device.rollback("factory") == 0
        ]
    assert held[0] == held[1]
    assert sum(held[0]) == 20


def test_confidence_of_one_logit_is_its_sigmoids() -> None:
    assert Inference(1, np.array([2.0], np.float32)).confidence == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert Inference(0, np.array([-2.0], np.float32)).confidence == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert Inference(1, np.array([0.0, np.log(3)], np.float32)).confidence == pytest.approx(0.75)


def test_rules_that_are_none() -> None:
    with pytest.raises(DeviceError, match="samples taught only when 'bored'; expected always, wrong, unsure"):
        TeachFlags(only_when="bored")  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="unsure_below 1; expected a probability above 0 and below 1"):
        TeachFlags(only_when="unsure", unsure_below=1.0)


def test_from_the_shell(tiny_bundle: Path, tmp_path: Path) -> None:
    data = tmp_path / "task.npz"
    np.savez(data, x_train=TARGET.x_train, y_train=TARGET.y_train, x_test=TARGET.x_test, y_test=TARGET.y_test)
    where = ("--target", "host", "--state", str(tmp_path / "state"))
    assert CliRunner().invoke(cli, ["flash", str(tiny_bundle), *where]).exit_code == 0
    result = CliRunner().invoke(cli, ["teach", *where, "--data", str(data), "--only-when", "wrong", "--json"], catch_exceptions=False)
    told = json.loads(result.stdout)
    assert told["taught"] + told["skipped"] == 400
    assert told["taught"] < told["skipped"]
    result = CliRunner().invoke(cli, ["study", "when", str(tiny_bundle), "--data", str(data), "--samples", "60", "--orders", "2", "--json"])
    rows = {row["rule"]: row for row in json.loads(result.stdout)}
    assert rows["always"]["learned"] == 60
    assert rows["wrong"]["learned"] <= rows["unsure below 0.7"]["learned"] <= rows["unsure below 0.99"]["learned"] < 60
    assert rows["wrong"]["energy_nj"] < rows["always"]["energy_nj"]
    assert rows["always"]["instructions"] is None
