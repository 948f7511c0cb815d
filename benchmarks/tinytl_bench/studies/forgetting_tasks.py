# SPDX-License-Identifier: Apache-2.0
"""Tasks of five classes that a model knows and five that it is taught: the first and the second half of a dataset's classes.

In: a dataset's name and a folder for pretrained models. Out: an `OldAndNew`. The validation parts are drawn from the training samples
before anything is trained: none of them is pretrained with, replayed or taught.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinytl.data import Dataset, load_dataset
from tinytl.errors import BenchError
from tinytl.model_kind import RUN_FILE
from tinytl.progress import Progress
from tinytl.training.pretraining import pretrain
from tinytl.training.run_folder import Run, load_run
from tinytl_bench.studies.plans.tasks import of_classes

VALIDATION_SHARE = 0.25
MODEL, EPOCHS = "ds-cnn", 40
_SEED = 1


@dataclass(frozen=True)
class OldAndNew:
    """A task: what a run knows, and what it is taught.

    Attributes:
        name, title: for files and tables. run: trained on the old classes.
        old: its train split was pretrained with and is replayed, its test split tests what is forgotten.
        new: its train split is taught from, its test split tests what is learned.
        old_validation, new_validation: datasets whose test split chooses settings, and is in none of the others.
    """

    name: str
    title: str
    run: Run
    old: Dataset
    new: Dataset
    old_validation: Dataset
    new_validation: Dataset


def _halved(name: str, title: str, load: Callable[[], Dataset], folder: Path, progress: Progress) -> OldAndNew:
    dataset = load()
    numbers = {label: number for number, label in enumerate(dataset.classes)}
    half = len(numbers) // 2
    halves = [dict(list(numbers.items())[part]) for part in (slice(half), slice(half, None))]
    (old, old_validation), (new, new_validation) = (held_out(of_classes(dataset, classes)) for classes in halves)
    at = folder / f"{MODEL}-{name}-first-half"
    run = load_run(at) if (at / RUN_FILE).is_file() else pretrain(MODEL, old, at, epochs=EPOCHS, seed=_SEED, progress=progress)
    return OldAndNew(name, title, run, old, new, old_validation, new_validation)


def held_out(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Take `VALIDATION_SHARE` of the train split out; return the dataset without it, and the same with it as its test split."""
    drawn = np.random.default_rng(_SEED).permutation(len(dataset.x_train))
    kept, held = np.split(drawn, [len(drawn) - round(VALIDATION_SHARE * len(drawn))])
    rest = replace(dataset, x_train=dataset.x_train[kept], y_train=dataset.y_train[kept])
    return rest, replace(rest, x_test=dataset.x_train[held], y_test=dataset.y_train[held])


_TITLES = {
    "mnist-5k": "MNIST 0–4 → 5–9",
    "uci-digits": "UCI digits 0–4 → 5–9",
    "usps": "USPS 0–4 → 5–9",
    "notmnist": "letters A–E → F–J",
}
"""By the datasets; the first two ship with packages."""
TASKS = tuple(_TITLES)


def open_task(name: str, folder: Path, progress: Progress) -> OldAndNew:
    """Open a task, pretraining its model where the folder has none.

    Args:
        name: one of `TASKS`. folder: of pretrained models. progress: of the pretraining.

    Raises:
        BenchError: no such task. DataError: its data is not there.
    """
    if name not in _TITLES:
        raise BenchError(f"no task {name!r}", expected=", ".join(TASKS))
    return _halved(name, _TITLES[name], lambda: load_dataset(name), folder, progress)
