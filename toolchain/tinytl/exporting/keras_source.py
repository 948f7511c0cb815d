# SPDX-License-Identifier: Apache-2.0
"""What `export` takes of Keras: a run folder, or a trained .keras file with its dataset.

In: a run or a path, what the user says about data and input range. Out: a `KerasSource`. Floats that are pixels in 0 … 1 are pixels here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.keras_models import load_model
from tinytl.tflite.conversion import check_convertible
from tinytl.training.input_range import FoundRange, find_range, pixels_of
from tinytl.training.run_folder import Run, load_run


@dataclass(frozen=True)
class KerasSource:
    """A trained Keras model, the name of its architecture, the task that it knows, and the range of its input."""

    model: Any
    name: str
    dataset: Dataset
    found: FoundRange


def open_keras(run: Run | str | Path, dataset: Dataset | None, *, given: tuple[float, float] | None, seed: int) -> KerasSource:
    """Open a run, or a .keras file that has none; measure the range of its input unless the run tells it.

    Args:
        run: a run, its folder, or a .keras file. dataset: the source task, where it is not the run's.
        given: the range that the user says. seed: of what it is measured on.

    Raises:
        ModelError, DataError: a model or dataset that cannot be read, or that do not go together; a range that cannot be told.
    """
    if isinstance(run, Run) or Path(run).is_dir():
        opened = run if isinstance(run, Run) else load_run(run)
        model, source = load_model(opened.model_path), dataset or opened.load_dataset()
        known = given is None or given == opened.value_range
        found = FoundRange(opened.value_range, unit_floats=opened.unit_floats)
        found = found if known else find_range(model, source, name=opened.model, given=given, seed=seed)
        return KerasSource(model, opened.model, pixels_of(source) if found.unit_floats else source, found)
    path = Path(run)
    if dataset is None:
        raise without_dataset(path)
    model = load_model(path)
    check_convertible(model)
    found = find_range(model, dataset, name=path.stem, given=given, seed=seed)
    return KerasSource(model, path.stem, pixels_of(dataset) if found.unit_floats else dataset, found)


def without_dataset(path: Path) -> ModelError:
    """Return the refusal of a model file without samples of its source task."""
    return ModelError(f"{path.name} names no dataset", expected="samples of the source task", hint=f"tinytl export {path} --data NAME|PATH")
