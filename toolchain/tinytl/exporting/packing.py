# SPDX-License-Identifier: Apache-2.0
"""Packing: from the parts of a model and samples of the source task to a bundle file.

In: a `Cut`, its int8 extractor, the source `Dataset`. Out: the `Bundle`, written: extractor, head, a class-balanced replay set of source
features, and check vectors answered by LiteRT's reference kernels, with which any device can be proved equal. Needs no TensorFlow.
Invariant: equal inputs give equal bytes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle, head_fields, write_bundle
from tinytl.bundle.manifest import FORMAT, FORMAT_VERSION
from tinytl.cutting.cut import Cut
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import prepare_samples
from tinytl.exporting.quantization import Extractor, input_record
from tinytl.exporting.settings import ExportSettings
from tinytl.tflite.interpreter import Interpreter
from tinytl.version import __version__

CHECK_SAMPLES = 24
CHECK_NOISE = 8
REPLAY_SAMPLES = 200
REPLAY_BYTES = 160 * 1024
"""Of a replay set where nobody says how large: flash is plentiful, but features of convolutions are large."""


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle.

    Attributes:
        parts, extractor: the model. dataset: the source task.
        model_name: how the bundle calls the architecture. preprocessing: the manifest's record.
        versions: of what made it, beside tinytl and NumPy.
        chosen_with: name of the dataset that chose the channels, where the plan trains a part of a convolution's.
    """

    parts: Cut
    extractor: Extractor
    dataset: Dataset
    model_name: str
    preprocessing: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)
    chosen_with: str = ""


def pack_bundle(contents: Contents, settings: ExportSettings) -> Bundle:
    """Choose the replay set and the check vectors, and write the bundle.

    Args:
        contents: what goes into it.
        settings: file to write, how many samples are replayed, room for classes, the seed of both draws, and what may refuse the bundle
            before anything is written.

    Raises:
        DataError, BundleError: samples that do not fit the model; what cannot be written.
    """
    extractor, dataset = contents.extractor, contents.dataset
    generator = np.random.default_rng(settings.seed)
    oracle = Interpreter(extractor.tflite)
    fitting = replay_count(contents.parts.head.feature_count)
    numbers = balanced(dataset.y_train, fitting if settings.replay_samples is None else settings.replay_samples, generator)
    check_inputs = _check_inputs(contents, generator)
    bundle = Bundle(
        manifest=_manifest(contents, settings) | _channels(contents),
        extractor=extractor.tflite,
        head=contents.parts.head,
        replay_features=_features(oracle, _prepared(contents, dataset.x_train[numbers])),
        replay_labels=dataset.y_train[numbers].astype(np.uint16),
        check_inputs=check_inputs.reshape(len(check_inputs), -1),
        check_features=_features(oracle, check_inputs),
    )
    if settings.check is not None:
        settings.check(bundle)
    return write_bundle(bundle, settings.out)


def replay_count(feature_count: int) -> int:
    """Return how many source samples travel in a bundle unless told otherwise, of a head that takes so many features."""
    return min(REPLAY_SAMPLES, REPLAY_BYTES // feature_count)


def balanced(labels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw samples so that the classes differ by at most one, as far as each class has samples.

    Args:
        labels: (N,) class numbers. count: ≥ 0 wanted. generator: of the draw.

    Returns:
        Sample numbers, in turn one of each class, at most `count`.
    """
    order = generator.permutation(len(labels))
    turn = np.empty(len(labels), np.int64)  # the how-manieth of its class a sample is
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    return np.lexsort((labels, turn))[:count]


def preprocessing_of(
    shape: tuple[int, ...], value_range: tuple[float, float], *, unit_floats: bool, int8_input: bool = False
) -> dict[str, Any]:
    """Return the manifest's record of what becomes of a sample.

    Args:
        shape: of the model's input, with batch. value_range: what pixels 0 and 255 become.
        unit_floats: floats lie in 0 … 1, and become the range as pixels do; else they are the model's input as they are.
        int8_input: int8 samples are the model's input as they are.
    """
    record: dict[str, Any] = {"range": [float(end) for end in value_range], "resize": "bilinear" if len(shape) == 4 else None}
    return record | ({"int8": "input"} if int8_input else {}) | ({"floats": "unit"} if unit_floats else {})


def _prepared(contents: Contents, x: np.ndarray) -> np.ndarray:
    return prepare_samples(x, input_record(contents.extractor.input), contents.preprocessing)


def _features(oracle: Interpreter, x_s8: np.ndarray) -> np.ndarray:
    """Return (N, feature_count) int8, all outputs of a sample side by side."""
    if not len(x_s8):
        return np.empty((0, sum(prod(output.shape) for output in oracle.outputs)), np.int8)
    return np.concatenate([answer.reshape(len(x_s8), -1) for answer in oracle.run(x_s8)], axis=1)


def _check_inputs(contents: Contents, generator: np.random.Generator) -> np.ndarray:
    """Return real samples, then noise, which reaches corners that real samples leave out."""
    dataset, shape = contents.dataset, contents.extractor.input.shape[1:]
    numbers = balanced(dataset.y_test, CHECK_SAMPLES, generator)
    noise = generator.integers(-128, 128, (CHECK_NOISE + CHECK_SAMPLES - len(numbers), *shape), np.int8)
    return np.concatenate([_prepared(contents, dataset.x_test[numbers]), noise])


def _channels(contents: Contents) -> dict[str, Any]:
    """Return the manifest's field about a convolution of which a part trains; nothing for other plans."""
    channels = contents.parts.channels
    if channels is None:
        return {}
    return {"trained_channels": asdict(channels) | {"numbers": list(channels.numbers), "chosen_with": contents.chosen_with}}


def _manifest(contents: Contents, settings: ExportSettings) -> dict[str, Any]:
    """Return SPEC.md section 1's fields, in its order."""
    parts, extractor, dataset = contents.parts, contents.extractor, contents.dataset
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": settings.out.stem,
        "model": contents.model_name,
        "plan": parts.plan,
        "source": {
            "dataset": dataset.name,
            "accuracy_float": extractor.accuracy_float,
            "accuracy_int8": extractor.accuracy_int8,
            "test_samples": extractor.test_samples,
        },
        "labels": list(dataset.classes),
        "class_capacity": settings.class_capacity or len(dataset.classes),
        "input": input_record(extractor.input),
        "preprocessing": dict(contents.preprocessing),
        "features": [input_record(feature) for feature in extractor.features],
        "head": head_fields(parts.head),
        "macs": {"frozen": parts.frozen_macs, "trainable": parts.trainable_macs},
        "created_with": {"tinytl": __version__, **contents.versions, "numpy": np.__version__},
        "layer_errors": [asdict(row) | {"shape": list(row.shape)} for row in extractor.layer_errors],
        "warnings": list(extractor.warnings),
    }
