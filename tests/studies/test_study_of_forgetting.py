# SPDX-License-Identifier: Apache-2.0
"""The study of forgetting: which way is chosen, that no sample stands in two parts, a tiny task, and the stored study."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from new_shapes import NEW_CLASSES, mixed_task
from tiny_task import TINY_CLASSES
from tinytl.bundle.bundle import read_bundle
from tinytl.data import Dataset
from tinytl.errors import BenchError, DataError
from tinytl.exporting.export import export
from tinytl.training.run_folder import Run
from tinytl_bench.studies.forgetting import (
    LIMIT,
    ORDERS,
    PLAIN,
    SAMPLES,
    Candidate,
    Outcome,
    Way,
    chosen_of,
    read_forgetting,
    study_forgetting,
    write_forgetting,
)  # fmt: skip
from tinytl_bench.studies.forgetting_tasks import TASKS, VALIDATION_SHARE, OldAndNew, held_out, open_task
from tinytl_bench.studies.plans.tasks import of_classes
from tinytl_bench.sweep.features.twin_head import TwinHead, extract
from tinytl_bridge import connect
from tinytl_bridge.wire.requests import TeachFlags
from tinytl_cli import cli

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "benchmarks/studies/forgetting.json"
README, MEASURED = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/measured.md"))


def shapes(names: tuple[str, ...], *, train: int, test: int) -> Dataset:
    task = mixed_task(seed=3, train=3 * train, test=3 * test)
    return of_classes(task, {name: task.classes.index(name) for name in names})


@pytest.fixture(scope="module")
def tiny(tiny_run: Run) -> OldAndNew:
    """Four shapes that the tiny model knows, two that it does not."""
    (old, old_validation), (new, new_validation) = (held_out(shapes(names, train=80, test=20)) for names in (TINY_CLASSES, NEW_CLASSES))
    return OldAndNew("shapes", "shapes 4 → 2", tiny_run, old, new, old_validation, new_validation)


def test_no_sample_stands_in_two_parts(tiny: OldAndNew) -> None:
    for rest, held in ((tiny.old, tiny.old_validation), (tiny.new, tiny.new_validation)):
        parts = [{each.tobytes() for each in x} for x in (rest.x_train, rest.x_test, held.x_test)]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert len(parts[2]) == round(VALIDATION_SHARE * (len(parts[0]) + len(parts[2])))


def outcome(old: float, new: float) -> Outcome:
    return Outcome(Way("fc"), 0.99, old, old, new, new)


def test_what_keeps_the_limit_on_most_tasks_is_chosen_then_what_is_most_accurate() -> None:
    learns, keeps, keeps_more = Way("fc", 0.1), Way("fc", 0.02), Way("fc", 0.01)
    candidates = [
        Candidate(keeps_more, (outcome(0.98, 0.60), outcome(0.97, 0.60))),
        Candidate(learns, (outcome(0.98, 0.99), outcome(0.90, 0.99))),
        Candidate(keeps, (outcome(0.96, 0.80), outcome(0.96, 0.70))),
    ]
    assert chosen_of(candidates) == keeps
    assert chosen_of(candidates[:2]) == keeps_more
    assert chosen_of(candidates[1:2]) == learns


def test_options_are_those_of_export() -> None:
    assert Way("fc+conv1").options == "--plan fc+conv1"
    assert Way("fc", 0.03, 64, 16384, 500).options == (
        "--plan fc --learning-rate 0.03 --replays-per-step 64 --replay-buffer-bytes 16384 --replay-samples 500"
    )


WAYS = (Way("fc", 0.1, 0), Way("fc", 0.02, 32, replay_samples=60))


def test_a_tiny_task_is_studied_and_read_as_it_was_written(tiny: OldAndNew, tmp_path: Path) -> None:
    found = study_forgetting([tiny], samples=15, orders=2, plain=WAYS[:1], candidates=WAYS[1:])
    (task,) = found.tasks
    plain, chosen = task.outcomes
    assert (task.tested_old, task.tested_new, found.chosen, found.candidates[0].way) == (
        len(tiny.old.y_test),
        len(tiny.new.y_test),
        WAYS[1],
        WAYS[1],
    )
    assert plain.old_before == chosen.old_before > 0.8
    assert chosen.forgotten < plain.forgotten - 0.1, "what is never replayed is forgotten"
    assert chosen.new > 0.6
    write_forgetting(found, tmp_path / "found.json")
    assert read_forgetting(tmp_path / "found.json") == found


def test_the_head_alone_is_taught_the_bytes_of_a_device(tiny: OldAndNew, tmp_path: Path) -> None:
    """The study teaches features; a device with the whole bundle, with two classes added, ends with the same parameters."""
    way = WAYS[1]
    bundle = export(
        tiny.run, dataset=tiny.old, plan="fc", out=tmp_path / "a.tinytl", learning=way.learning, replay_samples=60, class_capacity=6
    )
    x, y = tiny.new.x_train[:24], tiny.new.y_train[:24]
    head = TwinHead(bundle, way.learning)
    head.teach(extract(bundle, x), 4 + (y != y[0]))
    with connect("host", state_dir=tmp_path / "state") as device:
        device.flash(read_bundle(tmp_path / "a.tinytl"))
        device.teach(x, y, classes=tiny.new.classes, new_classes=True, flags=TeachFlags(guard=False))
        assert device.head_parameters().tobytes() == head.parameters.tobytes()


def test_what_cannot_be_studied_is_refused(tiny: OldAndNew, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shapes has \d+ samples of a class to teach with; expected 200\nhint: fewer --samples"):
        study_forgetting([tiny], samples=200, candidates=WAYS)
    with pytest.raises(BenchError, match=r"no task 'birds'; expected mnist-5k, uci-digits, usps, notmnist"):
        open_task("birds", tmp_path, lambda *_: None)
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(BenchError, match=r"none\.json is no study of forgetting: .*\nhint: tinytl study forgetting -o FILE writes one"):
        read_forgetting(tmp_path / "none.json")


def test_from_the_shell(tiny: OldAndNew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinytl_bench.studies.forgetting_tasks.open_task", lambda *_: tiny)
    monkeypatch.setattr(
        "tinytl_bench.studies.forgetting.study_forgetting.__kwdefaults__",
        study_forgetting.__kwdefaults__ | {"plain": WAYS[:1], "candidates": WAYS},
    )
    words = ["study", "forgetting", "mnist-5k", "--samples", "5", "--orders", "1", "-o", str(tmp_path / "found.json")]
    told = json.loads(CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False).stdout)
    assert read_forgetting(tmp_path / "found.json").tasks[0].title == told["tasks"][0]["title"] == "shapes 4 → 2"
    shown = CliRunner().invoke(cli, words, catch_exceptions=False).stdout
    assert "5 samples of each new class: means over 1 orders" in " ".join(shown.split())
    wrong = CliRunner().invoke(cli, ["study", "forgetting", "birds"])
    assert wrong.exit_code != 0


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def points(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", "−")


def cell(outcome: Outcome, *, lowest: bool = False) -> str:
    """Old classes' change and new classes' accuracy, in brackets those of the worst order."""
    ends = (f" ({points(outcome.lowest_old - outcome.old_before)})", f" ({percent(outcome.lowest_new)})") if lowest else ("", "")
    return f"{points(-outcome.forgotten)}{ends[0]}, {percent(outcome.new)}{ends[1]}"


STUDY = read_forgetting(STORED)


def test_three_tasks_forget_at_most_four_points_and_learn_no_less_than_with_the_defaults() -> None:
    """With one setting for all. Letters do not: they lose 5 points, with any setting that was tried."""
    assert (STUDY.samples, STUDY.orders) == (SAMPLES, ORDERS)
    assert tuple(task.name for task in STUDY.tasks) == TASKS
    assert STUDY.chosen == chosen_of(STUDY.candidates)
    for task in STUDY.tasks:
        *plain, chosen = task.outcomes
        assert {row.way for row in plain} == set(PLAIN) and chosen.way == STUDY.chosen
        kept = chosen.forgotten <= LIMIT and chosen.new >= max(row.new for row in plain)
        assert kept == (task.name != "notmnist"), task.name
        assert chosen.forgotten < min(row.forgotten for row in plain), task.name


def test_the_stored_study_is_what_readme_and_measured_tell() -> None:
    for task in STUDY.tasks:
        *plain, chosen = task.outcomes
        assert f"| {task.title} | {' | '.join(map(cell, plain))} | {cell(chosen, lowest=True)} |" in MEASURED
        assert f"{task.title.split()[0]} {-100 * chosen.forgotten:+.1f}".replace("-", "−") in README
    for page, buffer in ((MEASURED, "16384"), (README, "16k")):
        assert STUDY.chosen.options.replace("16384", buffer) in page
