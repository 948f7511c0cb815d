# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE and DEQUANTIZE: the edges of the graph. QUANTIZE between two 8-bit tensors is the image operator
`requantize`.
"""

from tinytl.compiler.arithmetic.multipliers import ratio_multiplier
from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import DEQUANTIZE, QUANTIZE, REQUANTIZE
from tinytl.compiler.operators.rule import Rule, quantized_input, quantized_output, require_dtype, same_shape
from tinytl.compiler.program import Builder

_EIGHT_BITS = ("int8", "uint8")


def lower_quantize(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit QUANTIZE of floats, or REQUANTIZE of 8-bit numbers. Args: as `Rule.lower`."""
    if graph.input(node, 0).dtype == "float32":
        quantized_output(graph, node, _EIGHT_BITS)
        builder.emit(node, QUANTIZE, (builder.tensor(node.inputs[0]),))
        return
    source, output = quantized_input(graph, node, 0, _EIGHT_BITS), quantized_output(graph, node, _EIGHT_BITS)
    multiplier = ratio_multiplier(source.scale, output.scale)
    builder.emit(node, REQUANTIZE, (builder.tensor(node.inputs[0]),), (multiplier.value, multiplier.shift))


def lower_dequantize(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit DEQUANTIZE of 8-bit numbers to float32. Args: as `Rule.lower`."""
    quantized_input(graph, node, 0, _EIGHT_BITS)
    require_dtype(node, graph.output(node), "the output", ("float32",))
    builder.emit(node, DEQUANTIZE, (builder.tensor(node.inputs[0]),))


RULES = (
    Rule("QUANTIZE", 4, same_shape, lower_quantize),
    Rule("DEQUANTIZE", 7, same_shape, lower_dequantize),
)
