# SPDX-License-Identifier: Apache-2.0
"""Working models with another quantization: scales × 10^±6, biases up to 2^30, zero points at the ends of their type.

In: the bytes of a .tflite file that runs. Out: as many bytes, whose tensors of one scale and zero point still share theirs and whose
biases have the scale of their products, so that most of it still runs, with sums that no calibration would give.
"""

from math import prod

import numpy as np
import tflite

OPERATOR_NAMES = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
WEIGHTED = {"CONV_2D": (0, 1, 2), "DEPTHWISE_CONV_2D": (0, 1, 2), "FULLY_CONNECTED": (0, 1, 2), "TRANSPOSE_CONV": (2, 1, 3)}
"""Operator → the positions of its input, weights and bias."""
FIXED = ("SOFTMAX", "LOGISTIC", "TANH", "L2_NORMALIZATION")
"""Whose outputs have one scale in every model."""
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
REACHES = (0.3, 1.0, 3.0, 6.0)
"""Most decades that a model's scales move."""


class _Tensor:
    """Views into the file's bytes."""

    def __init__(self, model: tflite.Model, tensor: tflite.Tensor) -> None:
        table = tensor.Quantization()
        empty = table is None or not table.ScaleLength() or not table.ZeroPointLength()
        self.dtype = tensor.Type()
        self.scales: np.ndarray = np.zeros(0, np.float32) if empty else table.ScaleAsNumpy()
        self.points: np.ndarray = np.zeros(0, np.int64) if empty else table.ZeroPointAsNumpy()
        buffer = model.Buffers(tensor.Buffer())
        self.data = buffer.DataAsNumpy() if buffer.DataLength() else None

    @property
    def is_activation(self) -> bool:
        """Whether it may be redrawn as a whole."""
        return self.dtype in (tflite.TensorType.INT8, tflite.TensorType.UINT8) and len(self.scales) == 1


def redrawn(data: bytes, seed: int) -> bytes:
    """Return the model with a quantization that is a pure function of it and the seed."""
    changed, random = bytearray(data), np.random.default_rng(seed)
    model = tflite.Model.GetRootAs(changed, 0)
    graph = model.Subgraphs(0)
    tensors = [_Tensor(model, graph.Tensors(number)) for number in range(graph.TensorsLength())]
    nodes = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    names = [OPERATOR_NAMES[model.OperatorCodes(node.OpcodeIndex()).BuiltinCode()] for node in nodes]
    reach = REACHES[random.integers(len(REACHES))]
    weights = {node.Inputs(WEIGHTED[name][1]) for node, name in zip(nodes, names, strict=True) if name in WEIGHTED}
    kept = {node.Outputs(0) for node, name in zip(nodes, names, strict=True) if name in FIXED}
    kept |= {number for node, name in zip(nodes, names, strict=True) if name == LSTM for number in node.InputsAsNumpy()[1:]}
    _redraw_activations(tensors, weights | kept, random, reach)
    for number in sorted(weights):
        tensors[number].scales *= np.float32(10 ** random.uniform(-reach, reach)) if random.integers(2) else np.float32(1)
    for node, name in zip(nodes, names, strict=True):
        if name in WEIGHTED:
            _redraw_bias(tensors, node, WEIGHTED[name], random)
    return bytes(changed)


def _redraw_activations(tensors: list[_Tensor], kept: set[int], random: np.random.Generator, reach: float) -> None:
    groups: dict[tuple[float, int], list[_Tensor]] = {}
    fixed = {(float(tensors[number].scales[0]), int(tensors[number].points[0])) for number in kept if tensors[number].is_activation}
    for number, tensor in enumerate(tensors):
        if tensor.is_activation and number not in kept:
            groups.setdefault((float(tensor.scales[0]), int(tensor.points[0])), []).append(tensor)
    for key, group in groups.items():
        factor = np.float32(10 ** random.uniform(-reach, reach)) if random.integers(2) else np.float32(1)
        end = int(random.integers(6))
        if key in fixed:
            continue
        for tensor in group:
            tensor.scales *= factor
            if end < 2:
                tensor.points[:] = (-128, 127)[end] + (128 if tensor.dtype == tflite.TensorType.UINT8 else 0)


def _redraw_bias(tensors: list[_Tensor], node: tflite.Operator, places: tuple[int, int, int], random: np.random.Generator) -> None:
    bits = int(random.choice((0, random.integers(8, 25), random.integers(25, 31))))
    if node.InputsLength() <= places[2] or node.Inputs(places[2]) < 0:
        return
    source, weights, bias = (tensors[node.Inputs(place)] for place in places)
    if bias.data is None:
        return
    if prod(source.scales.shape) == 1 and len(bias.scales) == len(weights.scales):
        bias.scales[:] = source.scales[0] * weights.scales
    if bits:
        values = bias.data.view(np.int32)
        values[:] = random.integers(-(1 << bits), (1 << bits) + 1, len(values))
