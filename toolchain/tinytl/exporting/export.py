# SPDX-License-Identifier: Apache-2.0
"""Export: from a trained run, a trained Keras model, or an int8 .tflite, to a bundle file.

In: a `Run` (or its folder) and a freeze plan; or a .keras file or a .tflite, and its source task. Out: the `Bundle`, written by
`pack_bundle`.
Invariant: equal inputs give equal bytes.
"""

from dataclasses import asdict, replace
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle, head_fields
from tinytl.bundle.manifest import check_head
from tinytl.compiler.head.int8_weights import check_int8_weights
from tinytl.cutting.channel_energy import gradient_energy
from tinytl.cutting.cut_check import SAMPLES, expect_same_answers
from tinytl.cutting.keras_cut import Cut, cut
from tinytl.cutting.tflite_cut import TfliteCut, cut_tflite
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.errors import BundleError, ModelError
from tinytl.exporting.keras_source import open_keras, without_dataset
from tinytl.exporting.packing import Check, Contents, pack_bundle, preprocessing_of
from tinytl.exporting.quantization import Extractor, quantize, take_quantized
from tinytl.head.learning import Learning
from tinytl.keras_models import require_keras
from tinytl.model_file import read_model
from tinytl.model_kind import KERAS, RUN, TFLITE, kind_of
from tinytl.progress import Progress, silent
from tinytl.tflite.signature import read_signature
from tinytl.training.input_range import has_floats, pixels_of
from tinytl.training.run_folder import Run

SOURCES = (RUN, KERAS, TFLITE)
"""What a bundle is made from."""


