# SPDX-License-Identifier: Apache-2.0
"""A bundle that was made of an int8 .tflite: on the board features are the reference kernels', and what is taught is the twin's."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tflite_classifiers import NAMES, classifier, samples, task

from published import published_file
from tinytl.bundle.bundle import Bundle
from tinytl.data.dataset import Dataset
from tinytl.exporting.export import export
from tinytl.tflite.interpreter import Interpreter
from tinytl_bridge import connect
from tinytl_bridge.wire.requests import TeachFlags

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)


def learns_as_the_twin(bundle: Bundle, x: np.ndarray, y: np.ndarray, names: tuple[str, ...], folder: Path, *, tested: int) -> None:
    """Flash, infer, teach with new classes on twin and board; compare every byte. tested: samples whose features are compared."""
    (features,) = Interpreter(bundle.extractor).run(x[:tested])
    heads, traces = [], []
    for target in ("host", "qemu:mps2-an386"):
        with connect(target, state_dir=folder / target.replace(":", "-")) as device:
            device.flash(bundle)
            for sample, wanted in zip(x, features.reshape(tested, -1), strict=False):
                device.infer(sample)
                assert device.outputs(count=wanted.size).tobytes() == wanted.tobytes()
            taught = device.teach(x, y, classes=names, new_classes=True, flags=TeachFlags(trace=True))
            traces.append([(step.head_crc32, step.predicted) for step in taught.samples])
            heads.append((device.head_parameters().tobytes(), device.labels()))
    assert traces[0] == traces[1]
    assert heads[0] == heads[1]
    assert set(names) <= set(heads[0][1])


@needs_qemu
def test_a_small_classifier(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier(rows=True))
    bundle = export(tmp_path / "trees.tflite", dataset=task(), out=tmp_path / "trees.tinytl", class_capacity=6)
    learns_as_the_twin(bundle, samples(40), np.arange(40) % 6, (*NAMES, "pine"), tmp_path, tested=40)


@needs_qemu
def test_the_published_keyword_model(tmp_path: Path) -> None:
    path = published_file("mlperf_tiny/kws_ref_model.tflite")
    x = np.random.default_rng(4).integers(-128, 128, (90, 49, 10, 1)).astype(np.int8)
    names = tuple(f"word {number}" for number in range(13))
    y = np.arange(90) % 12
    known = Dataset("noise", x[:60], y[:60], x[60:], y[60:], names[:12])
    bundle = export(path, dataset=known, out=tmp_path / "kws.tinytl", class_capacity=15)
    learns_as_the_twin(bundle, x[:20], np.arange(20) % 13, names, tmp_path, tested=10)
