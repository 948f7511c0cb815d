# SPDX-License-Identifier: Apache-2.0
"""How far each int8 tensor of an extractor is from its float twin, and what a person is told where that costs accuracy.

In: the int8 and the float .tflite of one extractor, real samples. Out: a `LayerError` for each tensor that both have, in the order of
execution; a sentence where int8 loses more than `WARNING_LOSS`. Both are run by the reference kernels: equal inputs give equal numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytl.data.preprocess import quantize_samples
from tinytl.tflite.interpreter import Interpreter
from tinytl.tflite.signature import TensorSpec, read_signature

WARNING_LOSS = 0.01
"""Fraction of samples that int8 may lose without a word."""


@dataclass(frozen=True)
class LayerError:
    """How far one int8 tensor is from its float twin, over a few calibration samples.

    Attributes:
        name: of the tensor. shape: with batch 1.
        rms_error, rms_signal: root mean squares, in the tensor's real unit.
        sqnr_db: 20·log10(signal / error); None where either is zero.
    """

    name: str
    shape: tuple[int, ...]
    rms_error: float
    rms_signal: float
    sqnr_db: float | None


def layer_errors(tflite: bytes, float_tflite: bytes, real: np.ndarray, tensor: TensorSpec, layers: Sequence[str]) -> tuple[LayerError, ...]:
    """Compare the tensors that both graphs have under the same name.

    Args:
        tflite, float_tflite: one extractor, int8 and float32, batch 1.
        real: (N, *input shape) float32, the model's real input; N ≥ 1.
        tensor: the int8 input, with its scale and zero point.
        layers: names of the extractor's layers, which rows are called by.

    Returns:
        A row a tensor, in the order of execution.
    """
    quantized, reference = Interpreter(tflite, preserve_all=True), Interpreter(float_tflite, preserve_all=True)
    activations = read_signature(tflite).computed | {quantized.input.index}
    sums: dict[str, tuple[tuple[int, ...], float, float]] = {}
    for sample in real:
        quantized.run(quantize_samples(sample[None], scale=tensor.scale, zero_point=tensor.zero_point))
        reference.run(sample[None])
        signals = {
            float_tensor.name: float_tensor.real.astype(np.float64)
            for float_tensor in reference.tensors()
            if float_tensor.dtype == np.float32
        }
        for candidate in quantized.tensors():
            signal = signals.get(candidate.name) if candidate.index in activations else None
            if signal is None or candidate.dtype != np.int8 or not candidate.scale or candidate.shape != signal.shape:
                continue
            _, error, power = sums.get(candidate.name, (candidate.shape, 0.0, 0.0))
            sums[candidate.name] = (
                candidate.shape,
                error + float(np.mean((candidate.real - signal) ** 2)),
                power + float(np.mean(signal**2)),
            )
    names = {output.name: f"features[{place}]" for place, output in enumerate(quantized.outputs)}
    if len(names) == 1:
        names = dict.fromkeys(names, "features")
    return tuple(
        _row(names.get(name) or _layer_of(name, layers), shape, error / len(real), power / len(real))
        for name, (shape, error, power) in sums.items()
    )


def accuracy_warnings(accuracy_float: float, accuracy_int8: float, errors: Sequence[LayerError]) -> tuple[str, ...]:
    """Return a sentence that names the worst layer where int8 loses more than `WARNING_LOSS`, else nothing.

    Args:
        accuracy_float, accuracy_int8: of extractor and head on the source test split, fractions. errors: one row a tensor.
    """
    loss = accuracy_float - accuracy_int8
    if loss <= WARNING_LOSS:
        return ()
    text = f"int8 costs {100 * loss:.1f} points: {100 * accuracy_float:.1f} % float, {100 * accuracy_int8:.1f} % int8"
    ratios = {row.name: row.sqnr_db for row in errors if row.sqnr_db is not None}
    worst = min(ratios, key=lambda name: ratios[name], default=None)
    return (text + (f"; the worst layer is {worst!r} with {ratios[worst]:.1f} dB" if worst else ""),)


def _layer_of(tensor_name: str, layers: Sequence[str]) -> str:
    """Find the layer in «extractor_1/stem_relu_1/Relu;…»: a scope, with a counter where TensorFlow had to add one."""
    for scope in tensor_name.split(";")[0].split("/"):
        for candidate in (scope, scope.rpartition("_")[0]):
            if candidate in layers:
                return candidate
    return tensor_name


def _row(name: str, shape: tuple[int, ...], error: float, power: float) -> LayerError:
    ratio = 10.0 * float(np.log10(power / error)) if error > 0.0 and power > 0.0 else None
    return LayerError(name, shape, float(np.sqrt(error)), float(np.sqrt(power)), ratio)
