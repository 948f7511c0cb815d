# SPDX-License-Identifier: Apache-2.0
"""`training.npz` of a run folder: where a training was stopped, so that it can go on. Checked when it is read; no pickles.

In: a `Training` and what decides it. Out: the same, or a refusal that names what is not as it was.
"""

import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.model_kind import RUN_FILE
from tinytl.training.epochs import ROW, Settings, Training

TRAINING_FILE = "training.npz"
_ARRAYS = ("variables", "optimizer", "best")
_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
_ANEW = "without --resume it is trained anew"


def facts_of(model: str, dataset: Dataset, settings: Settings, value_range: tuple[float, float]) -> dict[str, Any]:
    """Return what decides a training, by the words in which errors name it.

    Args:
        model: name of the architecture. dataset: samples as the network takes them, their held-out tenth as the test split.
        settings: of the training. value_range: (low, high) that pixels 0 and 255 became.
    """
    samples = zlib.crc32(np.ascontiguousarray(dataset.y_train).data, zlib.crc32(np.ascontiguousarray(dataset.x_train).data))
    return {"model": model, **asdict(settings), "value_range": [float(end) for end in value_range], "crc32 of the samples": samples}


def write_training(path: Path, training: Training, facts: dict[str, Any]) -> None:
    """Write a training that was stopped.

    Args:
        path: of the file. training: its state after a whole epoch. facts: what decided it, as `facts_of` tells.
    """
    arrays = {f"{role}/{number}": array for role in _ARRAYS for number, array in enumerate(getattr(training, role))}
    record = {"epoch": training.epoch, "kept": training.kept, "history": training.history, "generator": training.generator, "facts": facts}
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, training=text, **arrays)


def read_training(folder: Path, facts: dict[str, Any]) -> Training:
    """Read the training that a run folder was stopped in.

    Args:
        folder: the run's. facts: of the training that is to go on, as `facts_of`.

    Raises:
        ModelError: no run, a finished one, a damaged file, or other facts.
    """
    path = folder / TRAINING_FILE
    if not (folder / RUN_FILE).is_file():
        raise ModelError(f"no run in {folder} to go on with", expected="one that was stopped", hint="tinytl pretrain without --resume")
    if not path.is_file():
        raise ModelError(f"run {folder} is finished: there is nothing to go on with", expected="one that was stopped", hint=_ANEW)
    try:
        with np.load(path, allow_pickle=False) as file:
            record = json.loads(file["training"].tobytes())
            parts = {role: tuple(file[f"{role}/{number}"] for number in range(_count(file.files, role))) for role in _ARRAYS}
        if any(len(record["history"][name]) != record["epoch"] for name in ROW):
            raise ValueError("its history has another length")
        before = dict(record["facts"])
        training = Training(
            int(record["epoch"]), int(record["kept"]), record["history"], **parts, generator=record["generator"], stopped=True
        )
    except _BROKEN as error:
        raise ModelError(f"{path} cannot be read: {error}", expected="what a stopped training left", hint=_ANEW) from error
    for name, value in facts.items():
        if before.get(name) != value:
            raise ModelError(
                f"run {folder} was stopped with {name} {_told(before.get(name))}, and is to go on with {_told(value)}",
                expected="the same model, samples and settings",
                hint=f"repeat the command that was stopped with --resume; {_ANEW}",
            )
    return training


def _count(names: list[str], role: str) -> int:
    return sum(name.startswith(f"{role}/") for name in names)


def _told(value: Any) -> str:
    return ":".join(f"{end:g}" for end in value) if isinstance(value, list) else str(value)
