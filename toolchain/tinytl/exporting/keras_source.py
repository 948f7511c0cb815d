# SPDX-License-Identifier: Apache-2.0
"""What `export` takes of Keras: a run folder, or a trained .keras file with its dataset.

In: a run or a path, what the user says about data and input range. Out: a `KerasSource`, which cuts itself once, quantizes its extractor
and fills `Contents`. Floats that are pixels in 0 … 1 are pixels here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.cutting.channel_energy import energy_of
from tinytl.cutting.cut_check import SAMPLES, expect_same_answers
from tinytl.cutting.keras_cut import KerasCut, Undivided, cut
from tinytl.cutting.plan_names import parse_plan
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.errors import ModelError
from tinytl.exporting.packing import Contents, preprocessing_of
from tinytl.exporting.quantization import quantize
from tinytl.exporting.settings import ExportSettings
from tinytl.head.layers import Head
from tinytl.head.learning import Learning
from tinytl.keras_models import load_model, versions
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

    def cut(self, settings: ExportSettings, accept: Callable[[Head], None]) -> KerasCut:
        """Cut the model by the plan, once: the channels of a plan like fc+conv1:25% are chosen while it is cut.

        Args:
            settings: plan, learning, and what chooses channels. accept: refuses a head by raising, before the long part.

        Raises:
            ModelError: as `tinytl.cutting.keras_cut.cut`; a dataset to choose channels with, and a plan that trains all of them.
        """

        def measured(whole: Undivided) -> np.ndarray:
            accept(_with_learning(whole.head, settings))
            settings.report("export: choose the channels that train", 0, 1)
            return energy_of(whole, self._choosing(settings), value_range=self.found.value_range, seed=settings.seed)

        parts_train = parse_plan(settings.plan).percent is not None
        parts = cut(self.model, settings.plan, dropout=settings.dropout, channel_energy=measured if parts_train else None)
        parts = replace(parts, head=_with_learning(parts.head, settings))
        accept(parts.head)
        if settings.channel_dataset is not None and not parts_train:
            refusal = f"plan {settings.plan!r} trains all channels and got a dataset to choose some with"
            raise ModelError(refusal, expected="a plan like fc+conv1:25%")
        return parts

    def contents(self, parts: KerasCut, settings: ExportSettings) -> Contents:
        """Quantize the extractor; return what goes into the bundle.

        Args:
            parts: the cut. settings: seed and progress.

        Raises:
            ModelError: as `quantize`, or a cut that answers otherwise than the model. DataError: samples that do not fit it.
        """
        value_range = self.found.value_range
        shape = tuple(int(side) for side in parts.extractor.inputs[0].shape[1:])
        expect_same_answers(self.model, parts, fit_samples(self.dataset.x_train[:SAMPLES], shape=shape, value_range=value_range))
        extractor = quantize(parts, self.dataset, value_range=value_range, seed=settings.seed, progress=settings.progress)
        extractor = replace(extractor, warnings=(*self.found.warnings, *extractor.warnings))
        preprocessing = preprocessing_of(extractor.input.shape, value_range, unit_floats=self.found.unit_floats)
        return Contents(parts, extractor, self.dataset, self.name, preprocessing, versions(), self._choosing(settings).name)

    def _choosing(self, settings: ExportSettings) -> Dataset:
        """Return what chooses channels, as the model takes it."""
        if settings.channel_dataset is None:
            return self.dataset
        return pixels_of(settings.channel_dataset) if self.found.unit_floats else settings.channel_dataset


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
        input_range = FoundRange(opened.value_range, unit_floats=opened.unit_floats)
        input_range = input_range if known else find_range(model, source, name=opened.model, given=given, seed=seed)
        return KerasSource(model, opened.model, pixels_of(source) if input_range.unit_floats else source, input_range)
    path = Path(run)
    if dataset is None:
        raise without_dataset(path)
    model = load_model(path)
    check_convertible(model)
    input_range = find_range(model, dataset, name=path.stem, given=given, seed=seed)
    return KerasSource(model, path.stem, pixels_of(dataset) if input_range.unit_floats else dataset, input_range)


def without_dataset(path: Path) -> ModelError:
    """Return the refusal of a model file without samples of its source task."""
    return ModelError(f"{path.name} names no dataset", expected="samples of the source task", hint=f"tinytl export {path} --data NAME|PATH")


def _with_learning(head: Head, settings: ExportSettings) -> Head:
    return replace(head, learning=settings.learning_of(Learning()))
