# SPDX-License-Identifier: Apache-2.0
"""Every model of the zoo is byte-equal to LiteRT's reference kernels over 200 random and real inputs, on the twin and on the board.

`thesis-small` needs more memory than an STM32F405 has: its refusal there is tested, and it runs on the same machine without the limits.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinytl_models
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.compiler import compile_bundle
from tinytl.data import Dataset, load_dataset
from tinytl.errors import CompileError
from tinytl.exporting.export import export_model
from tinytl.tflite.interpreter import Interpreter
from tinytl_bridge import connect
from tinytl_bridge.twin import TwinModel

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


def inputs_of(bundle: Bundle, folder: Path, *, count: int) -> np.ndarray:
    """Return int8 inputs (count, input_bytes): half real digits of two kinds, half random."""
    with connect("host", state_dir=folder) as device:
        device.flash(bundle)
        real = [device.prepare(load_dataset(name).x_test[: count // 4]) for name in ("mnist-5k", "uci-digits")]
    generator = np.random.default_rng(5)
    random = generator.integers(-128, 128, (count - len(real[0]) - len(real[1]), real[0].shape[1])).astype(np.int8)
    return np.concatenate([*real, random])


def reference(bundle: Bundle, inputs: np.ndarray) -> np.ndarray:
    """Return what LiteRT's reference kernels answer (count, features)."""
    shape = (len(inputs), *bundle.manifest["input"]["shape"])
    return Interpreter(bundle.extractor).run(inputs.reshape(shape))[0].reshape(len(inputs), -1)


def on_twin(bundle: Bundle, inputs: np.ndarray) -> np.ndarray:
    twin = TwinModel(compile_bundle(bundle).data)
    return np.stack([twin.invoke(sample)[0].reshape(-1) for sample in inputs])


def test_ds_cnn_on_the_twin(tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    inputs = inputs_of(bundle, tmp_path, count=200)
    np.testing.assert_array_equal(on_twin(bundle, inputs), reference(bundle, inputs))


@needs_qemu
@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_ds_cnn_on_the_board(board: str, tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    inputs = inputs_of(bundle, tmp_path / "host", count=200)
    expected = reference(bundle, inputs)
    with connect(f"qemu:{board}", state_dir=tmp_path) as device:
        device.flash(bundle)
        for sample, features in zip(inputs, expected, strict=True):
            device.infer_prepared(sample)
            np.testing.assert_array_equal(device.outputs(count=features.size), features)


def thesis_small(folder: Path) -> Bundle:
    """Export `thesis-small` with fresh weights, calibrated on MNIST."""
    digits = load_dataset("mnist-5k")
    part = Dataset("part", digits.x_train[:300], digits.y_train[:300], digits.x_test[:20], digits.y_test[:20], digits.classes)
    model = tinytl_models.build("thesis-small", input_shape=(32, 32, 1), classes=10)
    return export_model(
        model, part, plan="last-dense", out=folder / "thesis.tinytl", model_name="thesis-small", value_range=(0.0, 1.0), replay_samples=20
    )


@pytest.mark.long
def test_thesis_small_on_the_twin(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    bundle = thesis_small(tmp_path)
    inputs = inputs_of(bundle, tmp_path, count=200)
    np.testing.assert_array_equal(on_twin(bundle, inputs), reference(bundle, inputs))


@needs_qemu
@pytest.mark.long
def test_thesis_small_on_the_machine_without_limits(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    bundle = thesis_small(tmp_path)
    inputs = inputs_of(bundle, tmp_path / "host", count=20 if os.environ.get("TINYTL_SHORT") else 200)
    expected = reference(bundle, inputs)
    with connect("qemu:mps2-an386-large", state_dir=tmp_path) as device:
        device.flash(bundle)
        for sample, features in zip(inputs, expected, strict=True):
            device.infer_prepared(sample)
            np.testing.assert_array_equal(device.outputs(count=features.size), features)


@needs_qemu
@pytest.mark.long
def test_thesis_small_is_refused_by_the_board(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    bundle = thesis_small(tmp_path)
    with connect("qemu:mps2-an386", state_dir=tmp_path) as device:
        with pytest.raises(
            CompileError, match=r"the image needs [\d,]+ bytes, [\d,]+ of them weights and tables: [\d,]+ more than there are"
        ):
            device.flash(bundle)
        assert device.status().model_status == "no_model"
