# SPDX-License-Identifier: Apache-2.0
"""A sweep of a small int8 .tflite, which needs no TensorFlow; as a program, in a folder: to be killed."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tflite_classifiers import NAMES, classifier, task

from tinytl.data.dataset import Dataset
from tinytl_bench.sweep import Sweep, SweepSettings, run_sweep

RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02)


def target() -> Dataset:
    """Other classes, told by the first number of a sample: the outputs get a new meaning."""
    generator = np.random.default_rng(8)
    x = generator.integers(-128, 128, (400, 12)).astype(np.int8)
    y = (x[:, 0] > 0).astype(np.int64)
    return Dataset("sides", x[:320], y[:320], x[320:], y[320:], ("left", "right"))


def same_classes() -> Dataset:
    """The source's classes, each with another one's name."""
    source = task()
    return replace(source, name="renamed", classes=(*NAMES[1:], NAMES[0]))


def swept(folder: Path, **settings: Any) -> Sweep:
    """Sweep it, on the twin alone unless told otherwise."""
    folder.mkdir(exist_ok=True)
    model = folder / "trees.tflite"
    model.write_bytes(classifier())
    chosen = {"weights": ("float32", "int8"), "places": ("twin",), "rates": RATES, "seeds": 2, "workers": 1, **settings}
    return run_sweep(model, target(), SweepSettings(folder / "out", **chosen), source=task())


if __name__ == "__main__":
    swept(Path(sys.argv[1]), workers=int(sys.argv[2]), passes=20)
