# SPDX-License-Identifier: Apache-2.0
"""Quantize: from the frozen part of a cut to an int8 .tflite, calibrated on source data.

In: a `KerasCut` and the source `Dataset`. Out: an `Extractor`: int8 in and out, batch 1 fixed, its accuracy (through the
head) beside the float model's, and the error of every layer. Post-training quantization after Jacob et al. 2018,
arXiv:1712.05877, as TFLite's converter does it. Invariants: equal inputs give equal bytes; the outputs are the features in the
cut's order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytl.cutting.keras_cut import KerasCut
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples, prepare_samples, quantize_samples
from tinytl.errors import ModelError
from tinytl.exporting.layer_errors import LayerError, accuracy_warnings, layer_errors
from tinytl.head.forward import logits
from tinytl.head.layers import Head
from tinytl.progress import Progress, silent
from tinytl.tflite.conversion import convert
from tinytl.tflite.identity_model import identity_tflite
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.patching import outputs_in_order
from tinytl.tflite.signature import TensorSpec, read_signature

_DYNAMIC = ("SHAPE", "STRIDED_SLICE", "PACK")
_ERROR_SAMPLES = 16
_BATCH = 64


@dataclass(frozen=True)
class Extractor:
    """A quantized extractor.

    Attributes:
        tflite: the file.
        input: shape with batch 1, scale, zero point; int8. features: the same for each output, in the order of the head's features.
        accuracy_float, accuracy_int8: of extractor and head on the source test split, fractions; accuracy_float is None where there was
            no float model.
        test_samples: how many that were.
        layer_errors: one row a tensor, in the order of execution.
        warnings: sentences a person should read; empty when all is well.
    """

    tflite: bytes
    input: TensorSpec
    features: tuple[TensorSpec, ...]
    accuracy_float: float | None
    accuracy_int8: float
    test_samples: int
    layer_errors: tuple[LayerError, ...]
    warnings: tuple[str, ...]


def quantize(
    cut: KerasCut,
    dataset: Dataset,
    *,
    value_range: tuple[float, float],
    calibration_samples: int = 200,
    test_samples: int = 1000,
    seed: int = 1,
    progress: Progress | None = None,
) -> Extractor:
    """Quantize the extractor of a cut.

    Args:
        cut: from `tinytl.cutting.keras_cut.cut`.
        dataset: the source task: calibration from its train split, accuracy from its test split.
        value_range: (low, high) of the model's real input.
        calibration_samples: ≥ 1, drawn without repetition. test_samples: at most so many decide the accuracies.
        seed: of both draws. progress: called with each stage.

    Returns:
        The int8 extractor with its accuracies and errors.

    Raises:
        ModelError: the converter refuses the model, or what it made is not static int8.
        DataError: samples that do not fit the model.
    """
    report = progress or silent
    report("quantize: calibrate and convert", 0, 3)
    shape = tuple(int(side) for side in cut.extractor.inputs[0].shape[1:])
    generator = np.random.default_rng(seed)
    calibration = fit_samples(_drawn(dataset.x_train, calibration_samples, generator)[0], shape=shape, value_range=value_range)
    tflite = _quantized(cut, calibration)
    signature = read_signature(tflite)
    _check_static(signature.operators, (*signature.inputs, *signature.outputs))
    report("quantize: accuracy, float and int8", 1, 3)
    x_test, numbers = _drawn(dataset.x_test, test_samples, generator)
    real, labels = fit_samples(x_test, shape=shape, value_range=value_range), dataset.y_test[numbers]
    accuracy_float = _accuracy(cut.head, _float_features(cut.extractor, real), labels)
    inputs = quantize_samples(real, scale=signature.inputs[0].scale, zero_point=signature.inputs[0].zero_point)
    accuracy_int8 = _accuracy(cut.head, _int8_features(tflite, inputs), labels)
    report("quantize: error of each layer", 2, 3)
    errors = layer_errors(tflite, convert(cut.extractor, None), calibration[:_ERROR_SAMPLES], signature.inputs[0], cut.frozen_layers)
    report("quantize: done", 3, 3)
    return Extractor(
        tflite=tflite,
        input=signature.inputs[0],
        features=signature.outputs,
        accuracy_float=accuracy_float,
        accuracy_int8=accuracy_int8,
        test_samples=len(labels),
        layer_errors=errors,
        warnings=accuracy_warnings(accuracy_float, accuracy_int8, errors),
    )


def take_quantized(
    tflite: bytes, head: Head, dataset: Dataset, *, preprocessing: Mapping[str, Any], test_samples: int = 1000, seed: int = 1
) -> Extractor:
    """Describe an extractor that is int8 already: its ends, and its accuracy through the head on the source test split.

    Args:
        tflite: int8, batch 1. head: what takes its features, and answers logits. preprocessing: the manifest's record.
        dataset, test_samples, seed: as for `quantize`.

    Raises:
        DataError: samples that do not fit the model.
    """
    signature = read_signature(tflite)
    _check_static((), (*signature.inputs, *signature.outputs))  # shapes that its operators compute are the compiler's to fold or refuse
    x_test, numbers = _drawn(dataset.x_test, test_samples, np.random.default_rng(seed))
    inputs = prepare_samples(x_test, input_record(signature.inputs[0]), preprocessing)
    accuracy = _accuracy(head, _int8_features(tflite, inputs), dataset.y_test[numbers])
    return Extractor(tflite, signature.inputs[0], signature.outputs, None, accuracy, len(numbers), (), ())


def input_record(tensor: TensorSpec) -> dict[str, Any]:
    """Return a tensor as manifests describe it: shape without batch, scale, zero point."""
    return {"shape": list(tensor.shape[1:]), "scale": tensor.scale, "zero_point": tensor.zero_point}


def _drawn(x: np.ndarray, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw at most `count` samples in a random order; return them and their numbers."""
    if count < 1 or len(x) == 0:
        raise ModelError(f"{min(count, len(x))} samples to quantize with", expected="at least 1")
    numbers = generator.permutation(len(x))[:count]
    return x[numbers], numbers


