# SPDX-License-Identifier: Apache-2.0
"""The study of freeze plans: that its figures mean what they say, that rates are chosen without the test split, what it refuses."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError, DataError, ModelError
from tinytl.head.learning import Learning
from tinytl.training.pretraining import pretrain
from tinytl_bench.studies.plans import StudySettings, TaskStudy, find_task, read_study, study_task, write_study
from tinytl_bench.studies.plans.curves import draw_curves
from tinytl_bench.studies.plans.gestures import GESTURES, load_gestures
from tinytl_bench.studies.plans.outcomes import CurvePoint, HostOutcome, PlanOutcome, samples_to
from tinytl_bench.studies.plans.stored import store
from tinytl_bench.studies.plans.tables import COLUMNS, markdown, points, rows_of
from tinytl_bench.studies.plans.tasks import OpenTask, StudyTask, of_classes
from tinytl_bench.sweep.features.twin_head import TwinHead, extract
from tinytl_bridge import connect
from tinytl_cli import cli

HOST = ((0.01, 16),)
"""One recipe: nothing to choose."""
TARGET = tiny_task("other writers", seed=11)
SWAPPED = replace(TARGET, y_train=(TARGET.y_train + 1) % 4, y_test=(TARGET.y_test + 1) % 4)
"""The same images, each class called by the next one's number: who learns them must forget the source."""