def export(
    run: Run | str | Path,
    *,
    plan: str = "last-dense",
    out: Path,
    dataset: Dataset | None = None,
    learning: Learning | None = None,
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
        run: from `tinytl.pretrain`, or its folder; or a .keras file, taken as it is; or a .tflite file, see `export_tflite`.
        plan: freeze plan, as `tinytl.cutting.keras_cut.cut` names them.
        out: `.tinytl` file to write; its stem becomes the bundle's name.
        dataset: the source task, where it is not the one that the run names; a .keras file and a .tflite name none.
        learning: how the head learns on the device; default `Learning()`, of a .tflite with the loss of its end.
        replay_samples: source samples whose features travel along, spread evenly over the classes; 0 for none; default as many as
            fit into 160 KB of flash, at most 200.
        class_capacity: rows reserved for classes, ≥ the model's classes; default as many.
        dropout: keep the Dropout layers of the head; they act while a device learns.
        channel_dataset: its training samples choose the channels of "fc+conv1:P%", by `gradient_energy`: the target, where some of it is
            at hand; default the source task.
        value_range: what pixels 0 and 255 become, of float samples 0 and 1; default the run's; of a .keras file the one with which it
            knows its data (`find_range`); of a .tflite all that its input can hold.
        check: refuses the bundle by raising, before it is written: whether a board takes it, say.
        seed: of every draw.

    Returns:
        The bundle with its `bundle_id`.

    Raises:
        ModelError, DataError, BundleError: what cannot be cut, quantized or written.
    """
    kind = RUN if isinstance(run, Run) else kind_of(Path(run), taken=SOURCES)
    if kind == TFLITE and not isinstance(run, Run):
        return export_tflite(
            Path(run),
            _of_tflite(Path(run), plan, dataset, dropout=dropout, channel_dataset=channel_dataset),
            out=out,
            value_range=value_range,
            learning=learning,
            replay_samples=replay_samples,
            class_capacity=class_capacity,
            check=check,
            seed=seed,
            progress=progress,
        )
    source = open_keras(run, dataset, given=value_range, seed=seed)
    return export_model(
        source.model,
        source.dataset,
        plan=plan,
        out=out,
        model_name=source.name,
        value_range=source.found.value_range,
        learning=learning,
        replay_samples=replay_samples,
        class_capacity=class_capacity,
        dropout=dropout,
        channel_dataset=channel_dataset and (pixels_of(channel_dataset) if source.found.unit_floats else channel_dataset),
        warnings=source.found.warnings,
        unit_floats=source.found.unit_floats,
        check=check,
        seed=seed,
        progress=progress,
    )


def export_model(
    model: Any,
    dataset: Dataset,
    *,
    plan: str = "last-dense",
    out: Path,
    model_name: str,
    value_range: tuple[float, float],
    learning: Learning | None = None,
    replay_samples: int | None = None,
    class_capacity: int | None = None,
    dropout: bool = False,
    channel_dataset: Dataset | None = None,
    warnings: tuple[str, ...] = (),
    unit_floats: bool = False,
    check: Check | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Bundle:
    """Do the same for a trained Keras model in memory.

    Args:
        model: trained functional or sequential keras.Model, one output per class of the dataset.
        dataset: the source task.
        model_name: how the bundle calls the architecture. value_range: (low, high) of the model's real input.
        warnings: sentences that the bundle's manifest tells before its own. unit_floats: floats that come later lie in 0 … 1, and become
            the range as pixels do; else they are the model's input as they are.
        plan, out, learning, replay_samples, class_capacity, dropout, channel_dataset, check, seed, progress: as for `export`.

    Returns, Raises: as for `export`.
    """
    report, out = progress or silent, Path(out)
    parts, choosing = _cut(model, plan, dropout, learning), channel_dataset or dataset
    _check_wishes(parts, dataset, class_capacity, out)
    if channel_dataset is not None and parts.channels is None:
        raise ModelError(f"plan {plan!r} trains all channels and got a dataset to choose some with", expected="a plan like fc+conv1:25%")
    if parts.channels is not None:
        report("export: choose the channels that train", 0, 1)
        energy = gradient_energy(model, plan, choosing, value_range=value_range, seed=seed)
        parts = _cut(model, plan, dropout, learning, energy)
    expect_same_answers(model, parts, _some_inputs(parts, dataset, value_range))
    extractor = quantize(parts, dataset, value_range=value_range, seed=seed, progress=progress)
    extractor = replace(extractor, warnings=(*warnings, *extractor.warnings, *_warnings_of_classes(dataset)))
    preprocessing = preprocessing_of(extractor.input.shape, value_range) | ({"floats": "unit"} if unit_floats else {})
    contents = Contents(
        parts, extractor, dataset, model_name, preprocessing, _versions(), replay_samples, class_capacity, _channels(parts, choosing)
    )
    return _packed(contents, out, seed, report, check)


def export_tflite(
    path: Path,
    dataset: Dataset,
    *,
    out: Path,
    value_range: tuple[float, float] | None = None,
    learning: Learning | None = None,
    replay_samples: int | None = None,
    class_capacity: int | None = None,
    check: Check | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Bundle:
    """Do the same for an int8 .tflite that ends in a FULLY_CONNECTED: that layer becomes the head. Needs no TensorFlow.

    Args:
        path: the file; its stem is the architecture's name in the bundle.
        dataset: the source task. Its int8 samples are the model's input as they are.
        value_range: what pixels 0 and 255 become, of float samples 0 and 1; default the lowest and highest number that the model's input
            can hold, and floats as they are.
        learning: default `Learning()` with the loss of the model's end (`loss_of`).
        out, replay_samples, class_capacity, check, seed, progress: as for `export`.

    Returns, Raises: as for `export`; CompileError: a damaged file, or an operator that the compiler does not take.
    """
    report, out = progress or silent, Path(out)
    parts = cut_tflite(read_model(path).tflite)
    if learning is not None:
        parts = replace(parts, head=replace(parts.head, learning=learning))
    _check_wishes(parts, dataset, class_capacity, out)
    report("export: accuracy of the int8 model", 0, 1)
    preprocessing = _preprocessing_of(parts, value_range, unit_floats=value_range is not None and has_floats(dataset))
    extractor = take_quantized(parts.extractor, parts.head, dataset, preprocessing=preprocessing, seed=seed)
    extractor = replace(extractor, warnings=(*_warnings_of_guessing(extractor, len(dataset.classes)), *_warnings_of_classes(dataset)))
    contents = Contents(parts, extractor, dataset, Path(path).stem, preprocessing, {}, replay_samples, class_capacity, {})
    return _packed(contents, out, seed, report, check)


def loss_of(source: Path) -> str:
    """Return the loss that a source's head learns with by default: sigmoid of a .tflite that ends in LOGISTIC, else softmax."""
    return cut_tflite(read_model(source).tflite).head.learning.loss if kind_of(source, taken=SOURCES) == TFLITE else Learning().loss


def _warnings_of_guessing(extractor: Extractor, classes: int) -> tuple[str, ...]:
    """Warn where a model that came as int8 knows no more of its source task than someone who guesses, by three standard errors."""
    guess = 1 / classes
    if extractor.accuracy_int8 > guess + 3 * sqrt(guess * (1 - guess) / extractor.test_samples):
        return ()
    share = f"{100 * extractor.accuracy_int8:.1f} % of {extractor.test_samples} samples of its own task"
    return (f"the model has {share} right, as someone who guesses: are they scaled, and numbered, as those that it was trained on?",)


def _warnings_of_classes(dataset: Dataset) -> tuple[str, ...]:
    """Warn where the source task has no samples of a class: none is replayed, so that a device forgets it first."""
    present = set(np.unique(dataset.y_train).tolist())
    missing = [name for number, name in enumerate(dataset.classes) if number not in present]
    return (
        (f"dataset {dataset.name!r} has no training samples of {', '.join(map(repr, missing[:12]))}: none is replayed",) if missing else ()
    )


def _preprocessing_of(parts: TfliteCut, value_range: tuple[float, float] | None, *, unit_floats: bool) -> dict[str, Any]:
    """Return the manifest's record for a model that came as int8: int8 samples are its input."""
    tensor = read_signature(parts.extractor).inputs[0]
    lowest, highest = ((end - tensor.zero_point) * tensor.scale for end in (-128, 127))
    return (
        preprocessing_of(tensor.shape, value_range or (lowest, highest)) | {"int8": "input"} | ({"floats": "unit"} if unit_floats else {})
    )


def _packed(contents: Contents, out: Path, seed: int, report: Progress, check: Check | None) -> Bundle:
    report("export: replay set and check vectors", 0, 1)
    bundle = pack_bundle(contents, out, seed=seed, check=check)
    report("export: replay set and check vectors", 1, 1)
    return bundle


def _of_tflite(path: Path, plan: str, dataset: Dataset | None, *, dropout: bool, channel_dataset: Dataset | None) -> Dataset:
    """Return the source task of a .tflite; refuse what only a Keras model can be asked for."""
    wishes = ((f"plan {plan!r}", plan != "last-dense"), ("dropout", dropout), ("a dataset to choose channels with", channel_dataset))
    unmet = [name for name, wished in wishes if wished]
    if unmet:
        raise ModelError(
            f"{path.name} is a .tflite and cannot be exported with {', '.join(unmet)}",
            expected="plan last-dense: the last layer of a .tflite can train",
            hint="export from the Keras model: tinytl export RUN",
        )
    if dataset is None:
        raise without_dataset(path)
    return dataset


def _some_inputs(parts: Cut, dataset: Dataset, value_range: tuple[float, float]) -> np.ndarray:
    shape = tuple(int(side) for side in parts.extractor.inputs[0].shape[1:])
    return fit_samples(dataset.x_train[:SAMPLES], shape=shape, value_range=value_range)


def _cut(model: Any, plan: str, dropout: bool, learning: Learning | None, channel_energy: np.ndarray | None = None) -> Cut:
    parts = cut(model, plan, dropout=dropout, channel_energy=channel_energy)
    return replace(parts, head=replace(parts.head, learning=learning or Learning()))


def _check_wishes(parts: Cut | TfliteCut, dataset: Dataset, class_capacity: int | None, out: Path) -> None:
    """Refuse before the long part what would be refused after it."""
    if not out.parent.is_dir():
        raise BundleError(f"folder {out.parent} does not exist", expected=f"a folder to write {out.name} to")
    check_head(head_fields(parts.head), label=out.name)
    outputs, classes = prod(parts.head.shapes[-1]), len(dataset.classes)
    if outputs != classes:
        raise ModelError(
            f"the model has {outputs} outputs and dataset {dataset.name!r} has {classes} classes",
            expected="as many of both",
        )
    if class_capacity is not None and class_capacity < classes:
        raise ModelError(f"class_capacity {class_capacity}", expected=f"at least {classes}, the model's classes")
    check_int8_weights(parts.head, grows=(class_capacity or classes) > classes)


def _channels(parts: Cut, choosing: Dataset) -> dict[str, Any]:
    """Return the manifest's field about a convolution of which a part trains; nothing for other plans."""
    if parts.channels is None:
        return {}
    fields = asdict(parts.channels) | {"numbers": list(parts.channels.numbers), "chosen_with": choosing.name}
    return {"trained_channels": fields}


def _versions() -> dict[str, str]:
    import tensorflow

    return {
        "tensorflow": tensorflow.__version__,
        "keras": require_keras().__version__,
    }
