# SPDX-License-Identifier: Apache-2.0
"""What many tests start from: a small task, a model trained on it in a second, and its bundle. Made once a session."""

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tiny_task import tiny_task
from tinytl.data.dataset import Dataset
from tinytl.training.run_folder import Run


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    """The source task: 400 + 120 images, four classes."""
    return tiny_task("tiny", seed=7)


@pytest.fixture(scope="session")
def tiny_run(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run folder: a Keras CNN (conv, depthwise, 1×1, pooling, Dense 16, Dense 4) trained on it; range 0 … 1."""
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    import keras
    from keras import layers

    from tinytl.training.pretraining import pretrain

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(momentum=0.8, name="conv_norm"),
            layers.ReLU(name="conv_relu"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise"),
            layers.Conv2D(12, 1, activation="relu", name="pointwise"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(4, activation="softmax", name="classes"),
        ],
        name="tiny",
    )
    folder = tmp_path_factory.mktemp("tiny")
    model.save(folder / "tiny.keras")
    return pretrain(
        folder / "tiny.keras",
        tiny_dataset,
        folder / "run",
        epochs=8,
        batch_size=32,
        learning_rate=0.01,
        augment=False,
        seed=3,
    )


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Run) -> Any:
    """Its Keras model."""
    from tinytl.training.pretraining import load_model

    return load_model(tiny_run)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_run: Run, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of its bundle, plan `fc`: 108 features, Dense 16 relu, Dense 4; 40 replayed samples, room for 6 classes."""
    from tinytl.exporting.export import export

    path = tmp_path_factory.mktemp("bundle") / "tiny.tinytl"
    export(tiny_run, dataset=tiny_dataset, plan="fc", out=path, replay_samples=40, class_capacity=6)
    return path


@pytest.fixture(scope="session")
def woven_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a bundle with two features and layers of most kinds; only biases and the last Dense train."""
    pytest.importorskip("keras", reason="needs tinytl[host]")
    from cut_models import noise, shaken, woven

    from tinytl.exporting.export import export_model

    path = tmp_path_factory.mktemp("woven") / "woven.tinytl"
    export_model(
        shaken(woven()), noise((8, 8, 3)), plan="bias+last-dense:1", out=path, model_name="woven", value_range=(0.0, 1.0), dropout=True
    )
    return path