def _quantized(cut: KerasCut, calibration: np.ndarray) -> bytes:
    """Convert to int8. Where nothing is frozen the input is the feature, which the converter would leave in float32."""
    if not cut.frozen_layers:
        low, high = float(calibration.min()), float(calibration.max())
        return identity_tflite((1, *calibration.shape[1:]), low=low, high=high)
    tflite = convert(cut.extractor, calibration)
    names = [tensor.name for tensor in read_signature(tflite).outputs]
    return outputs_in_order(tflite, _feature_places(cut.extractor, names))


def _feature_places(extractor: Any, names: list[str]) -> list[int]:
    """Return where the converter put each feature: TensorFlow calls them Identity, Identity_1 …, an input that is one keeps its name.

    A feature that is not found holds the same bytes as one before it, and one tensor has become both: its place is its own then.
    """
    tf_names = ["Identity" + (f"_{place}" if place else "") for place in range(len(extractor.outputs))]
    tf_names = ["input" if tensor is extractor.inputs[0] else name for tensor, name in zip(extractor.outputs, tf_names, strict=True)]
    places = [names.index(name) if name in names else place for place, name in enumerate(tf_names)]
    if sorted(places) != list(range(len(tf_names))):
        raise ModelError(f"the converted extractor answers {', '.join(names)}", expected=", ".join(tf_names))
    return places


def _check_static(operators: tuple[str, ...], ends: tuple[TensorSpec, ...]) -> None:
    """Refuse what no image can hold: shapes computed at run time, and ends that are not int8 with batch 1."""
    dynamic = [name for name in operators if name in _DYNAMIC]
    if dynamic:
        raise ModelError(
            f"the converted extractor computes shapes at run time ({', '.join(dynamic)})",
            expected="fixed shapes",
            hint="give Reshape and Resizing layers fixed sizes",
        )
    for tensor in ends:
        if tensor.dtype != "int8" or not tensor.scale or tensor.shape[0] != 1 or -1 in tensor.shape:
            raise ModelError(
                f"tensor {tensor.name!r} of the converted extractor is {tensor.dtype} {tensor.shape}",
                expected="int8, batch 1",
            )


def _float_features(extractor: Any, real: np.ndarray) -> list[np.ndarray]:
    """Return (N, *shape) float32 for each feature."""
    answers = [extractor(real[at : at + _BATCH], training=False) for at in range(0, len(real), _BATCH)]
    lists = [answer if isinstance(answer, list) else [answer] for answer in answers]
    return [np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*lists, strict=True)]


def _int8_features(tflite: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """Return (N, *shape) float32 for each feature: what the reference kernels answer to int8 inputs, dequantized."""
    interpreter = Interpreter(tflite)
    answers = interpreter.run(inputs)
    return [
        (answer.astype(np.float32) - np.float32(output.zero_point)) * np.float32(output.scale)
        for answer, output in zip(answers, interpreter.outputs, strict=True)
    ]


def _accuracy(head: Head, features: list[np.ndarray], labels: np.ndarray) -> float:
    starts = range(0, len(labels), _BATCH)
    predicted = [logits(head, [feature[at : at + _BATCH] for feature in features]).argmax(axis=1) for at in starts]
    return float(np.mean(np.concatenate(predicted) == labels))
