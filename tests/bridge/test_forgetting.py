# SPDX-License-Identifier: Apache-2.0
"""What becomes of the classes that were there before: told by the replay set on the device, judged by the guard, bounded on request."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from new_shapes import NEW_CLASSES, mixed_task
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.errors import DeviceError
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import Device, connect
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Command
from tinytl_bridge.wire.verdicts import parse_verdict
from tinytl_cli import cli

TASK = mixed_task(seed=5)
NEW = np.isin(TASK.y_train, [TASK.classes.index(name) for name in NEW_CLASSES])
FORGETFUL = {"replays_per_step": 0, "learning_rate": 0.5}
"""Learns the new and nothing else, in large steps."""


@pytest.fixture
def forgetful(tiny_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "forgetful.tinytl"
    with_settings(tiny_bundle, path, **FORGETFUL)
    return path


@pytest.fixture
def device(forgetful: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path / "state") as connected:
        connected.flash(read_bundle(forgetful))
        yield connected


def by_hand(bundle: Bundle, parameters: np.ndarray, classes: int) -> np.ndarray:
    """Return the classes of the replay set (N,), of a head 108 → 16 relu → 6 in float64."""
    feature = bundle.manifest["features"][0]
    x = (bundle.replay_features.astype(np.float64) - feature["zero_point"]) * feature["scale"]
    first, bias, last, offset = np.split(parameters.astype(np.float64), np.cumsum([16 * 108, 16, 6 * 16]))
    hidden = np.maximum(x @ first.reshape(16, 108).T + bias, 0)
    return (hidden @ last.reshape(6, 16).T + offset)[:, :classes].argmax(axis=1)


def test_the_replay_set_is_classified_as_by_hand(device: Device, forgetful: Path) -> None:
    bundle = read_bundle(forgetful)
    for classes in (4, 6):
        recalled = device.recall()
        assert recalled is not None
        assert (recalled.labels == bundle.replay_labels).all()
        assert (recalled.predictions == by_hand(bundle, device.head_parameters(), classes)).all()
        assert recalled.accuracy == (recalled.labels == recalled.predictions).mean()
        head = device.head_parameters()
        if classes == 4:
            device.teach(TASK.x_train[:60], TASK.y_train[:60], classes=TASK.classes, new_classes=True)
    assert device.head_parameters().tobytes() == head.tobytes(), "to look changes nothing"


def test_a_device_without_a_replay_set_says_so(tiny_run: object, tiny_dataset: object, tmp_path: Path) -> None:
    from tinytl.exporting.export import export

    bundle = export(tiny_run, dataset=tiny_dataset, plan="fc", out=tmp_path / "none.tinytl", replay_samples=0)  # type: ignore[arg-type]
    with connect("host", state_dir=tmp_path / "none") as device:
        device.flash(bundle)
        assert device.recall() is None
        assert device.teach(TASK.x_train[:1], np.array([0]), recall=True).source is None
        with pytest.raises(DeviceError, match=r"has no replay set.*; expected a bundle with one\nhint: tinytl export --replay-samples 200"):
            device.teach(TASK.x_train[:1], np.array([0]), keep_source=3)


def test_places_beyond_the_replay_set_are_refused(device: Device) -> None:
    with pytest.raises(Refusal) as caught:
        device.command(Command.RECALL, struct.pack("<II", 30, 11))
    assert (caught.value.status, caught.value.got, caught.value.wanted) == ("bad_range", 41, 40)
    with pytest.raises(Refusal) as caught:
        device.command(Command.RECALL, b"")
    assert caught.value.status == "bad_payload"


def test_teaching_tells_what_was_lost_and_where_most(device: Device) -> None:
    before = device.recall()
    result = device.teach(TASK.x_train[NEW], TASK.y_train[NEW], classes=TASK.classes, new_classes=True, recall=True)
    after = device.recall()
    assert result.source is not None and before is not None and after is not None
    assert (result.source.before.accuracy, result.source.after.accuracy) == (before.accuracy, after.accuracy)
    assert result.source.points_lost == 100 * (before.accuracy - after.accuracy) > 20, "or this task shows nothing"
    label, first, last = result.source.worst
    losses = [before.accuracy_of(each) - after.accuracy_of(each) for each in range(4)]
    assert first - last == max(losses) and label == losses.index(max(losses))
    assert not result.undone


def test_too_great_a_loss_brings_the_saved_head_back(device: Device) -> None:
    with pytest.raises(DeviceError, match="keep_source -1; expected points of accuracy, 0 or more"):
        device.teach(TASK.x_train[:1], np.array([0]), keep_source=-1)
    for saved in (False, True):
        if saved:
            device.teach(TASK.x_train[:4], TASK.y_train[:4], classes=TASK.classes, new_classes=True)
            device.save()
        head, names = device.head_parameters().tobytes(), device.labels()
        result = device.teach(TASK.x_train[NEW], TASK.y_train[NEW], classes=TASK.classes, new_classes=True, keep_source=10)
        assert result.undone and result.added == ()
        assert (device.head_parameters().tobytes(), device.labels()) == (head, names)
    result = device.teach(TASK.x_train[NEW], TASK.y_train[NEW], classes=TASK.classes, new_classes=True, keep_source=100)
    assert not result.undone and device.head_parameters().tobytes() != head


def guarded(forgetful: Path, tmp_path: Path, **settings: float) -> Bundle:
    return with_settings(forgetful, tmp_path / "guarded.tinytl", guard_buffer_bytes=8192, guard_every=2, **settings)


def test_the_guard_judges_the_old_classes_too(forgetful: Path, device: Device, tmp_path: Path) -> None:
    """All held-out samples are of the new classes, which the kept head has none of right: they alone would have it committed."""
    device.flash(guarded(forgetful, tmp_path))
    factory = device.head_parameters().tobytes()
    device.teach(TASK.x_train[NEW], TASK.y_train[NEW], classes=TASK.classes, new_classes=True)
    verdict = device.check()
    assert (verdict.decision, verdict.forgets, verdict.kept_right) == ("undone", True, 0)
    assert verdict.right > verdict.held / 2
    assert verdict.text.endswith("but more than 3 % of the replay set is lost, the classes that were there before")
    assert device.head_parameters().tobytes() == factory
    assert len(device.labels()) == 4


def test_it_commits_new_classes_that_cost_the_old_ones_little(tiny_bundle: Path, device: Device, tmp_path: Path) -> None:
    device.flash(guarded(tiny_bundle, tmp_path))
    result = device.teach(TASK.x_train, TASK.y_train, classes=TASK.classes, new_classes=True, recall=True)
    verdict = device.check()
    assert result.source is not None and result.source.points_lost <= 3
    assert (verdict.decision, verdict.forgets) == ("committed", False)
    assert len(device.labels()) == 6


def test_a_head_that_the_guard_saved_meanwhile_is_taken_back_too(forgetful: Path, device: Device, tmp_path: Path) -> None:
    """Labels of the old classes, shuffled in pairs: no class is added, so the guard looks at held-out samples alone."""
    device.flash(guarded(forgetful, tmp_path, guard_check_every=60, learning_rate=0.05))
    factory, old = device.head_parameters().tobytes(), ~NEW
    names = [TASK.classes[each] for each in (0, 2, 1, 4, 3, 5)]
    result = device.teach(TASK.x_train[old], TASK.y_train[old], classes=names, keep_source=10)
    assert result.undone
    assert [each.decision for each in result.verdicts][-1] == "committed"
    assert device.head_parameters().tobytes() == factory
    device.power_cycle()
    assert device.head_parameters().tobytes() == factory


def test_the_verdict_s_second_byte_tells() -> None:
    answer = struct.pack("<6HI", 2 | 256, 20, 18, 0, 20, 18, 0)
    verdict = parse_verdict(answer)
    assert verdict is not None and (verdict.decision, verdict.forgets, verdict.right) == ("undone", True, 18)


def invoke(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, " ".join(result.stderr.split())


def test_the_shell_tells_warns_and_takes_back(forgetful: Path, tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path / "shell"))
    data = tmp_path / "new.npz"
    some = NEW | (np.arange(len(NEW)) < 24)
    np.savez(
        data, x_train=TASK.x_train[some], y_train=TASK.y_train[some], x_test=TASK.x_test, y_test=TASK.y_test, classes=list(TASK.classes)
    )
    taught = ("teach", *where, "--data", str(data), "--new-classes")
    invoke("flash", str(forgetful), *where)
    told = json.loads(invoke(*taught, "--keep-source", "10", "--json")[0])
    assert told["taken_back"] and told["saved_as"] is None and told["classes"] == 4
    said = invoke(*taught, "--keep-source", "10")[1]
    assert (
        "taken back: the replay set lost " in said
        and "more than the 10 of --keep-source; nothing was saved hint: fewer new samples" in said
    )
    told = json.loads(invoke(*taught, "--no-save", "--json")[0])
    assert told["replay_set_before"] - told["replay_set_after"] > 0.2
    assert told["old_classes_before"] - told["old_classes_after"] > 0.1
    assert told["worst_class"] in TASK.classes and told["worst_class_before"] > told["worst_class_after"]
    said = invoke(*taught)[1]
    assert "warning: the head forgets: " in said and f"worst is {told['worst_class']!r} hint: tinytl rollback --to previous" in said
