# SPDX-License-Identifier: Apache-2.0
"""A pass: operators that move bytes do so in int8, before DEQUANTIZE instead of behind it.

The converter sometimes leaves a SPLIT or a slice between DEQUANTIZE and QUANTIZE, where its calibration saw no values of a
part that nobody reads. Moving numbers and turning them into floats commute, so the result is exact; the QUANTIZE that
follows undoes the DEQUANTIZE and `drop_identity_quantize` drops both.
"""

from dataclasses import replace

from tinytl.compiler.graph import Graph, Node, Tensor

_MOVERS = {
    **dict.fromkeys(("SLICE", "STRIDED_SLICE", "SPLIT_V", "UNPACK", "TRANSPOSE", "REVERSE_V2", "TILE", "BROADCAST_TO"), 0),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), 0),
    "SPLIT": 1,
}
"""Operator → the position of what it moves."""


def sink_dequantize(graph: Graph) -> Graph:
    """Let movers of dequantized numbers move the 8-bit ones, and dequantize what they give."""
    tensors, nodes = list(graph.tensors), list[Node]()
    dequantized: dict[int, int] = {}
    for node in graph.nodes:
        if node.operator == "DEQUANTIZE":
            dequantized[node.outputs[0]] = node.inputs[0]
        position = _MOVERS.get(node.operator, -1)
        source = dequantized.get(node.inputs[position]) if position >= 0 else None
        if source is None:
            nodes.append(node)
            continue
        output, number = graph.output(node), len(tensors)
        meant = tensors[source]
        tensors.append(Tensor(output.name, output.shape, meant.dtype, meant.quantization))
        inputs = tuple(source if place == position else operand for place, operand in enumerate(node.inputs))
        nodes.append(replace(node, inputs=inputs, outputs=(number,)))
        nodes.append(Node(node.index, "DEQUANTIZE", 1, node.name, (number,), node.outputs))
        dequantized[node.outputs[0]] = number
    return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes))
