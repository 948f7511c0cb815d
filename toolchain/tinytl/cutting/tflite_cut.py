# SPDX-License-Identifier: Apache-2.0
"""An int8 .tflite cut in two: what comes before its last FULLY_CONNECTED is the extractor, that layer is the head.

In: the bytes of a .tflite file. Out: a `TfliteCut`. The extractor's bytes are the file's: its list of operators is shortened to those that
the feature needs, its output names the feature, sides that the batch left open are those of batch 1, nothing else changes. The head's
weights are the layer's, times their scales.
Invariant: head(extractor(x)) is what the file answers before its softmax or sigmoid, but for the rounding to int8.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinytl.compiler.compile import compile_program
from tinytl.compiler.front.reader import read
from tinytl.compiler.front.shapes import infer
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.errors import ModelError
from tinytl.head.layers import Head, HeadLayer, dense_layer, three_sides
from tinytl.head.learning import Learning
from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl.tflite.patching import (
    GRAPH_INPUTS,
    GRAPH_OPERATORS,
    GRAPH_OUTPUTS,
    TENSOR_SHAPE,
    TENSOR_SHAPE_SIGNATURE,
    vector_start,
    write_number,
)
from tinytl.tflite.signature import BROKEN

LOSSES_BY_END = {"SOFTMAX": "softmax_cross_entropy", "LOGISTIC": "sigmoid_cross_entropy"}
_BEHIND = (*LOSSES_BY_END, "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE")
"""What may follow the layer that is cut off: it changes no answer, or the loss stands for it."""
_HINT = "export from the Keras model: tinytl export RUN"


@dataclass(frozen=True)
class TfliteCut:
    """A .tflite in two parts.

    Attributes:
        extractor: a .tflite: int8 input, batch 1 → the feature, the tensor that the last FULLY_CONNECTED takes.
        head: that layer, float32, with default learning and the loss of what follows it: sigmoid behind a LOGISTIC, else softmax.
        frozen_macs, trainable_macs: multiply-accumulates of one forward pass of one sample; frozen as the compiler counts them.
        plan: name of the freeze plan that this is.
        channels: None: a .tflite's layers train whole.
    """

    extractor: bytes
    head: Head
    frozen_macs: int
    trainable_macs: int
    plan: str = "last-dense"
    channels: None = None


def cut_tflite(data: bytes) -> TfliteCut:
    """Cut a classifier before its last layer.

    Args:
        data: an int8 .tflite with one input and one output, which comes from a FULLY_CONNECTED without activation; SOFTMAX or LOGISTIC,
            reshapes, QUANTIZE and DEQUANTIZE may follow, and a QUANTIZE may come first.

    Raises:
        ModelError: another end, floats, weights that are not constant, nothing before the layer. CompileError: a damaged file, or an
            operator before the layer that the compiler does not take.
    """
    try:
        return _cut(data)
    except BROKEN as error:
        raise ModelError(f"the .tflite file is damaged: {type(error).__name__}", expected="a complete file") from error


def _cut(data: bytes) -> TfliteCut:
    graph = read(data)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        ends = f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        raise ModelError(ends, expected="one of each", hint=_HINT)
    last, loss = _last_layer(graph)
    inferred = infer(graph)
    head = Head((_dense(graph, last),), Learning(loss=loss), (_feature_shape(inferred, last),))
    kept, start = _needed(graph, last.inputs[0])
    if not kept:
        raise ModelError(f"nothing is left to freeze before {last.place}", expected="operators before the last FULLY_CONNECTED")
    shapes = [tensor.shape for tensor in inferred.tensors]
    extractor = _shortened(data, [node.index for node in kept], shapes, start=start, end=last.inputs[0])
    frozen_macs = sum(operator.macs for operator in compile_program(extractor, fold=False).operators)
    return TfliteCut(extractor, head, frozen_macs, head.macs)


def _feature_shape(graph: Graph, last: Node) -> tuple[int, int, int]:
    """Return height, width and channels of what the layer takes: one sample, all of it at once."""
    feature, width = graph.input(last, 0), graph.input(last, 1).shape[1]
    if not 2 <= len(feature.shape) <= 4 or feature.shape[0] != 1 or feature.elements != width:
        raise ModelError(f"{last.place} takes {list(feature.shape)}", expected=f"one row of {width} numbers", hint=_HINT)
    return three_sides(feature.shape[1:])


def _last_layer(graph: Graph) -> tuple[Node, str]:
    """Return the FULLY_CONNECTED that the output comes from, and the loss of what follows it."""
    writers = {node.outputs[0]: node for node in graph.nodes}
    read_by = [number for node in graph.nodes for number in node.inputs] + list(graph.outputs)
    number, loss, before = graph.outputs[0], None, ""
    while (node := writers.get(number)) is not None and node.operator in _BEHIND:
        before = f" before {node.operator}"
        if node.operator in LOSSES_BY_END:
            if loss is not None:
                break
            loss = LOSSES_BY_END[node.operator]
            if getattr(node.options, "beta", 1.0) != 1.0:
                raise ModelError(f"{node.place} has beta {node.options.beta:g}", expected="1", hint=_HINT)  # type: ignore[attr-defined]
        number = node.inputs[0]
    if node is None or node.operator != "FULLY_CONNECTED":
        ending = "no operator" if node is None else f"{node.operator} (output {node.name!r})"
        raise ModelError(
            f"the model ends in {ending}{before}",
            expected="a FULLY_CONNECTED at its end, before SOFTMAX, LOGISTIC or RESHAPE where there is one",
            hint=_HINT,
        )
    if read_by.count(number) != 1:
        raise ModelError(f"{node.place} is read {read_by.count(number)} times", expected="by the model's end alone", hint=_HINT)
    return node, loss or "softmax_cross_entropy"


def _dense(graph: Graph, node: Node) -> HeadLayer:
    """Return the layer with real weights: (q − zero_point) × scale, of the whole tensor or of each row."""
    x, weights, bias = graph.input(node, 0), graph.input(node, 1), graph.optional_input(node, 2)
    if x.dtype != "int8" or weights.dtype != "int8":
        raise ModelError(f"{node.place} takes {x.dtype} and {weights.dtype} weights", expected="an int8 model", hint=_HINT)
    if weights.data is None or (bias is not None and bias.data is None):
        raise ModelError(f"{node.place}: its weights are computed", expected="constant weights and bias", hint=_HINT)
    if node.options.activation != "NONE":  # type: ignore[attr-defined]
        activation = node.options.activation  # type: ignore[attr-defined]
        raise ModelError(f"{node.place} has activation {activation}", expected="none: its outputs are the logits", hint=_HINT)
    scales, points = _each_row(weights)
    real = (weights.data.astype(np.int32) - points[:, None]).astype(np.float32) * scales[:, None]
    added = np.zeros(len(real), np.float32)
    if bias is not None and bias.data is not None:  # its unit is that of the products, whatever scale it carries itself
        added = (bias.data.astype(np.float64) * np.float64(x.scale) * scales.astype(np.float64)).astype(np.float32)
    return dense_layer("dense", real, added)


def _each_row(weights: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and zero point of each row."""
    quantization, rows = weights.quantization, weights.shape[0]
    if quantization is None or len(quantization.scales) not in (1, rows) or (len(quantization.scales) > 1 and quantization.dimension):
        scaling = "no scale" if quantization is None else f"{len(quantization.scales)} scales along side {quantization.dimension}"
        raise ModelError(f"weights {weights.name!r} have {scaling}", expected=f"one scale, or one for each of {rows} rows", hint=_HINT)
    scales, points = np.array(quantization.scales, np.float32), np.array(quantization.zero_points, np.int32)
    return np.broadcast_to(scales, rows), np.broadcast_to(points, rows)


