# SPDX-License-Identifier: Apache-2.0
"""What `export` takes of an int8 .tflite: its last FULLY_CONNECTED becomes the head, all before it stays byte for byte.

In: a path and the source task. Out: a `TfliteSource`, which cuts itself once and fills `Contents`. Needs no TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

from tinytl.cutting.tflite_cut import TfliteCut, cut_tflite
from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.exporting.keras_source import without_dataset
from tinytl.exporting.packing import Contents, preprocessing_of
from tinytl.exporting.quantization import Extractor, take_quantized
from tinytl.exporting.settings import ExportSettings
from tinytl.head.layers import Head
from tinytl.model_file import read_model
from tinytl.tflite.signature import read_signature
from tinytl.training.input_range import has_floats


@dataclass(frozen=True)
class TfliteSource:
    """An int8 .tflite and the task that it knows. Its int8 samples are the model's input as they are."""

    path: Path
    dataset: Dataset

    def cut(self, settings: ExportSettings, accept: Callable[[Head], None]) -> TfliteCut:
        """Cut the model before its last layer.

        Args:
            settings: how the head learns. accept: refuses a head by raising.

        Raises:
            ModelError: as `cut_tflite`. CompileError: a damaged file, or an operator that the compiler does not take.
        """
        parts = cut_tflite(read_model(self.path).tflite)
        parts = replace(parts, head=replace(parts.head, learning=settings.learning_of(parts.head.learning)))
        accept(parts.head)
        return parts

    def contents(self, parts: TfliteCut, settings: ExportSettings) -> Contents:
        """Return what goes into the bundle.

        Args:
            parts: the cut. settings: input range, and the seed of the samples that accuracy is measured on.

        Raises:
            DataError: samples that do not fit the model.
        """
        settings.report("export: accuracy of the int8 model", 0, 1)
        unit_floats = settings.value_range is not None and has_floats(self.dataset)
        preprocessing = _preprocessing_of(parts, settings.value_range, unit_floats=unit_floats)
        extractor = take_quantized(parts.extractor, parts.head, self.dataset, preprocessing=preprocessing, seed=settings.seed)
        extractor = replace(extractor, warnings=_warnings_of_guessing(extractor, len(self.dataset.classes)))
        return Contents(parts, extractor, self.dataset, self.path.stem, preprocessing)


def open_tflite(path: Path, dataset: Dataset | None, settings: ExportSettings) -> TfliteSource:
    """Take a .tflite with its task; refuse what only a Keras model can be asked for.

    Args:
        path: of the file. dataset: the source task. settings: what is asked for.

    Raises:
        ModelError: another plan than last-dense, dropout, or samples to choose channels with; no dataset.
    """
    wishes = (
        (f"plan {settings.plan!r}", settings.plan != "last-dense"),
        ("dropout", settings.dropout),
        ("a dataset to choose channels with", settings.channel_dataset is not None),
    )
    unmet = [name for name, wished in wishes if wished]
    if unmet:
        raise ModelError(
            f"{path.name} is a .tflite and cannot be exported with {', '.join(unmet)}",
            expected="plan last-dense: the last layer of a .tflite can train",
            hint="export from the Keras model: tinytl export RUN",
        )
    if dataset is None:
        raise without_dataset(path)
    return TfliteSource(path, dataset)


def _preprocessing_of(parts: TfliteCut, value_range: tuple[float, float] | None, *, unit_floats: bool) -> dict[str, Any]:
    """Return the manifest's record for a model that came as int8: int8 samples are its input."""
    tensor = read_signature(parts.extractor).inputs[0]
    lowest, highest = ((end - tensor.zero_point) * tensor.scale for end in (-128, 127))
    return preprocessing_of(tensor.shape, value_range or (lowest, highest), unit_floats=unit_floats, int8_input=True)


def _warnings_of_guessing(extractor: Extractor, classes: int) -> tuple[str, ...]:
    """Warn where a model that came as int8 knows no more of its source task than someone who guesses, by three standard errors."""
    guess = 1 / classes
    if extractor.accuracy_int8 > guess + 3 * sqrt(guess * (1 - guess) / extractor.test_samples):
        return ()
    share = f"{100 * extractor.accuracy_int8:.1f} % of {extractor.test_samples} samples of its own task"
    return (f"the model has {share} right, as someone who guesses: are they scaled, and numbered, as those that it was trained on?",)