def curve(*values: tuple[int, float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(*value) for value in values)


def tiny_study_task(model: Any, source: Dataset, target: Dataset, *, shares_labels: bool = True) -> StudyTask:
    opened = OpenTask(model, "tiny", (0.0, 1.0), source, target)
    return StudyTask("tiny", "tiny → other", shares_labels, 200, 2, ("last-dense", "fc+conv1"), lambda folder, progress: opened)


@pytest.fixture(scope="module")
def studies(tiny_model: Any, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TaskStudy]:
    """Of the same source: a target that agrees with it and one that contradicts it, and the latter as a task of its own."""
    settings = StudySettings(tmp_path_factory.mktemp("studies"), orders=1, rates=(0.03,), host_recipes=HOST)
    several = replace(settings, orders=2, rates=(0.003, 0.03))
    targets = {"agrees": (TARGET, True, settings), "contradicts": (SWAPPED, True, several), "renamed": (SWAPPED, False, settings)}
    return {
        name: study_task(tiny_study_task(tiny_model, tiny_dataset, target, shares_labels=shares), chosen)
        for name, (target, shares, chosen) in targets.items()
    }


def test_a_study_of_int8_weights_leaves_out_plans_that_train_none(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    task = replace(tiny_study_task(tiny_model, tiny_dataset, TARGET), plans=("bias-only", "last-dense"))
    settings = StudySettings(tmp_path, samples=40, passes=1, orders=1, rates=(0.01,), host_recipes=HOST, weights="int8")
    assert [plan.plan for plan in study_task(task, settings).plans] == ["last-dense"]
    with pytest.raises(ModelError, match="int8 weights, and no weight trains that could be a byte"):
        study_task(task, replace(settings, plans=("bias-only",)))


def test_samples_to_a_share_of_a_known_curve() -> None:
    known = curve((0, 0.1), (10, 0.5), (20, 0.71), (50, 0.6), (100, 0.8))
    assert samples_to(known, 0.9) == 100
    assert samples_to(known, 0.75) == 20
    assert samples_to(known, 0.1) == 0
    assert samples_to(curve((0, 0.9), (7, 0.95)), 0.9) == 0


@pytest.mark.long
def test_forgetting_is_below_zero(studies: dict[str, TaskStudy]) -> None:
    for plan in studies["contradicts"].plans:
        assert plan.after > plan.before + 0.3
        assert plan.source_change is not None
        assert plan.source_change < -0.3
    host = studies["contradicts"].host.source_change
    assert host is not None
    assert host < -0.3
    for plan in studies["agrees"].plans:
        assert plan.source_change is not None
        assert plan.source_change > -0.05


@pytest.mark.long
def test_a_task_with_labels_of_its_own_replays_and_forgets_nothing(studies: dict[str, TaskStudy]) -> None:
    study = studies["renamed"]
    assert study.replays_per_step == 0
    assert study.host.source_change is None
    assert [(plan.source_change, plan.replay_bytes) for plan in study.plans] == [(None, 0)] * 2
    with_replay = studies["agrees"].plans[0]
    assert 0 < with_replay.replay_bytes <= 32 * 1024
    assert with_replay.arena_bytes >= study.plans[0].arena_bytes + 15 * 1024
    assert with_replay.step_nj == pytest.approx(5 * study.plans[0].step_nj), "a sample and four replayed ones"


@pytest.mark.long
def test_curves_begin_before_and_end_after(studies: dict[str, TaskStudy]) -> None:
    assert {name: study.orders for name, study in studies.items()} == {"agrees": 1, "contradicts": 2, "renamed": 1}
    for study in studies.values():
        assert (study.samples, study.validation_samples, study.test_samples) == (200, 50, 120)
        for plan in study.plans:
            first, last = plan.curve[0], plan.curve[-1]
            assert (first.samples, first.accuracy) == (0, plan.before)
            assert (last.samples, last.accuracy) == (400, pytest.approx(plan.after))
            assert plan.lowest <= plan.after
            assert plan.samples_to_90 == samples_to(plan.curve, 0.9)


@pytest.mark.long
def test_rates_are_chosen_without_the_test_split(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """With other labels in the test split the same rates are chosen, among them one that learns nothing and one that diverges."""
    settings = StudySettings(tmp_path, plans=("last-dense",), orders=1, rates=(1e-9, 0.01, 1e5), host_recipes=((1e-7, 16), *HOST))
    found = []
    for test_labels in (SWAPPED.y_test, TARGET.y_test):
        task = tiny_study_task(tiny_model, tiny_dataset, replace(SWAPPED, y_test=test_labels))
        found.append(study_task(task, settings))
    plans = [study.plans[0] for study in found]
    assert [plan.learning_rate for plan in plans] == [0.01, 0.01]
    assert plans[0].after > 0.6 > 0.4 > plans[1].after
    assert [study.host.learning_rate for study in found] == [0.01, 0.01]


def test_the_head_alone_is_the_devices(tiny_bundle: Path, tmp_path: Path) -> None:
    """Taught through features it has the parameters of the whole bundle on the device, bit for bit, replays included."""
    bundle = read_bundle(tiny_bundle)
    x, y = TARGET.x_train[:60], TARGET.y_train[:60]
    features, tests = extract(bundle, x), extract(bundle, TARGET.x_test)
    head = TwinHead(bundle, bundle.head.learning)
    assert head.teach(features, y) == 0
    with connect("host", state_dir=tmp_path) as device:
        device.flash(bundle)
        device.teach(x, y)
        taught = device.head_parameters()
        accuracy = device.evaluate(TARGET.x_test, TARGET.y_test).accuracy
    assert bundle.manifest["class_capacity"] > len(bundle.manifest["labels"]), "the device has rows for more classes"
    assert np.count_nonzero(taught) == np.count_nonzero(head.parameters)
    assert taught[taught != 0].tobytes() == head.parameters[head.parameters != 0].tobytes()
    assert head.accuracy(tests, TARGET.y_test) == accuracy


def test_another_rate_is_another_head(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    features = extract(bundle, TARGET.x_train[:20])
    heads = [TwinHead(bundle, replace(bundle.head.learning, learning_rate=rate)) for rate in (0.01, 0.02)]
    for head in heads:
        head.teach(features, TARGET.y_train[:20])
    assert heads[0].parameters.tobytes() != heads[1].parameters.tobytes()


def test_samples_that_diverge_are_counted(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    features = extract(bundle, TARGET.x_train[:50])
    assert TwinHead(bundle, Learning(1e30, replays_per_step=0, replay_buffer_bytes=0)).teach(features, TARGET.y_train[:50]) > 0


def plan_outcome(plan: str, *, after: float, source_change: float | None = -0.012, fits: bool = True) -> PlanOutcome:
    known = curve((0, 0.5), (100, after))
    return PlanOutcome(plan, 0.01, 0.5, after, after - 0.01, source_change, known, 0, 27792, fits, 32768, 181_234, 1190.0)


def known_study(name: str = "usps") -> TaskStudy:
    host = HostOutcome(0.001, 8, 0.951, 0.95, None)
    plans = (plan_outcome("last-dense", after=0.97), plan_outcome("all", after=0.9, fits=False, source_change=None))
    return TaskStudy(name, "MNIST → USPS", "ds-cnn", 1000, 2, 3, 1, 999, 250, (0.01, 0.03), 4, "mps2-an386", host, plans)


def test_rows_say_what_was_reached() -> None:
    first, second, host = rows_of(known_study())
    assert first == ("last-dense", "0.01", "50.0", "97.0", "+1.9", "−1.2", "27,792", "0.181", "1.19", "100")
    assert second[3:7] == ("90.0", "−5.1", "–", "27,792*")
    assert host == ("host, all layers", "0.001", "50.0", "95.1", "–", "–", "–", "–", "–", "–")
    assert {len(row) for row in (first, second, host)} == {len(COLUMNS)}
    assert [points(change) for change in (None, 0.0, -0.0004, 0.0004, -0.02, 0.135)] == ["–", "0.0", "0.0", "0.0", "−2.0", "+13.5"]


def test_a_folder_holds_figures_page_and_plot(tmp_path: Path) -> None:
    for name in ("usps", "digits"):
        store(known_study(name), tmp_path)
    plot, in_bytes = (tmp_path / "curves.png").read_bytes(), replace(known_study("digits"), weights="int8")
    at_equal_rates = replace(known_study("digits"), layer_rates="equal")
    for special in (in_bytes, at_equal_rates):
        store(special, tmp_path)
        assert read_study(tmp_path / f"{special.name}.json") == special
    written = ["README.md", "curves.png", "digits-equal.json", "digits-int8.json", "digits.json", "usps.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == written
    assert (tmp_path / "curves.png").read_bytes() == plot, "plans with default settings alone are drawn"
    assert read_study(tmp_path / "usps.json") == known_study()
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert page == markdown([known_study("digits"), in_bytes, at_equal_rates, known_study("usps")])
    assert "**MNIST → USPS: ds-cnn, int8 weights, 1,000 samples," in page and "**MNIST → USPS: ds-cnn, equal rates, 1,000 samples," in page
    assert "**MNIST → USPS: ds-cnn, 1,000 samples, 2 passes, 4 replays a step from 32 KB, means over 3 orders** (999 test samples)" in page
    assert "| last-dense | 0.01 | 50.0 | 97.0 | +1.9 | −1.2 | 27,792 | 0.181 | 1.19 | 100 |" in page
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_the_plot_shows_every_study(studies: dict[str, TaskStudy]) -> None:
    one, many = (draw_curves(shown) for shown in ([known_study()], list(studies.values())))
    assert int.from_bytes(many[20:24], "big") > int.from_bytes(one[20:24], "big"), "four panels take two rows"
    assert draw_curves([known_study()]) == one


def test_a_file_that_is_no_study(tmp_path: Path) -> None:
    write_study(known_study(), tmp_path / "usps.json")
    told = json.loads((tmp_path / "usps.json").read_text())
    for changed, reason in (({"format": "other"}, "another format"), ({"plans": [{}]}, "curve"), ({"spare": 1}, "spare")):
        (tmp_path / "usps.json").write_text(json.dumps(told | changed))
        with pytest.raises(BenchError, match=rf"usps\.json is no study of freeze plans: .*{reason}"):
            read_study(tmp_path / "usps.json")


def test_classes_by_number() -> None:
    digits = load_dataset("uci-digits")
    found = of_classes(digits, {"seven": 7, "two": 2})
    assert found.classes == ("seven", "two")
    assert np.array_equal(found.x_test[found.y_test == 0], digits.x_test[digits.y_test == 7])
    assert np.array_equal(found.x_train[found.y_train == 1], digits.x_train[digits.y_train == 2])
    assert len(found.x_train) == np.isin(digits.y_train, (2, 7)).sum()


def recordings(path: Path) -> Path:
    """Write recordings as the published file has them: 12 of each gesture a person, «negative» by nobody and in thousandths of g."""
    generator = np.random.default_rng(3)
    samples, labels, files = [], [], []
    for person in ("hyw", "jiangyh", "dengyl"):
        for number, gesture in enumerate(GESTURES[:3]):
            for _ in range(12):
                samples.append(generator.normal(0, 0.05, (70, 3)) + np.eye(3)[number])
                labels.append(gesture)
                files.append(f"output_{gesture}_{person}.txt")
    for _ in range(20):
        samples.append(generator.normal(0, 400, (300, 3)))
        labels.append("negative")
        files.append("output_negative_1.txt")
    offsets = np.cumsum([0, *map(len, samples)])
    np.savez(path, samples=np.concatenate(samples).astype(np.float32), offset=offsets, label=np.array(labels), fname=np.array(files))
    return path


def test_gestures_go_by_person_and_the_target_is_turned(tmp_path: Path) -> None:
    source, target = load_gestures(recordings(tmp_path / "wand.npz"))
    assert source.classes == target.classes == GESTURES
    own = np.bincount(target.y_train, minlength=4) + np.bincount(target.y_test, minlength=4)
    assert own[:3].tolist() == [12, 12, 12], "all of one person's gestures"
    teachers = np.bincount(source.y_train, minlength=4) // 10 + np.bincount(source.y_test, minlength=4)
    assert teachers[:3].tolist() == [24, 24, 24]
    assert own[3] + teachers[3] == 40, "two windows a recording, each to one side"
    axis = [np.abs(target.x_test[target.y_test == number].reshape(-1, 3).mean(axis=0)).argmax() for number in range(3)]
    assert axis == [0, 2, 1], "y and z change places"
    assert np.abs(target.x_test).max() < 20, "thousandths of g became g"
    again = load_gestures(tmp_path / "wand.npz")[1]
    assert np.array_equal(again.x_train, target.x_train)


def test_recordings_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.npz cannot be read: .*; expected an \.npz file with samples, offset, label, fname"):
        load_gestures(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", samples=np.zeros((3, 3)))
    with pytest.raises(DataError, match=r"other\.npz cannot be read: .*offset"):
        load_gestures(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"samples": 7}, BenchError, "samples 7; expected 8 or more"),
        ({"passes": 0}, BenchError, "passes 0; expected 1 or more"),
        ({"orders": 0}, BenchError, "orders 0; expected 1 or more"),
        ({"rates": ()}, BenchError, "no learning rates to choose from; expected one or more\nhint: --rates 0.003,0.01,0.03"),
        ({"plans": ("conv9",)}, ModelError, "plan 'conv9'; expected one of last-dense"),
        ({"plans": ("fc+conv9",)}, ModelError, "plan 'fc+conv9' cannot cut model 'tiny'"),
        (
            {"count_on": "host"},
            BenchError,
            "steps cannot be counted on 'host'; expected an emulated board\nhint: --count-on qemu:mps2-an386",
        ),
    ],
)
def test_refusals(
    tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path, changes: dict[str, Any], error: type[Exception], text: str
) -> None:  # fmt: skip
    with pytest.raises(error) as refused:
        study_task(tiny_study_task(tiny_model, tiny_dataset, TARGET), StudySettings(**{"folder": tmp_path, **changes}))
    assert text in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_tasks_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match="no task 'mnist'; expected digits, usps, letters, things, gestures"):
        find_task("mnist")
    monkeypatch.delenv("TINYTL_DATA_DIR", raising=False)
    with pytest.raises(BenchError, match=r"TINYTL_DATA_DIR is not set: no packed/magic_wand\.npz"):
        study_task(find_task("gestures"), StudySettings(tmp_path))
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    with pytest.raises(BenchError, match=r"does not hold models/mlperf_tiny/pretrainedResnet\.h5; expected the published ResNet-8"):
        study_task(find_task("things"), StudySettings(tmp_path))


@pytest.mark.long
def test_from_the_shell(tmp_path: Path) -> None:
    """On packaged data, with a model that an earlier run left; a step is counted on the emulated board."""
    source = load_dataset("mnist-5k")
    pretrain(
        "ds-cnn", replace(source, x_train=source.x_train[:1500], y_train=source.y_train[:1500]), tmp_path / "ds-cnn-mnist-5k", epochs=5
    )
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["study", "plans", "--task", "digits", "--plan", "last-dense", "--samples", "300", "--orders", "1", "--rates", "0.01,0.03"]
    result = CliRunner().invoke(
        cli, [*arguments, "--work", str(tmp_path), "-o", str(out), "--count-on", "qemu:mps2-an386", "--json"], catch_exceptions=False
    )
    (study,) = json.loads(result.stdout)
    (plan,) = study["plans"]
    assert plan["after"] > plan["before"] + 0.1
    assert plan["source_change"] > -0.1
    assert 20_000 < plan["step_instructions"] < 200_000
    assert (study["samples"], study["rates"], study["board"]) == (300, [0.01, 0.03], "mps2-an386")
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "curves.png", "digits.json"]
    result = CliRunner().invoke(cli, [*arguments, "--work", str(tmp_path)], catch_exceptions=False)
    assert "MNIST → UCI digits: ds-cnn, 300 samples" in result.stdout
    assert all(len(line) <= 100 for line in result.stdout.splitlines())


def test_what_the_shell_refuses(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["study", "plans", "--rates", "0.1,much"])
    assert result.exit_code == 2
    assert "'0.1,much' are no learning rates; expected numbers above 0, e.g. 0.003,0.01,0.03" in result.output
    result = CliRunner().invoke(cli, ["study", "plans", "-o", str(tmp_path / "gone")])
    assert f"the folder {tmp_path / 'gone'} does not exist; expected a folder" in str(result.exception)


@pytest.mark.long
def test_gestures_of_a_new_person(tmp_path: Path) -> None:
    """The published recordings: the last convolution and the dense layer reach full training on the workstation."""
    if not os.environ.get("TINYTL_DATA_DIR"):
        pytest.skip("TINYTL_DATA_DIR is not set: no recordings")
    study = study_task(find_task("gestures"), StudySettings(tmp_path, plans=("fc+conv1",), orders=1, rates=(0.003,)))
    (plan,) = study.plans
    assert plan.after > plan.before + 0.2
    assert plan.after > study.host.after - 0.02
