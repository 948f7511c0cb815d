# SPDX-License-Identifier: Apache-2.0
"""The guard: every n-th sample of a class is held out, heads are compared on what is, and only a head that is no worse is kept."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from new_shapes import mixed_task
from tiny_task import TINY_CLASSES, tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.errors import CompileError, ModelError
from tinytl.head.layers import Learning
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.requests import TeachFlags
from tinytl_cli import cli

TARGET = tiny_task("other writers", seed=11)
BYTES = 8192
Guarded = Callable[..., Device]


@pytest.fixture
def guarded(tiny_bundle: Path, tmp_path: Path) -> Iterator[Guarded]:
    """Connects a twin with the tiny bundle and a guard with these settings."""
    opened = []

    def connected(**settings: float) -> Device:
        bundle = with_settings(tiny_bundle, tmp_path / "guarded.tinytl", **{"guard_buffer_bytes": BYTES, "guard_every": 4} | settings)
        device = connect("host", state_dir=tmp_path)
        opened.append(device)
        device.flash(bundle)
        return device

    yield connected
    for device in opened:
        device.close()


def shuffled(y: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(y)


def test_every_fourth_sample_of_a_class_is_held_out_and_not_learned(guarded: Guarded, tiny_bundle: Path, tmp_path: Path) -> None:
    device = guarded()
    x, y = TARGET.x_train[:90], shuffled(TARGET.y_train[:90], 1)
    result = device.teach(x, y)
    seen: Counter[int] = Counter()
    expected = []
    for label in y:
        seen[int(label)] += 1
        expected.append(seen[int(label)] % 4 == 0)
    assert [step.outcome == "held out" for step in result.samples] == expected
    status = device.status()
    assert (status.steps, status.held_out, result.held_out) == (90 - sum(expected), sum(expected), sum(expected))
    with connect("host", state_dir=tmp_path / "plain") as plain:
        plain.flash(read_bundle(tiny_bundle))
        plain.teach(x[~np.array(expected)], y[~np.array(expected)])
        assert plain.head_parameters().tobytes() == device.head_parameters().tobytes()


def test_the_verdict_counts_what_both_heads_have_right(guarded: Guarded) -> None:
    device = guarded()
    x, y = TARGET.x_train[:120], TARGET.y_train[:120]
    result = device.teach(x, y)
    held = np.array([step.outcome == "held out" for step in result.samples])
    right = [int((device.evaluate(x[held], y[held])).correct)]
    verdict = device.check()
    assert (verdict.decision, verdict.held, verdict.sequence) == ("committed", held.sum(), 1)
    device.rollback("factory")
    right.append(device.evaluate(x[held], y[held]).correct)
    assert [verdict.right, verdict.kept_right] == right
    device.power_cycle()
    assert (device.status().head_status, device.status().steps) == ("saved", 120 - held.sum())


def test_full_buffers_keep_their_classes_in_balance(guarded: Guarded) -> None:
    device = guarded(guard_buffer_bytes=16 * 111 + 12, guard_every=2)
    assert device.status().guard_capacity == 16
    few = np.flatnonzero(TARGET.y_train == 3)[:24]
    many = np.flatnonzero(TARGET.y_train == 0)[:80]
    order = np.concatenate([many, few])
    device.teach(TARGET.x_train[order], TARGET.y_train[order])
    verdict = device.check()
    assert (verdict.held, verdict.decision) == (16, "committed"), "eight of both: neither is what a head that always answers one has right"


def good_then_shuffled(device: Device, seed: int) -> tuple[bytes, list[str]]:
    """Teach what is right and keep it; then teach shuffled labels. Returns the kept head and what was decided meanwhile."""
    device.teach(TARGET.x_train[:160], TARGET.y_train[:160])
    assert device.check().decision == "committed"
    kept = device.head_parameters().tobytes()
    taught = device.teach(TARGET.x_train[160:400], shuffled(TARGET.y_train[160:400], seed))
    return kept, [each.decision for each in (*taught.verdicts, device.check())]


@pytest.mark.parametrize("seed", range(6))
def test_shuffled_labels_end_with_the_old_head_in_place(guarded: Guarded, seed: int) -> None:
    device = guarded()
    kept, decisions = good_then_shuffled(device, seed)
    assert decisions == ["undone"]
    assert device.head_parameters().tobytes() == kept
    assert device.status().store_sequence == 1
    device.power_cycle()
    assert device.head_parameters().tobytes() == kept


@pytest.mark.parametrize("seed", range(6))
def test_so_do_shuffled_labels_from_the_start(guarded: Guarded, seed: int) -> None:
    """Nothing right was ever held out: the candidate is no better than chance, whatever the factory head is."""
    device = guarded()
    factory = device.head_parameters().tobytes()
    device.teach(TARGET.x_train[:300], shuffled(TARGET.y_train[:300], seed))
    verdict = device.check()
    assert verdict.decision == "undone", verdict.text
    assert device.head_parameters().tobytes() == factory
    assert (device.status().head_status, device.status().store_sequence) == ("factory", 0)


def test_it_checks_by_itself(guarded: Guarded) -> None:
    device = guarded(guard_check_every=60)
    result = device.teach(TARGET.x_train[:320], TARGET.y_train[:320])
    checked = [step for step in result.samples if step.verdict is not None]
    assert [step.steps for step in checked] == [60, 120, 180, 240]
    assert {step.verdict.decision for step in checked if step.verdict} <= {"waits", "committed", "undone"}
    assert device.status().store_sequence == sum(each.decision == "committed" for each in result.verdicts) > 0
    sequence = device.status().store_sequence + 1
    kept, decisions = good_then_shuffled(device, 5)
    assert "undone" in decisions and "committed" not in decisions
    assert device.status().store_sequence >= sequence
    device.rollback("saved")
    assert device.head_parameters().tobytes() == kept


def test_a_learning_rate_that_diverges_is_undone_and_told(guarded: Guarded) -> None:
    device = guarded(learning_rate=9e29)
    factory = device.head_parameters().tobytes()
    result = device.teach(TARGET.x_train[:40], TARGET.y_train[:40])
    assert result.diverged > 0
    assert result.verdicts == ()
    assert device.check().decision in ("undone", "waits")
    device.rollback("factory")
    assert device.head_parameters().tobytes() == factory
    with pytest.raises(Refusal, match="no saved head of this model"):
        device.rollback("saved")


def test_the_step_that_diverges_leaves_the_saved_head(guarded: Guarded) -> None:
    device = guarded(learning_rate=9e29)
    device.save()
    kept = device.head_parameters().tobytes()
    samples = device.prepare(TARGET.x_train[:40])
    for sample, label in zip(samples, TARGET.y_train[:40], strict=True):
        if device.teach_prepared(sample, int(label)).outcome == "diverged":
            break
    else:
        pytest.fail("it never diverged")
    assert device.head_parameters().tobytes() == kept
    assert device.status().steps == 0


def test_few_samples_tell_nothing(guarded: Guarded) -> None:
    device = guarded()
    device.teach(TARGET.x_train[:60], TARGET.y_train[:60])
    head = device.head_parameters().tobytes()
    verdict = device.check()
    assert (verdict.decision, verdict.sequence) == ("waits", 0)
    assert verdict.held < 16
    assert device.head_parameters().tobytes() == head, "it goes on learning"


def test_samples_of_one_class_tell_nothing(guarded: Guarded) -> None:
    device = guarded(guard_every=2)
    bars = np.flatnonzero(TARGET.y_train == 0)[:60]
    device.teach(TARGET.x_train[bars], TARGET.y_train[bars])
    verdict = device.check()
    assert (verdict.decision, verdict.held, verdict.right) == ("waits", 30, 30)


def test_without_the_guard_all_is_learned(guarded: Guarded) -> None:
    device = guarded()
    result = device.teach(TARGET.x_train[:40], TARGET.y_train[:40], flags=TeachFlags(guard=False))
    assert (result.held_out, result.taught, device.status().held_out) == (0, 40, 0)


def test_what_was_undone_takes_its_classes_along(guarded: Guarded) -> None:
    """Classes that were added since the last save go, their held-out samples too; taught again, they come again."""
    device, task = guarded(guard_every=2), mixed_task(seed=5, train=400)
    device.teach(TARGET.x_train[:100], TARGET.y_train[:100])
    assert device.check().decision == "committed"
    held = device.status().held_out
    wrong = shuffled(task.y_train, 3)
    device.teach(task.x_train, wrong, classes=task.classes, new_classes=True)
    assert len(device.labels()) == 6
    assert device.status().held_out > held
    assert device.check().decision == "undone"
    assert device.labels() == TINY_CLASSES
    assert device.status().held_out <= held
    assert "no better than chance, and these are too few to tell" in device.check().text
    device.teach(task.x_train, task.y_train, classes=task.classes, new_classes=True)
    assert len(device.labels()) == 6
    assert device.evaluate(task.x_test, task.y_test, classes=task.classes).accuracy > 0.75


def test_a_rollback_forgets_what_was_held_out(guarded: Guarded) -> None:
    device = guarded()
    device.teach(TARGET.x_train[:60], TARGET.y_train[:60])
    device.rollback("factory")
    assert device.status().held_out == 0


def test_a_model_without_a_guard_says_so(tiny_bundle: Path, tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(tiny_bundle))
        with pytest.raises(Refusal, match=r"the model has no guard\nhint: tinytl export --guard-buffer-bytes 8192"):
            device.check()


def test_a_buffer_that_is_too_small_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = with_settings(tiny_bundle, tmp_path / "small.tinytl", guard_buffer_bytes=1000)
    with pytest.raises(CompileError) as caught:
        compile_bundle(bundle)
    assert (
        str(caught.value)
        == "guard_buffer_bytes 1,000 hold 8 samples of 108 features; expected 1,788 or more, for 16 samples; or 0, for no guard"
    )
    fits = with_settings(tiny_bundle, tmp_path / "fits.tinytl", guard_buffer_bytes=1788)
    assert compile_bundle(fits).arena_bytes > compile_bundle(read_bundle(tiny_bundle)).arena_bytes


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [("guard_buffer_bytes", -1, "0 to 2,147,483,647"), ("guard_every", 1, "2 to 65,535"), ("guard_check_every", -1, "0 to 4,294,967,295")],
)
def test_settings_out_of_range_are_named(setting: str, value: int, expected: str) -> None:
    with pytest.raises(ModelError, match=f"the head's {setting} is {value}; expected a whole number from {expected}\n"):
        Learning(**{setting: value})


def test_from_the_shell(tiny_bundle: Path, tmp_path: Path) -> None:
    with_settings(tiny_bundle, tmp_path / "g.tinytl", guard_buffer_bytes=BYTES, guard_every=4)
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    test = {"x_test": TARGET.x_test, "y_test": TARGET.y_test, "x_train": TARGET.x_train}
    np.savez(good, y_train=TARGET.y_train, **test)
    np.savez(bad, y_train=shuffled(TARGET.y_train, 2), **test)
    where = ("--target", "host", "--state", str(tmp_path / "state"))

    def teach(*arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(cli, ["teach", *where, "--json", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        answer: dict[str, object] = json.loads(result.stdout)
        return answer

    assert CliRunner().invoke(cli, ["flash", str(tmp_path / "g.tinytl"), *where]).exit_code == 0
    told = teach("--data", str(good))
    assert (told["taught"], told["held_out"], told["guard"], told["saved_as"]) == (300, 100, "committed", 1)
    told = teach("--data", str(bad))
    assert (told["guard"], told["saved_as"]) == ("undone", 1)
    assert told["accuracy_after"] == told["accuracy_before"], "the old head is in place"
    told = teach("--data", str(bad), "--no-guard", "--no-save", "--samples", "40")
    assert "guard" not in told and told["taught"] == 40
    assert CliRunner().invoke(cli, ["flash", str(tiny_bundle), *where]).exit_code == 0
    refused = CliRunner().invoke(cli, ["teach", *where, "--data", str(good), "--guard"])
    assert "the model on the device has no guard" in str(refused.exception)
