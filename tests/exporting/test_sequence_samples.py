# SPDX-License-Identifier: Apache-2.0
"""Samples of rank 3 [N, T, F], floats and bytes: pretrained, exported and taught as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.data import load_dataset
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import quantize_samples
from tinytl.errors import DataError, ModelError
from tinytl.exporting.export import export
from tinytl.tflite.signature import read_signature
from tinytl.training.pretraining import pretrain

keras = pytest.importorskip("keras", reason="needs tinytl[host]")
STEPS, CHANNELS, CLASSES = 24, 2, 3


def waves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 24, 2) float32 in about −1.6 … 1.6, sines of three frequencies with noise, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    turns = 2 * np.pi * 2 * (labels[:, None] + 1) * np.arange(STEPS) / STEPS + generator.uniform(0, 6, count)[:, None]
    clean = np.stack([np.sin(turns), np.cos(turns) * (0.5 + labels[:, None] / 3)], axis=-1)
    return (clean + generator.normal(0, 0.15, clean.shape)).astype(np.float32), labels


def layers_of(kind: str) -> list[Any]:
    made = keras.layers
    if kind == "conv":
        return [made.Conv1D(8, 5, strides=2, activation="relu"), made.Conv1D(8, 3, activation="relu"), made.GlobalAveragePooling1D()]
    return [made.AveragePooling1D(3), made.LSTM(8, unroll=True)]


@pytest.fixture(scope="module")
def data_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("waves") / "waves.npz"
    (x_train, y_train), (x_test, y_test) = waves(300, 1), waves(90, 2)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def trained(kind: str, data: Path, folder: Path, epochs: int) -> Any:
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((STEPS, CHANNELS)), *layers_of(kind), keras.layers.Dense(CLASSES, activation="softmax")])
    model.save(folder / f"{kind}.keras")
    return pretrain(folder / f"{kind}.keras", load_dataset(data), folder / "run", epochs=epochs, batch_size=32, learning_rate=0.02)


@pytest.fixture(scope="module")
def conv_run(data_path: Path) -> Any:
    return trained("conv", data_path, data_path.parent, 8)


def converted(run: Any, x: np.ndarray, ends: str) -> bytes:
    """Convert with the stock converter, as people do; ends: dtype of input and output."""
    import tensorflow as tf

    from tinytl.keras_models import load_model, quiet

    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(load_model(run.model_path))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([each[None]] for each in x[:50])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, ends)
        return bytes(converter.convert())


def taught_accuracy(bundle: Path, dataset: Dataset, folder: Path) -> float:
    from tinytl.bundle.bundle import read_bundle
    from tinytl_bridge import connect

    with connect("host", state_dir=folder / "state") as device:
        device.flash(read_bundle(bundle))
        assert device.teach(dataset.x_train[:20], dataset.y_train[:20]).taught == 20
        return float(device.evaluate(dataset.x_test, dataset.y_test).accuracy)


def test_floats_are_pretrained_exported_and_taught(conv_run: Any, data_path: Path, tmp_path: Path) -> None:
    assert conv_run.accuracy > 0.9
    assert (conv_run.input_shape, conv_run.unit_floats) == ((STEPS, CHANNELS), False)
    bundle = export(conv_run, out=tmp_path / "conv.tinytl", plan="fc+conv1", replay_samples=20)
    assert bundle.manifest["input"]["shape"] == [STEPS, CHANNELS]
    assert bundle.manifest["source"]["accuracy_int8"] == pytest.approx(conv_run.accuracy, abs=0.05)
    assert taught_accuracy(tmp_path / "conv.tinytl", load_dataset(data_path), tmp_path) > 0.9


@pytest.mark.long
def test_a_recurrent_layer_takes_them_too(data_path: Path, tmp_path: Path) -> None:
    run = trained("lstm", data_path, tmp_path, 1)
    bundle = export(run, out=tmp_path / "lstm.tinytl", replay_samples=0)
    assert bundle.manifest["input"]["shape"] == [STEPS, CHANNELS]
    assert bundle.manifest["source"]["accuracy_int8"] == pytest.approx(run.accuracy, abs=0.1)
    taught_accuracy(tmp_path / "lstm.tinytl", load_dataset(data_path), tmp_path)


@pytest.mark.parametrize("ends", ["int8", "float32", "uint8"])
def test_a_tflite_takes_bytes_and_floats(conv_run: Any, data_path: Path, tmp_path: Path, ends: str) -> None:
    """Int8 samples are what an int8 model takes, behind its QUANTIZE where it takes another type; floats are real numbers."""
    floats = load_dataset(data_path)
    (tmp_path / "conv.tflite").write_bytes(converted(conv_run, floats.x_train, ends))
    bundle = export(tmp_path / "conv.tflite", dataset=floats, out=tmp_path / "floats.tinytl", replay_samples=20)
    facts = read_signature(bundle.extractor).inputs[0]
    assert (facts.shape, facts.dtype) == ((1, STEPS, CHANNELS), "int8")
    parts = {
        f"x_{split}": quantize_samples(getattr(floats, f"x_{split}"), scale=facts.scale, zero_point=facts.zero_point)
        for split in ("train", "test")
    }
    np.savez(tmp_path / "bytes.npz", **parts, y_train=floats.y_train, y_test=floats.y_test)
    bytes_ = load_dataset(tmp_path / "bytes.npz")
    assert (bytes_.sample_shape, bytes_.x_train.dtype) == ((STEPS, CHANNELS), np.int8)
    again = export(tmp_path / "conv.tflite", dataset=bytes_, out=tmp_path / "bytes.tinytl", replay_samples=20)
    np.testing.assert_array_equal(again.replay_features, bundle.replay_features)
    assert again.manifest["source"]["accuracy_int8"] == bundle.manifest["source"]["accuracy_int8"] > 0.9
    if ends == "int8":
        assert taught_accuracy(tmp_path / "bytes.tinytl", bytes_, tmp_path) > 0.9


@pytest.mark.long
def test_pixels_of_a_float_model_follow_its_range(tiny_run: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """An image model whose .tflite takes floats: uint8 samples are pixels of all that its input holds, about 0 … 1."""
    real = tiny_dataset.x_train.astype(np.float32) / 255
    (tmp_path / "tiny.tflite").write_bytes(converted(tiny_run, real, "float32"))
    bundle = export(tmp_path / "tiny.tflite", dataset=tiny_dataset, out=tmp_path / "tiny.tinytl", replay_samples=0)
    assert bundle.manifest["preprocessing"]["range"] == pytest.approx([0, 1], abs=0.05)
    assert bundle.manifest["source"]["accuracy_int8"] > 0.9
    assert bundle.manifest["warnings"] == []


def as_floats(dataset: Dataset, factor: float) -> Dataset:
    x_train, x_test = (x.astype(np.float32) * np.float32(factor) for x in (dataset.x_train, dataset.x_test))
    return Dataset("floats", x_train, dataset.y_train, x_test, dataset.y_test, dataset.classes)


@pytest.mark.long
def test_floats_in_0_to_1_become_the_range_that_is_given(tiny_model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    from tinytl_bridge import connect

    scaled = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Rescaling(1 / 255), *tiny_model.layers])
    scaled.save(tmp_path / "mine.keras")
    floats = as_floats(tiny_dataset, 1 / 255)
    with pytest.raises(ModelError) as refused:
        export(tmp_path / "mine.keras", dataset=floats, out=tmp_path / "x.tinytl")
    text = str(refused.value)
    assert text.startswith("float samples of 'floats' lie in 0 … 1; as they are 'mine' has ")
    assert text.endswith("expected samples as the model was trained on\nhint: --input-range 0:255 says what 0 and 1 become")
    with pytest.raises(ModelError, match=r"lie in 0 … 1, and the first layer of 'mine' is made for 0:255; expected samples that are not"):
        pretrain(tmp_path / "mine.keras", floats, tmp_path / "run", epochs=1)
    bundle = export(tmp_path / "mine.keras", dataset=floats, out=tmp_path / "x.tinytl", value_range=(0.0, 255.0), replay_samples=0)
    assert bundle.manifest["preprocessing"] == {"range": [0.0, 255.0], "resize": "bilinear", "floats": "unit"}
    assert bundle.manifest["source"]["accuracy_int8"] > 0.9
    with connect("host", state_dir=tmp_path / "state") as device:
        device.flash(bundle)
        found = [device.evaluate(each.x_test, each.y_test).predictions for each in (floats, tiny_dataset)]
        np.testing.assert_array_equal(*found)
        with pytest.raises(DataError) as outside:
            device.evaluate(as_floats(tiny_dataset, 1.0).x_test, tiny_dataset.y_test)
    assert "and the model's range was given for floats in 0 … 1; expected 0 to 1\nhint: leave --input-range out" in str(outside.value)


@pytest.mark.long
def test_a_run_remembers_what_its_floats_are(tiny_run: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    from tinytl.training.run_folder import load_run

    floats = as_floats(tiny_dataset, 1 / 255)
    run = pretrain(tiny_run.model_path, floats, tmp_path / "run", epochs=1, learning_rate=1e-6, augment=False, value_range=(0.0, 1.0))
    assert load_run(run.path).unit_floats
    bundle = export(run.path, dataset=floats, out=tmp_path / "x.tinytl", replay_samples=0)
    assert bundle.manifest["preprocessing"]["floats"] == "unit"


def test_guessing_on_its_own_task_is_told(tiny_run: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    real = tiny_dataset.x_train.astype(np.float32) / 255
    (tmp_path / "tiny.tflite").write_bytes(converted(tiny_run, real, "int8"))
    bundle = export(tmp_path / "tiny.tflite", dataset=tiny_dataset, out=tmp_path / "x.tinytl", value_range=(-9.0, -8.0), replay_samples=0)
    (warning,) = bundle.manifest["warnings"]
    assert warning == (
        "the model has 25.0 % of 120 samples of its own task right, as someone who guesses: "
        "are they scaled, and numbered, as those that it was trained on?"
    )
