# SPDX-License-Identifier: Apache-2.0
"""What is said about an export is checked once, before any work, and a model is cut once, whatever the plan."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tflite_classifiers import NAMES, classifier, logistic, task

from tinytl import keras_graph
from tinytl.bundle.bundle import read_bundle
from tinytl.cutting import keras_cut as plan
from tinytl.cutting import tflite_cut
from tinytl.data.dataset import Dataset
from tinytl.errors import BundleError, ModelError
from tinytl.exporting.export import export, export_with
from tinytl.exporting.settings import ExportSettings
from tinytl.head.learning import Learning
from tinytl.training.run_folder import Run
from tinytl_cli import cli


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[tuple[Any, ...]]:
    """Have each call of a function noted before it is made; return the list of arguments."""
    calls: list[tuple[Any, ...]] = []
    real: Callable[..., Any] = getattr(owner, name)

    def noting(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, noting)
    return calls


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("last-dense", ["last-dense"]),
        ("fc+conv1", ["fc+conv1"]),
        # once with the convolution whole, whose weights and limits decide; what the gradients go through; once in two
        ("fc+conv1:50%", ["fc+conv1:50%", "last-dense", "fc+conv1:50%"]),
    ],
)
def test_a_keras_model_is_cut_once(
    name: str, splits: Sequence[str], tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = counted(monkeypatch, keras_graph._Copier, "__init__")
    cuts = counted(monkeypatch, plan, "_split_at")
    made = export(tiny_run, dataset=tiny_dataset, plan=name, out=tmp_path / "x.tinytl", replay_samples=4)
    assert made.manifest["plan"] == name
    assert [of_plan.name for _, _, of_plan in cuts] == splits
    assert len(copies) == 1, "the model is made flat once"


def test_a_tflite_is_cut_once_and_learns_with_the_loss_of_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees, path, out = task(), tmp_path / "trees.tflite", tmp_path / "trees.tinytl"
    path.write_bytes(classifier(logistic))
    np.savez(tmp_path / "trees.npz", x=trees.x_train, y=trees.y_train, classes=list(NAMES))
    cuts = counted(monkeypatch, tflite_cut, "_cut")
    words = ["export", str(path), "--data", str(tmp_path / "trees.npz"), "-o", str(out), "--momentum", "0.5", "--seed", "7"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert read_bundle(out).head.learning == Learning(momentum=0.5, seed=7, loss="sigmoid_cross_entropy")
    assert len(cuts) == 1
    export(path, dataset=trees, out=out)
    assert read_bundle(out).head.learning == Learning(loss="sigmoid_cross_entropy")
    export(path, dataset=trees, out=out, learning={"learning_rate": 0.02})
    assert read_bundle(out).head.learning == Learning(learning_rate=0.02, loss="sigmoid_cross_entropy")
    export(path, dataset=trees, out=out, learning=Learning(momentum=0.5))
    assert read_bundle(out).head.learning == Learning(momentum=0.5), "a whole Learning is taken as it is"
    assert len(cuts) == 4


def test_settings_are_the_keywords_of_export(tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    names = {field.name: field.default for field in fields(ExportSettings)}
    keywords = {name: each.default for name, each in signature(export).parameters.items() if name not in ("run", "dataset")}
    assert names.keys() == keywords.keys()
    assert all(keywords[name] == default for name, default in names.items() if name != "out")
    settings = ExportSettings(out=str(tmp_path / "x.tinytl"), replay_samples=4)  # type: ignore[arg-type]
    assert settings.out == tmp_path / "x.tinytl"
    one = export_with(settings, tiny_run, tiny_dataset)
    assert one.bundle_id == export(tiny_run, dataset=tiny_dataset, out=tmp_path / "x.tinytl", replay_samples=4).bundle_id


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"replay_samples": -1}, "replay_samples -1; expected 0 or more"),
        ({"class_capacity": 0}, "class_capacity 0; expected 1 to 4,096"),
        ({"class_capacity": 65536}, "class_capacity 65536; expected 1 to 4,096"),
        ({"value_range": (1.0, 0.0)}, "value_range (1.0, 0.0); expected two numbers, the lower one first"),
        ({"value_range": (0.0, float("nan"))}, "value_range (0.0, nan); expected two numbers, the lower one first"),
        ({"seed": -1}, "seed -1; expected 0 or more"),
        (
            {"learning": {"momentum": 1.5}},
            "the head's momentum is 1.5; expected a number from 0 to 0.99999994\nhint: momentum: of SGD; β1 of Adam (left out: 0.0)",
        ),
    ],
)
def test_a_setting_out_of_its_range_is_refused_before_any_work(said: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        export(tmp_path, out=tmp_path / "x.tinytl", **said)
    assert str(caught.value) == text


def test_settings_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^the head has no setting rate, moment; expected learning_rate, momentum, weight_decay, "):
        ExportSettings(out=tmp_path / "x.tinytl", learning={"rate": 1.0, "seed": 1, "moment": 0.0})
    with pytest.raises(ModelError, match=r"^plan 'fc\+conv'; expected one of last-dense, "):
        ExportSettings(out=tmp_path / "x.tinytl", plan="fc+conv")
    with pytest.raises(BundleError) as caught:
        ExportSettings(out=tmp_path / "no" / "x.tinytl")
    assert str(caught.value) == f"folder {tmp_path / 'no'} does not exist; expected a folder to write x.tinytl to"


def test_a_whole_convolution_is_asked_about_once_and_its_refusal_is_left_as_it_is(tiny_model: Any) -> None:
    asked: list[plan.Undivided] = []

    def measure(whole: plan.Undivided) -> np.ndarray:
        asked.append(whole)
        return np.arange(12.0)

    parts = plan.cut(tiny_model, "fc+conv1:25%", channel_energy=measure)
    assert parts.channels is not None
    assert parts.channels.numbers == (9, 10, 11)
    (whole,) = asked
    assert (whole.convolution.layer.name, whole.head.layers[0].weights.shape[0]) == ("pointwise", 12)  # type: ignore[union-attr]

    def refuse(whole: plan.Undivided) -> np.ndarray:
        raise ModelError("no samples of mine")

    with pytest.raises(ModelError, match=r"^no samples of mine$"):
        plan.cut(tiny_model, "fc+conv1:25%", channel_energy=refuse)
