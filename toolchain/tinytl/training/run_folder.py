# SPDX-License-Identifier: Apache-2.0
"""The run folder: what `pretrain` leaves and `export` takes. Written whole or not at all, checked when it is read.

`model.keras` (weights), `run.json` (what was trained on what, accuracy, settings), `history.json` (one number an epoch), `environment.json`
(versions that made it).
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.model_kind import RUN_FILE

FORMAT, FORMAT_VERSION = "tinytl-run", 1
MODEL_FILE, HISTORY_FILE, ENVIRONMENT_FILE = "model.keras", "history.json", "environment.json"
FIELDS = {
    "model": str,
    "dataset": str,
    "origin": str,
    "split_seed": int,
    "classes": list,
    "input_shape": list,
    "value_range": list,
    "accuracy": float,
    "settings": dict,
}


@dataclass(frozen=True)
class Run:
    """A trained model and how it came about.

    Attributes:
        path: the run folder.
        model: zoo name, or the stem of the user's .keras file.
        dataset: name of the source task.
        classes: class names in order of the model's outputs.
        input_shape: (H, W, C) or (D,).
        value_range: (low, high) that pixels 0 and 255 become.
        accuracy: on the test split, a fraction, of the float model.
        history: "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate": one number an epoch.
        environment: versions of tinytl, Python, TensorFlow, Keras, NumPy, and the machine.
        settings: what `pretrain` was called with, and which epoch's weights were kept.
        unit_floats: the dataset's floats lie in 0 … 1, and 0 and 1 become the range's ends.
        origin, split_seed, resize: what `load_dataset` needs to give the source task again; origin is empty if it was made in memory.
    """

    path: Path
    model: str
    dataset: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    value_range: tuple[float, float]
    accuracy: float
    history: dict[str, list[float]]
    environment: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    origin: str = ""
    split_seed: int = 0
    unit_floats: bool = False
    resize: tuple[int, int] | None = None

    @property
    def model_path(self) -> Path:
        """The weights."""
        return self.path / MODEL_FILE

    def load_dataset(self) -> Dataset:
        """Load the source task in the same split, so that no test sample was trained on.

        Raises:
            DataError, ModelError: it is gone, or was made in memory.
        """
        from tinytl.data import load_dataset

        if not self.origin:
            raise ModelError(
                f"run {self.path} was trained on {self.dataset!r}, a dataset made in memory",
                hint="pass the dataset itself (dataset=…)",
            )
        return load_dataset(self.origin, seed=self.split_seed, resize=self.resize)


def check_target(path: Path) -> None:
    """Refuse an output folder that holds something other than a run, before any work is done."""
    if path.is_dir() and (not any(path.iterdir()) or (path / RUN_FILE).is_file()):
        return
    if path.exists():
        kind = "a folder that holds no run" if path.is_dir() else "a file"
        raise ModelError(f"{path} is {kind}", expected="a new folder, an empty one, or an earlier run to replace")


def write_run(run: Run, save_model: Callable[[Path], object]) -> Run:
    """Write a run folder, replacing an earlier run; a failure leaves what was there.

    Args:
        run: what to write, into `run.path`.
        save_model: writes the weights to the path that it is given.
    """
    check_target(run.path)
    run.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.path.parent, prefix=f".{run.path.name}-") as scratch:
        part = Path(scratch) / "run"
        part.mkdir()
        save_model(part / MODEL_FILE)
        description = {"format": FORMAT, "format_version": FORMAT_VERSION, **{name: getattr(run, name) for name in FIELDS}}
        description |= ({"unit_floats": True} if run.unit_floats else {}) | ({"resize": list(run.resize)} if run.resize else {})
        for name, value in ((RUN_FILE, description), (HISTORY_FILE, run.history), (ENVIRONMENT_FILE, run.environment)):
            (part / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if run.path.exists():
            run.path.rename(Path(scratch) / "replaced")
        part.rename(run.path)
    return run


def load_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises:
        ModelError: no run there, a missing or broken file, a newer format.
    """
    path = Path(path)
    if not (path / RUN_FILE).is_file():
        raise ModelError(f"no run in {path}", expected=f"a folder with {RUN_FILE}", hint="tinytl pretrain --out RUN makes one")
    fields = _read_json(path / RUN_FILE)
    if fields.get("format") != FORMAT:
        raise ModelError(f"{path / RUN_FILE}: format {fields.get('format')!r}", expected=repr(FORMAT))
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(f"{path / RUN_FILE}: format_version {version}", expected=str(FORMAT_VERSION), hint="update tinytl")
    for name, kind in FIELDS.items():
        if not isinstance(fields.get(name), kind):
            raise ModelError(f"{path / RUN_FILE}: {name} is {fields.get(name)!r}", expected=f"a {kind.__name__}")
    if not (path / MODEL_FILE).is_file():
        raise ModelError(f"run {path} has no {MODEL_FILE}", hint="tinytl pretrain makes it anew")
    low, high = fields["value_range"]
    return Run(
        path=path,
        model=fields["model"],
        dataset=fields["dataset"],
        classes=tuple(fields["classes"]),
        input_shape=tuple(fields["input_shape"]),
        value_range=(float(low), float(high)),
        accuracy=fields["accuracy"],
        history=_read_json(path / HISTORY_FILE),
        environment=_read_json(path / ENVIRONMENT_FILE),
        settings=fields["settings"],
        origin=fields["origin"],
        split_seed=fields["split_seed"],
        unit_floats=fields.get("unit_floats") is True,
        resize=_resize(path, fields.get("resize")),
    )


def _resize(path: Path, sides: Any) -> tuple[int, int] | None:
    if sides is None:
        return None
    if not isinstance(sides, list) or len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ModelError(f"{path / RUN_FILE}: resize is {sides!r}", expected="a height and a width")
    return sides[0], sides[1]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}", expected="a whole JSON file") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds {type(value).__name__}", expected="a JSON object")
    return value
