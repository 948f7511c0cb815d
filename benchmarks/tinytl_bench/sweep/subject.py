# SPDX-License-Identifier: Apache-2.0
"""What a sweep is about: a trained model with the task that it knows, and the task that it is to learn.

In: a run folder, a .keras file or an int8 .tflite; source and target as datasets. Out: a `Subject`, whose target has the model's class
numbers. Its training split is cut in two: what is taught, and the validation part that chooses. The test split is for the end.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.cutting.keras_cut import list_plans
from tinytl.data.dataset import Dataset
from tinytl.errors import BenchError
from tinytl.exporting.export import SOURCES, Source
from tinytl.exporting.keras_source import KerasSource, open_keras
from tinytl.exporting.settings import ExportSettings
from tinytl.exporting.tflite_source import open_tflite
from tinytl.model_kind import TFLITE, kind_of
from tinytl_bench.sweep.features.cache import content_key
from tinytl_bench.sweep.settings import SweepSettings, validation_count

_MOST_SOURCE_SAMPLES = 1000


@dataclass(frozen=True)
class Subject:
    """Model, source and target.

    Attributes:
        path: of the model. source: it, opened. target: in the model's class numbers; x_train is the stream, the first `held_out` of it the
            validation part. shares_labels: whether the target's labels mean what the source's mean; else the outputs get a new meaning.
        known_x, known_y: of the source's test split, what forgetting is measured on.
    """

    path: Path
    source: Source[Any]
    target: Dataset
    shares_labels: bool
    known_x: np.ndarray
    known_y: np.ndarray

    @property
    def held_out(self) -> int:
        """Samples of the validation part."""
        return validation_count(len(self.target.x_train))

    @property
    def taught(self) -> Dataset:
        """The target without its validation part: all that learning may see."""
        return replace(self.target, x_train=self.target.x_train[self.held_out :], y_train=self.target.y_train[self.held_out :])

    @property
    def plans(self) -> tuple[str, ...]:
        """All plans that work for the model, cheapest first."""
        return list_plans(self.source.model) if isinstance(self.source, KerasSource) else ("last-dense",)

    def identity(self, settings: SweepSettings) -> dict[str, Any]:
        """Return what results depend on: results of one folder have all of it in common."""
        model = self.path / "model.keras" if self.path.is_dir() else self.path
        data = (self.target.x_train, self.target.y_train, self.target.x_test, self.target.y_test)
        return {
            "model": content_key(model.read_bytes()), "target": content_key(*data),
            "source": content_key(self.source.dataset.x_train, self.known_x, self.known_y),
            "passes": settings.passes, "batch_size": settings.batch_size, "seed": settings.seed, "replays": settings.replays,
            "rates": list(settings.rates), "host_rates": list(settings.host_rates), "board": settings.budget.board,
        }  # fmt: skip


def open_subject(
    path: Path, target: Dataset, settings: SweepSettings, *, source: Dataset | None = None, value_range: tuple[float, float] | None = None
) -> Subject:
    """Open a model, and match the target's classes with its own.

    Args:
        path: run folder, .keras file or int8 .tflite. target: what it is to learn. settings: how many samples, which seed.
        source: the task that it knows, where it is no run that names it. value_range: as for `tinytl.export`.

    Raises:
        ModelError, DataError: what cannot be opened. BenchError: a target without test or training samples, or with classes that
            the model has no outputs for.
    """
    opened: Source[Any]
    if kind_of(path, taken=SOURCES) == TFLITE:
        opened = open_tflite(path, source, ExportSettings(out=path.with_suffix(".tinytl"), value_range=value_range))
    else:
        opened = open_keras(path, source, given=value_range, seed=settings.seed)
    numbered, shares_labels = _numbered(target, opened.dataset)
    generator = np.random.default_rng(settings.seed)
    stream = generator.permutation(len(numbered.x_train))[: settings.samples]
    known = generator.permutation(len(opened.dataset.x_test))[:_MOST_SOURCE_SAMPLES]
    for split, count, least in (("training", len(stream), 8), ("test", len(numbered.x_test), 1)):
        if count < least:
            raise BenchError(f"dataset {target.name!r} has {count} {split} samples", expected=f"{least} or more")
    streamed = replace(numbered, x_train=numbered.x_train[stream], y_train=numbered.y_train[stream])
    return Subject(path, opened, streamed, shares_labels, opened.dataset.x_test[known], opened.dataset.y_test[known])


def _numbered(target: Dataset, source: Dataset) -> tuple[Dataset, bool]:
    """Return the target in the source's class numbers, and whether both mean the same by them."""
    missing = [name for name in target.classes if name not in source.classes]
    if not missing:
        numbers = np.array([source.classes.index(name) for name in target.classes], np.int64)
        same = replace(target, y_train=numbers[target.y_train], y_test=numbers[target.y_test], classes=source.classes)
        return same, True
    if len(missing) < len(target.classes):
        unknown = ", ".join(map(repr, missing[:8]))
        raise BenchError(
            f"dataset {target.name!r} has classes {unknown}, which the model does not know, and others that it knows",
            expected="all of the model's classes, or none",
            hint="a sweep gives all outputs a new meaning, or none; tinytl teach --new-classes adds some",
        )
    if len(target.classes) > len(source.classes):
        raise BenchError(
            f"dataset {target.name!r} has {len(target.classes)} classes and the model {len(source.classes)} outputs",
            expected="at most as many classes",
            hint="leave some classes out, or pretrain with more",
        )
    return target, False
