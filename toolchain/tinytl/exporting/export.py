# SPDX-License-Identifier: Apache-2.0
"""Export: from a trained run, a trained Keras model, or an int8 .tflite, to a bundle file.

In: a `Run` (or its folder) and a freeze plan; or a .keras file or a .tflite, and its source task. Out: the `Bundle`, written by
`pack_bundle`. Every source goes one way: it is cut, its wishes are checked, it fills `Contents`, these are packed.
Invariant: equal inputs give equal bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from tinytl.bundle.bundle import Bundle, head_fields
from tinytl.bundle.manifest import check_head
from tinytl.compiler.head.int8_weights import check_int8_weights
from tinytl.cutting.cut import Cut
from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.exporting.keras_source import KerasSource, open_keras
from tinytl.exporting.packing import Contents, pack_bundle
from tinytl.exporting.settings import Check, ExportSettings
from tinytl.exporting.tflite_source import open_tflite
from tinytl.head.layers import Head
from tinytl.head.learning import Learning
from tinytl.model_kind import KERAS, RUN, TFLITE, kind_of
from tinytl.progress import Progress
from tinytl.training.input_range import FoundRange
from tinytl.training.run_folder import Run

SOURCES = (RUN, KERAS, TFLITE)
"""What a bundle is made from."""
_Parts = TypeVar("_Parts", bound=Cut)


class Source(Protocol[_Parts]):
    """A trained model with the task that it knows: `KerasSource`, `TfliteSource`."""

    @property
    def dataset(self) -> Dataset:
        """The source task."""

    def cut(self, settings: ExportSettings, accept: Callable[[Head], None]) -> _Parts:
        """Cut the model.

        Args:
            settings: all that is said about the bundle. accept: called with the head, which may raise, before anything that takes long.
        """

    def contents(self, parts: _Parts, settings: ExportSettings) -> Contents:
        """Have the extractor as int8, measure it, and say what goes into the bundle.

        Args:
            parts: what `cut` returned. settings: all that is said about the bundle.
        """


def export(
    run: Run | str | Path,
    *,
    plan: str = "last-dense",
    out: Path,
    dataset: Dataset | None = None,
    learning: Learning | Mapping[str, Any] | None = None,
    replay_samples: int | None = None,
    class_capacity: int | None = None,
    dropout: bool = False,
    channel_dataset: Dataset | None = None,
    value_range: tuple[float, float] | None = None,
    check: Check | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Bundle:
    """Cut, quantize and pack a run, a trained Keras model, or an int8 .tflite, into one bundle.

    Args:
        run: from `tinytl.pretrain`, or its folder; or a .keras file, taken as it is; or an int8 .tflite, whose last FULLY_CONNECTED becomes
            the head: it needs no TensorFlow, and int8 samples are its input as they are.
        dataset: the source task, where it is not the one that the run names; a .keras file and a .tflite name none.
        plan, out, learning, replay_samples, class_capacity, dropout, channel_dataset, value_range, check, seed, progress: the fields of
            `ExportSettings`, which says what each is, its unit and its range.

    Returns:
        The bundle with its `bundle_id`.

    Raises:
        ModelError, DataError, BundleError: a setting out of its range; what cannot be cut, quantized or written. CompileError: a damaged
            .tflite, or an operator in it that the compiler does not take.
    """
    settings = ExportSettings(
        plan=plan, out=out, learning=learning, replay_samples=replay_samples, class_capacity=class_capacity, dropout=dropout,
        channel_dataset=channel_dataset, value_range=value_range, check=check, seed=seed, progress=progress,
    )  # fmt: skip
    return export_with(settings, run, dataset)


def export_with(settings: ExportSettings, run: Run | str | Path, dataset: Dataset | None = None) -> Bundle:
    """Do the same with settings that are checked already, before anybody loads a dataset, say.

    Args:
        settings: all that is said about the bundle. run, dataset: as for `export`.

    Returns, Raises: as for `export`.
    """
    if not isinstance(run, Run) and kind_of(Path(run), taken=SOURCES) == TFLITE:
        return export_source(open_tflite(Path(run), dataset, settings), settings)
    return export_source(open_keras(run, dataset, given=settings.value_range, seed=settings.seed), settings)


def export_model(model: Any, dataset: Dataset, *, model_name: str, value_range: tuple[float, float], **settings: Any) -> Bundle:
    """Do the same for a trained Keras model in memory.

    Args:
        model: trained functional or sequential keras.Model, one output per class of the dataset.
        dataset: the source task. Its floats are the model's input as they are.
        model_name: how the bundle calls the architecture. value_range: (low, high) of the model's real input.
        settings: other fields of `ExportSettings`, by name; `out` is one that has to be said.

    Returns, Raises: as for `export`.
    """
    source = KerasSource(model, model_name, dataset, FoundRange(value_range))
    return export_source(source, ExportSettings(value_range=value_range, **settings))


def export_source(source: Source[_Parts], settings: ExportSettings) -> Bundle:
    """Do the same with a source that is open already, to export it by several plans, say.

    Args:
        source: from `open_keras` or `open_tflite`. settings: all that is said about the bundle.

    Returns, Raises: as for `export`.
    """
    return pack_source(source, cut_source(source, settings), settings)


def cut_source(source: Source[_Parts], settings: ExportSettings) -> _Parts:
    """Cut a source, and check what is wished for against its head: the first half of `export_source`.

    Args:
        source: an open one. settings: all that is said about the bundle.

    Raises:
        ModelError: what cannot be cut, or a wish that cannot be met.
    """
    return source.cut(settings, lambda head: _check_wishes(head, source.dataset, settings))


def pack_source(source: Source[_Parts], parts: _Parts, settings: ExportSettings) -> Bundle:
    """Pack what a source fills: the second half of `export_source`.

    Args:
        source: an open one. parts: what `cut_source` returned. settings: all that is said about the bundle.

    Returns, Raises: as for `export`.
    """
    contents = source.contents(parts, settings)
    warnings = (*contents.extractor.warnings, *_warnings_of_classes(source.dataset))
    settings.report("export: replay set and check vectors", 0, 1)
    bundle = pack_bundle(replace(contents, extractor=replace(contents.extractor, warnings=warnings)), settings)
    settings.report("export: replay set and check vectors", 1, 1)
    return bundle


def _check_wishes(head: Head, dataset: Dataset, settings: ExportSettings) -> None:
    """Refuse before the long part what would be refused after it."""
    check_head(head_fields(head), label=settings.out.name)
    outputs, classes, capacity = prod(head.shapes[-1]), len(dataset.classes), settings.class_capacity
    if outputs != classes:
        raise ModelError(
            f"the model has {outputs} outputs and dataset {dataset.name!r} has {classes} classes",
            expected="as many of both",
        )
    if capacity is not None and capacity < classes:
        raise ModelError(f"class_capacity {capacity}", expected=f"at least {classes}, the model's classes")
    check_int8_weights(head, grows=(capacity or classes) > classes)


def _warnings_of_classes(dataset: Dataset) -> tuple[str, ...]:
    """Warn where the source task has no samples of a class: none is replayed, so that a device forgets it first."""
    present = set(np.unique(dataset.y_train).tolist())
    missing = [name for number, name in enumerate(dataset.classes) if number not in present]
    return (
        (f"dataset {dataset.name!r} has no training samples of {', '.join(map(repr, missing[:12]))}: none is replayed",) if missing else ()
    )
