# SPDX-License-Identifier: Apache-2.0
"""Classes that a device did not have: found by name, added with their first sample, known after a power cycle, gone after a rollback."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from new_shapes import NEW_CLASSES, mixed_task
from tiny_task import TINY_CLASSES
from tinytl.bundle.bundle import read_bundle
from tinytl.errors import DeviceError
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.link import Refusal
from tinytl_cli import cli

TASK = mixed_task(seed=5)


@pytest.fixture
def device(tiny_bundle: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path) as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


def taught(device: Device, count: int = 240) -> Device:
    device.teach(TASK.x_train[:count], TASK.y_train[:count], classes=TASK.classes, new_classes=True)
    return device


def test_they_are_added_in_the_order_in_which_they_come(device: Device) -> None:
    before = device.evaluate(TASK.x_test, TASK.y_test, classes=TASK.classes)
    result = device.teach(TASK.x_train, TASK.y_train, classes=TASK.classes, new_classes=True)
    arrived = [name for name in dict.fromkeys(TASK.classes[label] for label in TASK.y_train) if name in NEW_CLASSES]
    assert result.added == tuple(arrived)
    assert device.labels() == (*TINY_CLASSES, *arrived)
    status = device.status()
    assert (status.class_count, status.class_capacity, status.steps) == (6, 6, len(TASK.x_train))
    first = next(step for step in result.samples if step.label == 4)
    assert first.predicted < 4, "what the head held before it had the class"
    after = device.evaluate(TASK.x_test, TASK.y_test, classes=TASK.classes)
    assert before.accuracy < 4 / 6 + 0.01
    assert after.accuracy > 0.8


def test_their_names_outlast_the_power_and_go_with_a_rollback(device: Device) -> None:
    names = taught(device).labels()
    head = device.head_parameters()
    device.save()
    device.power_cycle()
    assert device.labels() == names
    assert device.head_parameters().tobytes() == head.tobytes()
    assert len(device.infer(TASK.x_test[0]).logits) == 6
    device.rollback("factory")
    assert device.labels() == TINY_CLASSES
    device.rollback("saved")
    assert device.labels() == names


def test_what_was_not_saved_is_gone_with_its_classes(device: Device) -> None:
    device.save()
    taught(device)
    device.power_cycle()
    assert device.labels() == TINY_CLASSES
    assert device.status().class_count == 4


def test_unknown_names_are_refused_unless_they_are_to_be_added(device: Device) -> None:
    with pytest.raises(
        DeviceError, match=r"the device has no class 'frame', 'cross'; expected bar, .*\nhint: teach --new-classes adds them"
    ):
        device.teach(TASK.x_train, TASK.y_train, classes=TASK.classes)
    assert device.status().steps == 0


def test_more_classes_than_rows_are_refused_before_anything_is_sent(device: Device) -> None:
    names = (*TASK.classes[:-1], "ring", "cross")
    labels = np.where(np.arange(len(TASK.y_train)) < 3, 5, TASK.y_train + (TASK.y_train == 5))
    text = (
        r"new classes 'frame', 'ring', 'cross': 3, and the head has 4 of 6; expected at most 2 more\nhint: tinytl export --class-capacity 7"
    )
    with pytest.raises(DeviceError, match=text):
        device.teach(TASK.x_train, labels, classes=names, new_classes=True)
    assert (device.status().steps, device.status().class_count) == (0, 4)


def test_the_device_itself_refuses(device: Device) -> None:
    sample = device.prepare(TASK.x_train[:1])[0]
    with pytest.raises(Refusal, match="label 5; the head has 4 classes"):
        device.grow_prepared(sample, 5, "ring")
    device.grow_prepared(sample, 4, "ring")
    with pytest.raises(Refusal, match="class 4 has this name"):
        device.grow_prepared(sample, 5, "ring")
    device.grow_prepared(sample, 5, "wheel")
    before = device.head_parameters()
    with pytest.raises(Refusal, match=r"the head has 6 classes and room for 6\nhint: tinytl export --class-capacity N"):
        device.grow_prepared(sample, 6, "disc")
    assert device.head_parameters().tobytes() == before.tobytes()
    with pytest.raises(DeviceError, match="class name '' takes 0 bytes"):
        device.grow_prepared(sample, 6, "")


def test_a_head_without_spare_rows_takes_none(tmp_path: Path) -> None:
    from tinytl.bundle.shipped import find_bundle

    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
        with pytest.raises(DeviceError, match=r"new classes 'ten': 1, and the head has 10 of 10; expected at most 0 more"):
            device.teach(np.zeros((1, 28, 28, 1), np.uint8), np.array([0]), classes=("ten",), new_classes=True)


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_from_the_shell(tiny_bundle: Path, tmp_path: Path) -> None:
    five, six, lone = tmp_path / "five.npz", tmp_path / "six.npz", tmp_path / "frames.npy"
    assert TASK.classes[0] == "frame"
    some, tested = TASK.y_train != 0, TASK.y_test != 0
    rest = {
        "x_train": TASK.x_train[some],
        "y_train": TASK.y_train[some] - 1,
        "x_test": TASK.x_test[tested],
        "y_test": TASK.y_test[tested] - 1,
    }
    np.savez(five, classes=list(TASK.classes[1:]), **rest)
    np.savez(six, x_train=TASK.x_train, y_train=TASK.y_train, x_test=TASK.x_test, y_test=TASK.y_test, classes=list(TASK.classes))
    np.save(lone, TASK.x_train[~some])
    where = ("--target", "host", "--state", str(tmp_path / "state"))
    invoke("flash", str(tiny_bundle), *where)
    told = json.loads(invoke("teach", *where, "--data", str(five), "--new-classes", "--json"))
    assert (told["classes"], told["classes_added"], told["saved_as"]) == (5, "cross", 1)
    told = json.loads(invoke("teach", *where, "--data", str(lone), "--label", "frame", "--json"))
    assert (told["classes"], told["classes_added"], told["accuracy_after"]) == (6, "frame", None)
    told = json.loads(invoke("info", *where, "--json"))
    assert (told["labels"], told["class_count"]) == ("bar beam slope blob cross frame", 6)
    assert json.loads(invoke("evaluate", *where, "--data", str(six), "--json"))["accuracy"] > 0.6, "by name, not by number"
