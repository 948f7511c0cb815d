# SPDX-License-Identifier: Apache-2.0
"""A device tells what its samples were like of late: how sure its head was, and how far they lie from the source task's."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from new_shapes import mixed_task
from tiny_task import tiny_task
from tinytl.bundle.bundle import Bundle, read_bundle, write_bundle
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.requests import TeachFlags
from tinytl_cli import cli

UNSEEN = tiny_task("the same writers", seed=7).x_test
OTHERS = tiny_task("other writers", seed=11)
GENERATOR = np.random.default_rng(4)
DRIFTED = {
    "inverted": 255 - UNSEEN,
    "noise": np.clip(UNSEEN + GENERATOR.normal(0, 80, UNSEEN.shape), 0, 255).astype(np.uint8),
    "nothing but noise": GENERATOR.integers(0, 256, UNSEEN.shape).astype(np.uint8),
}


@pytest.fixture
def device(tiny_bundle: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path) as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


def without_replay_set(source: Path, out: Path) -> Bundle:
    bundle = read_bundle(source)
    return write_bundle(replace(bundle, replay_features=bundle.replay_features[:0], replay_labels=bundle.replay_labels[:0]), out)


def drift_on(device: Device, x: np.ndarray) -> float:
    device.power_cycle()
    for sample in x:
        device.infer(sample)
    drift = device.status().drift
    assert drift is not None
    return drift


def test_it_is_about_1_on_the_source_task_and_larger_where_inputs_have_drifted(device: Device) -> None:
    own = drift_on(device, UNSEEN)
    assert 0.8 < own < 1.25
    assert {name: drift_on(device, x) > 1.5 * own for name, x in DRIFTED.items()} == dict.fromkeys(DRIFTED, True)


def test_the_means_are_those_of_the_samples_that_were_looked_at(device: Device) -> None:
    """The first 64, then every eighth; in single precision, step by step. What was taught and what was inferred count alike."""
    x, y = device.prepare(OTHERS.x_train[:120]), OTHERS.y_train[:120]
    confidence = drift = np.float32(0)
    looked = 0
    for number, (sample, label) in enumerate(zip(x, y, strict=True)):
        step = device.teach_prepared(sample, int(label))
        due = number < 64 or (number - 63) % 8 == 0
        assert ((step.confidence is None), (step.drift is None)) == (not due, not due)
        if step.confidence is not None and step.drift is not None:
            looked += 1
            share = np.float32(1) / np.float32(min(looked, 64))
            confidence += (np.float32(step.confidence) - confidence) * share
            drift += (np.float32(step.drift) - drift) * share
        status = device.status()
        assert (status.looked_at, status.confidence, status.drift) == (looked, confidence, drift)
    assert looked == 64 + 7
    for sample in x[:8]:
        device.infer_prepared(sample)
    assert device.status().looked_at == looked + 1
    device.evaluate(UNSEEN, np.zeros(len(UNSEEN), np.int64))
    assert device.status().looked_at == looked + 1, "what is evaluated does not count"


def test_being_looked_at_changes_nothing_of_what_is_learned(device: Device) -> None:
    heads = []
    for before in (0, 3, 70):
        device.power_cycle()
        for sample in UNSEEN[:before]:
            device.infer(sample)
        device.teach(OTHERS.x_train[:60], OTHERS.y_train[:60])
        heads.append(device.head_parameters().tobytes())
    assert len(set(heads)) == 1


def test_a_new_class_is_looked_at_too(device: Device) -> None:
    task = mixed_task(seed=5)
    result = device.teach(task.x_train[:40], task.y_train[:40], classes=task.classes, new_classes=True)
    assert all(step.drift is not None for step in result.samples)
    assert device.status().looked_at == 40
    assert result.drift == pytest.approx(np.mean([step.drift for step in result.samples]))


def test_another_model_begins_anew(device: Device, tiny_bundle: Path) -> None:
    device.infer(UNSEEN[0])
    assert device.status().looked_at == 1
    device.flash(read_bundle(tiny_bundle))
    status = device.status()
    assert (status.looked_at, status.confidence, status.drift, status.watched) == (0, None, None, "")


def test_without_statistics_there_is_confidence_alone(tiny_bundle: Path, tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(without_replay_set(tiny_bundle, tmp_path / "bare.tinytl"))
        taught = device.teach(OTHERS.x_train[:5], OTHERS.y_train[:5])
        status = device.status()
    assert taught.drift is None and status.drift is None
    assert taught.confidence is not None
    assert status.watched == (
        f"confidence {status.confidence:.2f} of late, 5 samples looked at; no drift: the image has no statistics of the source task\n"
        "hint: tinytl export with --replay-samples, two or more of each class"
    )


def test_teaching_shows_both_as_it_goes(device: Device) -> None:
    stages: list[str] = []
    result = device.teach(OTHERS.x_train[:20], OTHERS.y_train[:20], progress=lambda stage, done, total: stages.append(stage))
    assert result.confidence is not None and result.drift is not None
    assert stages[-1].endswith(f", {100 * result.confidence:.0f} % sure, drift {result.drift:.1f}")


def test_rules_know_how_sure_the_head_is_whether_a_sample_is_looked_at_or_not(device: Device) -> None:
    result = device.teach(OTHERS.x_train[:100], OTHERS.y_train[:100], flags=TeachFlags(only_when="unsure"))
    assert all(step.confidence is not None for step in result.samples)
    assert sum(step.drift is not None for step in result.samples) == 64 + 4


def test_from_the_shell(tiny_bundle: Path, tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path / "state"))
    data = tmp_path / "task.npz"
    np.savez(data, x_train=OTHERS.x_train, y_train=OTHERS.y_train, x_test=OTHERS.x_test, y_test=OTHERS.y_test)
    np.save(tmp_path / "x.npy", DRIFTED["inverted"])

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(cli, [*arguments, *where], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    invoke("flash", str(tiny_bundle))
    told = json.loads(CliRunner().invoke(cli, ["info", *where, "--json"]).stdout)
    assert (told["looked_at"], told["confidence"], told["drift"]) == (0, None, None)
    assert "looked at" not in CliRunner().invoke(cli, ["info", *where]).stderr
    told = json.loads(CliRunner().invoke(cli, ["teach", *where, "--data", str(data), "--json"]).stdout)
    assert 0.5 < told["confidence_while_learning"] <= 1
    assert 0.8 < told["drift_while_learning"] < 1.5
    text = " ".join(invoke("infer", "--input", str(tmp_path / "x.npy"), "--samples", "12").split())
    assert "of late, 12 samples looked at hint: drift is about 1 where inputs are like the source task's" in text
