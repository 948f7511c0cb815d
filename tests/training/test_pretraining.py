# SPDX-License-Identifier: Apache-2.0
"""Pretraining: what the run folder holds, that seeds decide, that a failure leaves nothing, and every refusal's text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.data import Dataset, load_dataset
from tinytl.errors import DataError, ModelError
from tinytl.training.pretraining import Run, load_model, load_run, pretrain


@pytest.fixture(scope="module")
def digits() -> Dataset:
    whole = load_dataset("mnist-5k")
    return Dataset("few", whole.x_train[:360], whole.y_train[:360], whole.x_test[:100], whole.y_test[:100], whole.classes)


@pytest.fixture(scope="module")
def vectors() -> Dataset:
    generator = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = (generator.normal(size=(240, 5)) + np.eye(5)[y] * 3).astype(np.float32)
    return Dataset("vectors", x[:200], y[:200], x[200:], y[200:], ("a", "b", "c"))


def own_model(path: Path, *, inputs: int = 5, outputs: int = 3, activation: str | None = None) -> Path:
    import keras

    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(outputs, activation)])
    model.save(path)
    return path


@pytest.fixture(scope="module")
def run(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pretrain("ds-cnn", digits, tmp_path_factory.mktemp("runs") / "one", epochs=1)


def test_run_folder_holds_everything(run: Run) -> None:
    assert sorted(path.name for path in run.path.iterdir()) == ["environment.json", "history.json", "model.keras", "run.json"]
    assert [path.name for path in run.path.parent.iterdir()] == ["one"], "nothing is left beside it"
    assert load_run(run.path) == run
    assert (run.model, run.dataset, run.input_shape, run.value_range) == ("ds-cnn", "few", (28, 28, 1), (0.0, 1.0))
    assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert run.settings["validation_samples"] == 36
    assert {"tinytl", "tensorflow", "keras", "numpy", "python"} <= set(run.environment)


def test_accuracy_is_that_of_the_kept_weights_on_the_test_split(run: Run, digits: Dataset) -> None:
    predicted = load_model(run).predict(digits.x_test / np.float32(255), verbose=0).argmax(axis=1)
    assert run.accuracy == pytest.approx(np.mean(predicted == digits.y_test))


@pytest.mark.long
def test_same_seed_same_weights(run: Run, digits: Dataset, tmp_path: Path) -> None:
    again, other = (pretrain("ds-cnn", digits, tmp_path / str(seed), epochs=1, seed=seed) for seed in (1, 2))
    first = load_model(run).get_weights()
    assert all(np.array_equal(one, two) for one, two in zip(first, load_model(again).get_weights(), strict=True))
    assert again.history == run.history
    assert not np.array_equal(first[0], load_model(other).get_weights()[0])


@pytest.mark.long
def test_own_keras_file_learns_vectors(vectors: Dataset, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    run = pretrain(
        own_model(tmp_path / "mine.keras"),
        vectors,
        tmp_path / "run",
        epochs=8,
        learning_rate=0.02,
        progress=lambda *step: steps.append(step),
    )
    assert run.model == "mine"
    assert run.accuracy > 0.85
    assert run.history["loss"][-1] < run.history["loss"][0] / 2
    assert run.history["learning_rate"] == sorted(run.history["learning_rate"], reverse=True)
    assert [step[1:] for step in steps] == [(epoch, 8) for epoch in range(1, 9)]
    assert steps[0][0].startswith("pretrain: loss ")


@pytest.mark.long
def test_softmax_at_the_end_is_a_probability_not_a_logit(vectors: Dataset, tmp_path: Path) -> None:
    runs = [
        pretrain(own_model(tmp_path / f"{name}.keras", activation=name), vectors, tmp_path / name, epochs=5, learning_rate=0.02)
        for name in ("softmax", "linear")
    ]
    assert runs[0].accuracy == pytest.approx(runs[1].accuracy, abs=0.1)
    assert runs[0].history["loss"][-1] == pytest.approx(runs[1].history["loss"][-1], abs=0.15)


@pytest.mark.long
def test_stops_when_it_gets_worse_and_keeps_good_weights(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3
    noise = Dataset("noise", x[:50], y[:50], x[50:], y[50:], ("a", "b", "c"))
    run = pretrain(own_model(tmp_path / "m.keras"), noise, tmp_path / "run", epochs=60, patience=2, learning_rate=0.05, seed=3)
    kept = run.settings["kept_epoch"]
    assert len(run.history["loss"]) in (kept + 2, 60)
    best = max(run.history["val_accuracy"])
    assert run.history["val_accuracy"][kept - 1] >= best - (best * (1 - best) / run.settings["validation_samples"]) ** 0.5 - 1e-6


def test_source_task_is_found_again_in_the_same_split(tmp_path: Path, vectors: Dataset) -> None:
    np.savez(tmp_path / "own.npz", x=vectors.x_train, y=vectors.y_train)
    dataset = load_dataset(tmp_path / "own.npz", seed=5)
    run = pretrain(own_model(tmp_path / "m.keras"), dataset, tmp_path / "run", epochs=1)
    assert np.array_equal(load_run(run.path).load_dataset().x_test, dataset.x_test)


def test_dataset_made_in_memory_cannot_be_found_again(run: Run) -> None:
    with pytest.raises(ModelError, match=r"was trained on 'few', a dataset made in memory\nhint: pass the dataset itself"):
        run.load_dataset()


@pytest.mark.long
def test_earlier_run_is_replaced(vectors: Dataset, tmp_path: Path) -> None:
    model = own_model(tmp_path / "m.keras")
    pretrain(model, vectors, tmp_path / "run", epochs=1)
    pretrain(model, vectors, tmp_path / "run", epochs=2)
    assert len(load_run(tmp_path / "run").history["loss"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "run"]


@pytest.mark.parametrize(("name", "text"), [("file", "is a file; expected a new folder"), ("folder", "is a folder that holds no run")])
def test_other_things_are_not_overwritten(vectors: Dataset, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("precious")
    with pytest.raises(ModelError) as refused:
        pretrain("ds-cnn", vectors, tmp_path / name, epochs=1)
    assert text in str(refused.value)
    assert (tmp_path / "folder" / "thesis.txt").read_text() == "precious"


def test_failure_leaves_the_earlier_run(vectors: Dataset, tmp_path: Path) -> None:
    model = own_model(tmp_path / "m.keras")
    pretrain(model, vectors, tmp_path / "run", epochs=1)
    before = (tmp_path / "run" / "run.json").read_bytes()
    wild = Dataset("wild", vectors.x_train * 1e30, vectors.y_train, vectors.x_test, vectors.y_test, vectors.classes)
    with pytest.raises(ModelError, match=r"training diverged in epoch 1: loss (nan|inf)\nhint: learning_rate below"):
        pretrain(model, wild, tmp_path / "run", epochs=2, learning_rate=1e30)
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "run"]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"model": "resnet-99"}, ModelError, "no model 'resnet-99' in the zoo; expected ds-cnn, gesture-cnn, thesis-small"),
        ({"model": "gone.keras"}, ModelError, "no model at gone.keras"),
        ({"model": "ds-cnn"}, ModelError, "dataset 'vectors': model 'ds-cnn' cannot take samples of shape 5; expected images"),
        ({"outputs": 4}, ModelError, "model 'm' has 4 outputs; dataset 'vectors' has 3 classes; expected one output for each class"),
        ({"inputs": 6}, DataError, "samples have shape 5; expected 6, the model's input"),
        ({"epochs": 0}, ModelError, "epochs is 0; expected 1 or more"),
        ({"learning_rate": -1.0}, ModelError, "learning_rate is -1.0; expected a positive number"),
    ],
)
def test_refusals(vectors: Dataset, tmp_path: Path, changes: dict[str, Any], error: type[Exception], text: str) -> None:
    sizes = {key: changes.pop(key) for key in ("inputs", "outputs") if key in changes}
    model = changes.pop("model", None) or own_model(tmp_path / "m.keras", **sizes)
    with pytest.raises(error) as refused:
        pretrain(model, vectors, tmp_path / "run", **{"epochs": 1, **changes})
    assert text in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_broken_keras_file(vectors: Dataset, tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    with pytest.raises(ModelError, match=r"broken\.keras is no model that tinytl knows; expected a \.keras file"):
        pretrain(tmp_path / "broken.keras", vectors, tmp_path / "run", epochs=1)


def copied(run: Run, folder: Path, **changes: Any) -> Path:
    """Copy a run and change fields of its run.json; None removes one."""
    folder.mkdir()
    for path in run.path.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    fields = {**json.loads((folder / "run.json").read_text()), **changes}
    (folder / "run.json").write_text(json.dumps({key: value for key, value in fields.items() if value is not None}))
    return folder


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "other"}, "run.json: format 'other'; expected 'tinytl-run'"),
        ({"format_version": 2}, "run.json: format_version 2; expected 1\nhint: update tinytl"),
        ({"classes": None}, "run.json: classes is None; expected a list"),
        ({"resize": [12]}, "run.json: resize is [12]; expected a height and a width"),
    ],
)
def test_altered_run_is_refused(run: Run, tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ModelError) as refused:
        load_run(copied(run, tmp_path / "copy", **changes))
    assert text in str(refused.value)


def test_incomplete_run_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no run in .*; expected a folder with run\.json\nhint: tinytl pretrain --out RUN makes one"):
        load_run(tmp_path)
    folder = copied(run, tmp_path / "copy")
    (folder / "history.json").write_text('{"loss": [')
    with pytest.raises(ModelError, match=r"history\.json cannot be read: .*; expected a whole JSON file"):
        load_run(folder)
    (folder / "history.json").write_text("[]")
    with pytest.raises(ModelError, match=r"history\.json holds list; expected a JSON object"):
        load_run(folder)
    (folder / "model.keras").unlink()
    with pytest.raises(ModelError, match=r"has no model\.keras"):
        load_run(folder)
