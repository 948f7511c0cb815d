# SPDX-License-Identifier: Apache-2.0
"""A sweep of a run and of a .tflite, from Python and from the shell; its pick as a bundle; what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from swept_trees import same_classes, swept, target
from tflite_classifiers import classifier, logistic, task

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.data.dataset import Dataset
from tinytl.errors import BenchError, ModelError
from tinytl.training.run_folder import Run
from tinytl_bench.sweep import Budget, Sweep, SweepSettings, run_sweep
from tinytl_bench.sweep.features.twin_head import TwinHead, extract
from tinytl_bench.sweep.preparing import prepare
from tinytl_bench.sweep.subject import open_subject
from tinytl_cli import cli

INVERTED = tiny_task("inverted", seed=8, train=160)
INVERTED = replace(INVERTED, x_train=255 - INVERTED.x_train, x_test=255 - INVERTED.x_test)
SETTINGS: dict[str, Any] = {"plans": ("last-dense", "fc"), "rates": (0.03,), "host_rates": (0.03,), "seeds": 2, "workers": 1}


@pytest.fixture(scope="module")
def sweep(tiny_run: Run, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two plans of the tiny run, on the twin and on the host."""
    folder = tmp_path_factory.mktemp("sweep") / "out"
    return run_sweep(tiny_run.path, INVERTED, SweepSettings(folder, **SETTINGS), source=tiny_dataset)


def test_every_plan_is_tried_in_both_places(sweep: Sweep) -> None:
    assert [(row.place, row.plan) for row in sweep.rows] == [(place, plan) for place in ("twin", "host") for plan in ("last-dense", "fc")]
    facts = sweep.facts
    assert (facts.taught, facts.validation_samples, facts.test_samples, facts.shares_labels) == (120, 40, 120, True)
    assert facts.told.endswith("The test split (120 samples) was looked at once, after the pick.")
    for row in sweep.rows:
        assert row.test_accuracy is not None and row.source_change is not None and row.seeds == 2
        assert row.test_accuracy > row.test_accuracy_before  # type: ignore[operator]
    twin, host = ({row.plan: row for row in sweep.rows if row.place == place} for place in ("twin", "host"))
    assert twin["fc"].costs == host["fc"].costs
    assert (twin["fc"].costs.trainable, twin["fc"].costs.macs_forward, twin["fc"].costs.macs_frozen) == (1_812, 1_792, 8_640)
    assert twin["fc"].source_change > host["fc"].source_change, "the device replays"  # type: ignore[operator]


def test_a_cell_is_what_the_device_does(sweep: Sweep) -> None:
    """The head of a cell, once more from the bundle, taught step by step on features that were not kept."""
    (row,) = (row for row in sweep.cells if row["cell"] == "twin-fc-float32-0.03-2")
    bundle = read_bundle(sweep.folder / "bundles/fc-float32.tinytl")
    stream = np.random.default_rng(1).permutation(160)
    x, y = extract(bundle, INVERTED.x_train[stream]), INVERTED.y_train[stream]
    learning = replace(bundle.head.learning, learning_rate=0.03, schedule="cosine", schedule_steps=3 * 120, schedule_factor=0.0)
    head, generator = TwinHead(bundle, learning), np.random.default_rng(2)
    for _ in range(3):
        order = generator.permutation(120)
        head.teach(x[40:][order], y[40:][order])
    assert row["accuracy"] == head.accuracy(x[:40], y[:40])
    assert row["test_accuracy"] == head.accuracy(extract(bundle, INVERTED.x_test), INVERTED.y_test)
    kept = np.load(sweep.folder / "heads/twin-fc-float32-0.03-2.npy")
    assert kept.tobytes() == head.parameters.tobytes()


