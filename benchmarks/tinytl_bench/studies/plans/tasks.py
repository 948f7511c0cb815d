# SPDX-License-Identifier: Apache-2.0
"""The tasks of the study: what a model knows when it leaves the workstation, and what it meets on the device.

In: a task's name and a folder for pretrained models. Out: an `OpenTask`. A task is an entry of `TASKS`. Where target and source share
their labels, the device replays samples of the source; where they do not, the model's outputs get a new meaning, and there is nothing to
remember.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.data import Dataset, load_dataset
from tinytl.data.published import DATA_DIR_VARIABLE, data_folder
from tinytl.errors import BenchError
from tinytl.keras_models import load_model
from tinytl.model_kind import RUN_FILE
from tinytl.progress import Progress
from tinytl.training.pretraining import pretrain
from tinytl.training.run_folder import load_run
from tinytl_bench.studies.plans.gestures import load_gestures

CNN_PLANS = ("last-dense", "fc+conv1:25%", "fc+conv1", "fc+conv2", "all", "bias-only", "bias+last-dense")
RESNET_PLANS = tuple(plan for plan in CNN_PLANS if plan != "all")
"""Without the whole network, which no board here has the memory for."""
THINGS = {
    "bear": 3, "leopard": 42, "lion": 43, "tiger": 88, "wolf": 97, "bicycle": 8, "bus": 13, "motorcycle": 48,
    "pickup_truck": 58, "train": 90,
}  # fmt: skip
"""Two superclasses of CIFAR-100, large carnivores and vehicles 1, with their numbers: files of it need not hold names."""
_PRETRAINING_SAMPLES = 6000
_TEST_SAMPLES = 1000
_SEED = 1


@dataclass(frozen=True)
class OpenTask:
    """A task with its model and data.

    Attributes:
        model: trained keras.Model. model_name, value_range: as `export_model` takes them.
        source: what it was trained on, its test split the measure of forgetting. target: what it is taught, with a test split.
    """

    model: Any
    model_name: str
    value_range: tuple[float, float]
    source: Dataset
    target: Dataset


Open = Callable[[Path, Progress], OpenTask]


@dataclass(frozen=True)
class StudyTask:
    """A task as data.

    Attributes:
        title: for tables. shares_labels: whether the target's labels mean what the source's mean.
        samples: of the target's train split that are taught, at most. passes: over them. plans: compared by default.
    """

    name: str
    title: str
    shares_labels: bool
    samples: int
    passes: int
    plans: tuple[str, ...]
    open: Open


def find_task(name: str) -> StudyTask:
    """Return a task by its name. Raises BenchError where there is none."""
    if name not in TASKS:
        raise BenchError(f"no task {name!r}", expected=", ".join(TASKS))
    return TASKS[name]


def _digits(folder: Path, progress: Progress) -> OpenTask:
    source = load_dataset("mnist-5k")
    return _pretrained("ds-cnn", source, load_dataset("uci-digits"), folder / "ds-cnn-mnist-5k", progress, epochs=60)


def _usps(folder: Path, progress: Progress) -> OpenTask:
    return _from_mnist("usps", folder, progress)


def _letters(folder: Path, progress: Progress) -> OpenTask:
    return _from_mnist("notmnist", folder, progress)


def _from_mnist(target: str, folder: Path, progress: Progress) -> OpenTask:
    source = _part(load_dataset("mnist"), train=_PRETRAINING_SAMPLES)
    return _pretrained("ds-cnn", source, _part(load_dataset(target)), folder / "ds-cnn-mnist", progress, epochs=30)


def _things(folder: Path, progress: Progress) -> OpenTask:
    model = load_model(_own_file("models/mlperf_tiny/pretrainedResnet.h5", "the published ResNet-8 of MLPerf Tiny"))
    target = of_classes(load_dataset("cifar100"), THINGS)
    return OpenTask(model, "resnet-8", (0.0, 255.0), _part(load_dataset("cifar10"), train=2000), target)


def _gestures(folder: Path, progress: Progress) -> OpenTask:
    source, target = load_gestures(_own_file("packed/magic_wand.npz", "recordings of TFLM's magic wand"))
    return _pretrained("gesture-cnn", source, target, folder / "gesture-cnn", progress, epochs=20)


def _pretrained(name: str, source: Dataset, target: Dataset, folder: Path, progress: Progress, *, epochs: int) -> OpenTask:
    """Pretrain a model of the zoo on the source, or take the one that an earlier study left in the folder."""
    if (folder / RUN_FILE).is_file():
        run = load_run(folder)
    else:
        run = pretrain(name, source, folder, epochs=epochs, seed=_SEED, progress=progress)
    return OpenTask(load_model(run.model_path), name, run.value_range, source, target)


def _own_file(name: str, what: str) -> Path:
    """Return a file of the user's own folder."""
    folder = data_folder()
    path = folder / name if folder else Path(name)
    if folder is None or not path.is_file():
        where = f"{folder} does not hold" if folder else f"{DATA_DIR_VARIABLE} is not set: no"
        raise BenchError(f"{where} {name}", expected=what, hint=f"export {DATA_DIR_VARIABLE}=FOLDER")
    return path


def _part(dataset: Dataset, *, train: int | None = None) -> Dataset:
    """Return a seeded part of a dataset: `train` samples to train with, at most `_TEST_SAMPLES` to test with."""
    generator = np.random.default_rng(_SEED)
    rows = generator.permutation(len(dataset.x_train))[:train]
    tested = generator.permutation(len(dataset.x_test))[:_TEST_SAMPLES]
    return replace(
        dataset, x_train=dataset.x_train[rows], y_train=dataset.y_train[rows],
        x_test=dataset.x_test[tested], y_test=dataset.y_test[tested],
    )  # fmt: skip


def of_classes(dataset: Dataset, classes: Mapping[str, int]) -> Dataset:
    """Return the samples of some classes, which become classes 0, 1 … in the order given.

    Args:
        classes: name → number in the dataset.
    """
    numbers = np.full(len(dataset.classes), -1, np.int64)
    numbers[list(classes.values())] = np.arange(len(classes))
    train, test = numbers[dataset.y_train], numbers[dataset.y_test]
    return replace(
        dataset, x_train=dataset.x_train[train >= 0], y_train=train[train >= 0],
        x_test=dataset.x_test[test >= 0], y_test=test[test >= 0], classes=tuple(classes),
    )  # fmt: skip


TASKS = {
    task.name: task
    for task in (
        StudyTask("digits", "MNIST → UCI digits", True, 898, 1, CNN_PLANS, _digits),
        StudyTask("usps", "MNIST → USPS", True, 2000, 1, CNN_PLANS, _usps),
        StudyTask("letters", "MNIST → notMNIST A–J", False, 2000, 3, CNN_PLANS, _letters),
        StudyTask("things", "CIFAR-10 → ten classes of CIFAR-100", False, 1000, 3, RESNET_PLANS, _things),
        StudyTask("gestures", "gestures → new person, board turned", True, 200, 10, CNN_PLANS, _gestures),
    )
}