def _needed(graph: Graph, feature: int) -> tuple[list[Node], int]:
    """Return the operators that a tensor needs, and the graph's input: behind a QUANTIZE where the model takes floats."""
    start = graph.inputs[0]
    if graph.tensors[start].dtype != "int8":
        first = [node for node in graph.nodes if start in node.inputs]
        if len(first) != 1 or first[0].operator != "QUANTIZE":
            raise ModelError(f"the model takes {graph.tensors[start].dtype}", expected="an int8 model", hint=_HINT)
        start = first[0].outputs[0]
    tensors, kept = {feature}, []
    for node in reversed(graph.nodes):
        if tensors & set(node.outputs) and start not in node.outputs:
            kept.append(node)
            tensors |= set(node.inputs)
    return kept[::-1], start


def _shortened(data: bytes, kept: Sequence[int], shapes: Sequence[tuple[int, ...]], *, start: int, end: int) -> bytes:
    """Return the file with some of its operators, another input and output, and batch 1.

    kept: places in its list of operators. shapes: of each tensor, as inferred for batch 1; they replace those with open sides.
    """
    import tflite

    changed = bytearray(readable_by_litert(data))
    graph = tflite.Model.GetRootAs(changed, 0).Subgraphs(0)
    for field, number in ((GRAPH_INPUTS, start), (GRAPH_OUTPUTS, end)):
        write_number(changed, vector_start(graph, field), number)
    at, places = vector_start(graph, GRAPH_OPERATORS), sorted(set(kept))
    targets = [at + 4 * place + int.from_bytes(data[at + 4 * place : at + 4 * place + 4], "little") for place in places]
    for place, target in enumerate(targets):  # an offset counts from where it stands
        write_number(changed, at + 4 * place, target - (at + 4 * place))
    write_number(changed, at - 4, len(places))
    for tensor, shape in zip(map(graph.Tensors, range(graph.TensorsLength())), shapes, strict=True):
        signature = [tensor.ShapeSignature(place) for place in range(tensor.ShapeSignatureLength())]
        if -1 in signature and len(shape) == len(signature) == tensor.ShapeLength():
            for place, side in enumerate(shape):
                write_number(changed, vector_start(tensor, TENSOR_SHAPE_SIGNATURE) + 4 * place, side)
                write_number(changed, vector_start(tensor, TENSOR_SHAPE) + 4 * place, side)
    return bytes(changed)
