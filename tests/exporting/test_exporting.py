# SPDX-License-Identifier: Apache-2.0
"""Exporting: a run becomes a bundle whose parts prove themselves, and the same run becomes the same bytes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cut_models import noise, residual, shaken

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.cutting.keras_cut import cut
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples, quantize_samples
from tinytl.errors import BundleError, ModelError
from tinytl.exporting.export import export, export_model
from tinytl.exporting.packing import balanced
from tinytl.head.forward import logits
from tinytl.head.learning import Learning
from tinytl.tflite.interpreter import Interpreter
from tinytl.training.run_folder import Run

ANOTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from tinytl.data.dataset import Dataset
from tinytl.exporting.export import export
data = np.load(sys.argv[2])
dataset = Dataset("tiny", *(data[name] for name in ("a", "b", "c", "d")), tuple(data["classes"].tolist()))
export(Path(sys.argv[1]), dataset=dataset, plan="fc", out=Path(sys.argv[3]), replay_samples=40, class_capacity=6)
"""


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return read_bundle(tiny_bundle)


@pytest.mark.long
def test_same_run_gives_the_same_bytes_in_another_process(tiny_run: Run, tiny_dataset: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    splits = dict(zip("abcd", (tiny_dataset.x_train, tiny_dataset.y_train, tiny_dataset.x_test, tiny_dataset.y_test), strict=True))
    np.savez(tmp_path / "data.npz", classes=np.array(tiny_dataset.classes), **splits)
    out = tmp_path / "tiny.tinytl"
    arguments = [str(tiny_run.path), str(tmp_path / "data.npz"), str(out)]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == tiny_bundle.read_bytes()


def test_manifest_says_what_was_done(bundle: Bundle, tiny_run: Run) -> None:
    manifest = bundle.manifest
    assert list(manifest)[:5] == ["format", "format_version", "name", "model", "plan"]
    assert (manifest["name"], manifest["model"], manifest["plan"]) == ("tiny", "tiny", "fc")
    assert manifest["labels"] == ["bar", "beam", "slope", "blob"]
    assert manifest["class_capacity"] == 6
    assert manifest["input"]["shape"] == [12, 12, 1]
    assert manifest["preprocessing"] == {"range": [0.0, 1.0], "resize": "bilinear"}
    assert [each["shape"] for each in manifest["features"]] == [[3, 3, 12]]
    assert manifest["macs"] == {"frozen": 8640, "trainable": 1792}
    assert manifest["source"]["dataset"] == "tiny"
    assert manifest["source"]["accuracy_float"] == pytest.approx(tiny_run.accuracy)
    assert manifest["source"]["test_samples"] == 120
    assert set(manifest["created_with"]) == {"tinytl", "tensorflow", "keras", "numpy"}
    assert [row["name"] for row in manifest["layer_errors"]][-1] == "features"


def test_bundle_answers_as_the_float_model(bundle: Bundle, tiny_model: Any, tiny_dataset: Dataset) -> None:
    """The whole way of a device: pixels → int8 → extractor → dequantize → head."""
    facts, features = bundle.manifest["input"], bundle.manifest["features"][0]
    real = fit_samples(tiny_dataset.x_test, shape=facts["shape"], value_range=(0.0, 1.0))
    (answer,) = Interpreter(bundle.extractor).run(quantize_samples(real, scale=facts["scale"], zero_point=facts["zero_point"]))
    dequantized = (answer.astype(np.float32) - features["zero_point"]) * np.float32(features["scale"])
    predicted = logits(bundle.head, [dequantized]).argmax(axis=1)
    wanted = tiny_model.predict(tiny_dataset.x_test / np.float32(255), verbose=0).argmax(axis=1)
    assert np.mean(predicted == wanted) > 0.97
    assert np.mean(predicted == tiny_dataset.y_test) == pytest.approx(bundle.manifest["source"]["accuracy_int8"])


def test_replay_set_holds_source_features_of_all_classes(bundle: Bundle, tiny_dataset: Dataset) -> None:
    assert np.bincount(bundle.replay_labels).tolist() == [10, 10, 10, 10]
    features = bundle.manifest["features"][0]
    real = (bundle.replay_features.astype(np.float32) - features["zero_point"]) * np.float32(features["scale"])
    assert np.mean(logits(bundle.head, [real]).argmax(axis=1) == bundle.replay_labels) > 0.9


def test_check_vectors_are_real_samples_and_noise(bundle: Bundle, tiny_dataset: Dataset) -> None:
    assert len(bundle.check_inputs) == 32
    (answer,) = Interpreter(bundle.extractor).run(bundle.check_inputs)
    assert np.array_equal(answer.reshape(32, -1), bundle.check_features)
    facts = bundle.manifest["input"]
    real = quantize_samples(
        fit_samples(tiny_dataset.x_test, shape=facts["shape"], value_range=(0.0, 1.0)),
        scale=facts["scale"],
        zero_point=facts["zero_point"],
    )
    known = {sample.tobytes() for sample in real}
    assert [row.tobytes() in known for row in bundle.check_inputs] == [True] * 24 + [False] * 8


def test_options_reach_the_bundle(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    stages: list[tuple[str, int, int]] = []
    learning = Learning(learning_rate=0.05, momentum=0.5, replays_per_step=2, seed=8, layer_rates="equal")
    found = export_model(
        tiny_model,
        tiny_dataset,
        out=tmp_path / "last.tinytl",
        model_name="own",
        value_range=(0.0, 1.0),
        learning=learning,
        replay_samples=0,
        progress=lambda *step: stages.append(step),
    )
    assert found.head.learning == read_bundle(tmp_path / "last.tinytl").head.learning == learning
    assert found.replay_features.shape == (0, 16)
    assert (found.manifest["plan"], found.manifest["class_capacity"]) == ("last-dense", 4)
    assert [layer.name for layer in found.head.layers] == [layer.name for layer in cut(tiny_model, "last-dense").head.layers]
    assert stages[-1] == ("export: replay set and check vectors", 1, 1)
    assert all(done <= total for _, done, total in stages)


def test_a_model_with_scalar_constants_and_a_residual_block(tmp_path: Path) -> None:
    """Scalars of the graph (Rescaling has two) are no layers: they have no row among the layer errors."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(image)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.Add(name="sum")([x, layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)])
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D(name="mean")(x)))
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)
    labels = np.arange(30) % 3
    dataset = Dataset("noise", images, labels, images, labels, ("a", "b", "c"))
    found = export_model(model, dataset, out=tmp_path / "x.tinytl", model_name="x", value_range=(0.0, 255.0))
    rows = found.manifest["layer_errors"]
    assert all(row["shape"][0] == 1 for row in rows)
    assert {"conv", "depthwise", "sum", "features"} <= {row["name"] for row in rows}


def answers(bundle: Bundle, inputs_s8: np.ndarray) -> np.ndarray:
    """The whole way of a device behind its input: extractor → dequantize → head."""
    features = [
        (answer.astype(np.float32) - record["zero_point"]) * np.float32(record["scale"])
        for answer, record in zip(Interpreter(bundle.extractor).run(inputs_s8), bundle.manifest["features"], strict=True)
    ]
    return logits(bundle.head, features)


@pytest.mark.parametrize("plan", ["fc+conv1", "fc+conv2", "all", "bias-only", "bias+last-dense:1"])
def test_every_plan_becomes_a_bundle(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path, plan: str) -> None:
    made = export_model(
        tiny_model, tiny_dataset, plan=plan, out=tmp_path / "x.tinytl", model_name="own", value_range=(0.0, 1.0), replay_samples=20
    )
    found = read_bundle(tmp_path / "x.tinytl")
    assert (found.manifest, found.bundle_id) == (made.manifest, made.bundle_id)
    assert found.manifest["plan"] == plan
    assert found.replay_features.shape == (20, found.head.feature_count)
    facts = found.manifest["input"]
    real = fit_samples(tiny_dataset.x_test, shape=facts["shape"], value_range=(0.0, 1.0))
    predicted = answers(found, quantize_samples(real, scale=facts["scale"], zero_point=facts["zero_point"])).argmax(axis=1)
    wanted = tiny_model.predict(tiny_dataset.x_test / np.float32(255), verbose=0).argmax(axis=1)
    assert np.mean(predicted == wanted) > 0.97
    assert np.mean(predicted == tiny_dataset.y_test) == pytest.approx(found.manifest["source"]["accuracy_int8"])
    assert found.manifest["source"]["accuracy_int8"] > 0.9
    if plan == "all":
        assert np.array_equal(found.check_features, found.check_inputs)


def test_two_features_lie_side_by_side(woven_bundle: Path) -> None:
    bundle = read_bundle(woven_bundle)
    assert [each["shape"] for each in bundle.manifest["features"]] == [[8, 8, 4], [8, 8, 4]]
    one, other = Interpreter(bundle.extractor).run(bundle.check_inputs.reshape(-1, 8, 8, 3))
    assert np.array_equal(bundle.check_features, np.concatenate([one.reshape(32, -1), other.reshape(32, -1)], axis=1))
    assert bundle.replay_features.shape == (30, 512)


@pytest.mark.parametrize(("asked", "rows"), [(None, 80), (0, 0), (200, 200)])
def test_a_replay_set_that_nobody_sizes_fits_into_160_kilobytes(tmp_path: Path, asked: int | None, rows: int) -> None:
    bundle = export_model(
        shaken(residual()), noise((16, 16, 3), 5, 220), plan="fc+conv7", out=tmp_path / "x.tinytl", model_name="r", value_range=(0.0, 1.0),
        replay_samples=asked,
    )  # fmt: skip
    assert bundle.head.feature_count == 2048
    assert len(bundle.replay_features) == rows


def test_balanced_takes_the_classes_in_turn() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 50)
    chosen = balanced(labels, 30, np.random.default_rng(1))
    assert np.bincount(labels[chosen]).tolist() == [14, 3, 13]
    assert len(set(chosen.tolist())) == 30
    assert labels[chosen[:6]].tolist() == [0, 1, 2, 0, 1, 2]
    assert len(balanced(labels, 1000, np.random.default_rng(1))) == 103
    assert not np.array_equal(chosen, balanced(labels, 30, np.random.default_rng(2)))


def test_classes_that_do_not_match_are_refused(tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    five = Dataset("five", tiny_dataset.x_train, tiny_dataset.y_train, tiny_dataset.x_test, tiny_dataset.y_test, tuple("abcde"))
    with pytest.raises(ModelError, match=r"^the model has 4 outputs and dataset 'five' has 5 classes; expected as many of both$"):
        export(tiny_run, dataset=five, out=tmp_path / "x.tinytl")
    with pytest.raises(ModelError, match=r"^class_capacity 3; expected at least 4, the model's classes$"):
        export(tiny_run, dataset=tiny_dataset, out=tmp_path / "x.tinytl", class_capacity=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("plan", "class_capacity", "text"),
    [
        ("bias-only", None, "int8 weights, and no weight trains that could be a byte; expected a dense layer or convolution whose weights train\n"
         "hint: a plan such as fc+conv1, or float32 weights"),
        ("last-dense", 5, "int8 weights, and the only layer that could have them grows with new classes; expected another dense layer or "
         "convolution whose weights train\nhint: a plan such as fc+conv1, no spare classes, or float32 weights"),
    ],
)  # fmt: skip
def test_int8_weights_that_no_layer_would_have_are_refused(
    plan: str, class_capacity: int | None, text: str, tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    learning = Learning(weights="int8")
    with pytest.raises(ModelError) as caught:
        export(tiny_run, dataset=tiny_dataset, plan=plan, learning=learning, class_capacity=class_capacity, out=tmp_path / "x.tinytl")
    assert str(caught.value) == text
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused_before_any_work(tiny_run: Run, tiny_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        export(tiny_run, dataset=tiny_dataset, out=tmp_path / "no" / "x.tinytl", progress=no_work)
    assert str(caught.value) == f"folder {tmp_path / 'no'} does not exist; expected a folder to write x.tinytl to"


def no_work(stage: str, done: int, total: int) -> None:
    raise AssertionError(f"{stage} began before the refusal")