def test_the_folder_has_page_and_plot(sweep: Sweep) -> None:
    page = (sweep.folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# run: tiny → inverted\n\n**The pick.** fc with float32 weights")
    assert "| → fc | twin | 0.03 |" in page and "| MACs forward |" in page and "looked at once, after the pick" in page
    assert (sweep.folder / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert "<table" in sweep._repr_html_()


def test_the_pick_becomes_a_bundle(sweep: Sweep, tmp_path: Path) -> None:
    out = tmp_path / "picked.tinytl"
    done = CliRunner().invoke(cli, ["export", "--from-sweep", str(sweep.folder), "-o", str(out), "--json"], catch_exceptions=False)
    told, bundle = json.loads(done.stdout), read_bundle(out)
    assert (told["plan"], told["weights"], told["learning_rate"]) == ("fc", "float32", 0.03) and told["reason"] == sweep.pick.reason
    learning = bundle.head.learning
    assert (learning.learning_rate, learning.schedule, learning.schedule_steps) == (pytest.approx(0.03), "cosine", 360)
    assert bundle.manifest["name"] == "picked" and bundle.extractor == read_bundle(sweep.folder / "bundles/fc-float32.tinytl").extractor
    for beside in (["--plan", "fc"], ["--learning-rate", "0.1"]):
        done = CliRunner().invoke(cli, ["export", "--from-sweep", str(sweep.folder), "-o", str(out), *beside])
        assert done.exit_code == 2 and f"{beside[0]} given beside --from-sweep, which says all of it" in done.output
    done = CliRunner().invoke(cli, ["export", "-o", str(out)])
    assert done.exit_code == 2 and "nothing to export; expected RUN" in done.output


def test_features_are_shared_by_sweeps(sweep: Sweep, tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    cache = sweep.folder / "features"
    before = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.npy")}
    settings = SweepSettings(tmp_path / "out", cache=cache, **SETTINGS | {"places": ("twin",), "seeds": 1, "plans": ("fc",)})
    again = run_sweep(tiny_run.path, INVERTED, settings, source=tiny_dataset)
    assert again.cells[0]["accuracy"] == next(row["accuracy"] for row in sweep.cells if row["cell"] == again.cells[0]["cell"])
    assert {path.name: path.stat().st_mtime_ns for path in cache.glob("*.npy")} == before
    assert not (tmp_path / "out/features").exists()


def test_a_budget_that_nothing_meets_is_refused_before_anything_learns(tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match=r"none of 2 plans meets the budget; the nearest is last-dense with int8 weights: [\d,]+ B of RAM, and 64 B"
    ):
        swept(tmp_path, budget=Budget(ram_bytes=64))
    assert not (tmp_path / "out/results.jsonl").exists()


def test_a_tflite_whose_labels_are_shared_is_measured_on_the_source(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    settings = SweepSettings(tmp_path / "out", rates=(0.01,), host_rates=(0.5,), passes=10, seeds=1, workers=1)
    found = run_sweep(tmp_path / "trees.tflite", same_classes(), settings, source=task())
    assert found.facts.shares_labels and [(row.place, row.plan) for row in found.rows] == [("twin", "last-dense"), ("host", "last-dense")]
    for row in found.rows:
        assert row.source_change is not None and row.source_change < -0.1, "all names are others"
        assert row.test_accuracy > row.test_accuracy_before  # type: ignore[operator]
    renamed = swept(tmp_path / "renamed", rates=(0.01,), seeds=1, weights=("float32",))
    assert renamed.rows[0].source_change is None and not renamed.facts.shares_labels


@pytest.mark.long
def test_steps_are_counted_on_an_emulated_board(tmp_path: Path) -> None:
    few = {"rates": (0.01,), "seeds": 1, "weights": ("float32",)}
    plain = swept(tmp_path / "plain", **few)
    found = swept(tmp_path / "board", **few, budget=Budget(board="mps2-an386"))
    (costs,) = (row.costs for row in found.rows)
    assert not costs.misfit and costs.instructions_step is not None and costs.instructions_inference is not None
    assert 200 < costs.instructions_step < 20_000 and 100 < costs.instructions_inference < 20_000
    assert costs.instructions_model is not None, "dsp kernels have a cost model"
    assert (plain.rows[0].costs.instructions_step, plain.rows[0].costs.instructions_model) == (None, None)
    assert "1 of 1 that fit the budget" in found.pick.reason


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        (
            ("oak", "elm"),
            "has classes 'elm', which the model does not know, and others that it knows; expected all of the model's classes, or none",
        ),
        (("1", "2", "3", "4", "5", "6"), "has 6 classes and the model 5 outputs; expected at most as many classes"),
    ],
)
def test_classes_that_the_model_has_no_outputs_for(tmp_path: Path, classes: tuple[str, ...], text: str) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    with pytest.raises(BenchError, match=text):
        open_subject(tmp_path / "trees.tflite", replace(target(), classes=classes), SweepSettings(tmp_path), source=task())


def test_plans_that_the_model_cannot_be_cut_by(tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """Asked for by name they are refused; with int8 weights, where only biases train, the others are left."""
    settings = SweepSettings(tmp_path / "out", plans=("fc+conv9",), weights=("float32", "int8"))
    with pytest.raises(ModelError, match=r"plan 'fc\+conv9' cannot cut model 'tiny'"):
        run_sweep(tiny_run.path, INVERTED, settings, source=tiny_dataset)
    subject, notes = open_subject(tiny_run.path, INVERTED, settings, source=tiny_dataset), list[str]()
    found = list(prepare(subject, settings, "bias-only", notes))
    assert [each.weights for each in found] == ["float32"] and [path.name for path in (tmp_path / "out/bundles").glob("*.tinytl")] == [
        "bias-only-float32.tinytl"
    ]
    assert len(notes) == 1 and notes[0].startswith("bias-only with int8 weights was left out: ")


def test_other_refusals(tmp_path: Path) -> None:
    for changes, text in (
        ({"seeds": 0}, "seeds 0; expected 1 or more"), ({"samples": 7}, "samples 7; expected 8 or more"), ({"workers": 0}, "workers 0"),
        ({"weights": ("int4",)}, "weights int4; expected some of float32, int8"), ({"places": ()}, "places of no kind"),
        ({"rates": (0.0,)}, "rates .* expected one or more numbers above 0"),
    ):  # fmt: skip
        with pytest.raises(BenchError, match=text):
            SweepSettings(tmp_path, **changes)  # type: ignore[arg-type]
    (tmp_path / "sigmoid.tflite").write_bytes(classifier(logistic))
    with pytest.raises(BenchError, match="ends in sigmoid_cross_entropy; expected a softmax, or logits"):
        run_sweep(tmp_path / "sigmoid.tflite", target(), SweepSettings(tmp_path / "out", places=("twin",)), source=task())


def test_from_the_shell(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    for name, each in (("source", task()), ("target", target())):
        arrays = {part: getattr(each, part) for part in ("x_train", "y_train", "x_test", "y_test")}
        np.savez(tmp_path / f"{name}.npz", classes=np.array(each.classes), **arrays)
    command = ["sweep", str(tmp_path / "trees.tflite"), "--data", str(tmp_path / "target.npz"), "--source", str(tmp_path / "source.npz"),
               "--places", "twin", "--rates", "0.01", "--seeds", "1", "--workers", "1", "-o", str(tmp_path / "out")]  # fmt: skip
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert done.exit_code == 0 and max(map(len, done.stdout.splitlines())) <= 100
    assert "→ last-dense  twin" in done.stdout and "The pick: last-dense with float32 weights has" in done.stdout
    told = json.loads(CliRunner().invoke(cli, [*command, "--ram", "64k", "--energy", "1uJ", "--json"], catch_exceptions=False).stdout)
    assert told["facts"]["budget"] == {"ram_bytes": 65_536, "flash_bytes": None, "energy_nj": 1000.0, "board": None}
    assert told["pick"]["plan"] == "last-dense" and told["rows"][0]["costs"]["trainable"] == 85
    for option, value, text in (
        ("--energy", "1", "'1' is no energy; expected a number with nJ, uJ or mJ"),
        ("--rates", "x", "'x' are no learning rates"),
    ):
        done = CliRunner().invoke(cli, [*command, option, value])
        assert done.exit_code == 2 and text in done.output
