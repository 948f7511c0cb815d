# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE_CONV: the output's shape is an input (0), weights (1) come before the values (2), a bias (3) may be absent.

Padding is the one that a convolution from the output's sides back to the input's would have.
"""

from dataclasses import replace
from math import prod

from tinytl.compiler.arithmetic.multipliers import per_channel_multipliers
from tinytl.compiler.graph import ABSENT, Graph, Node
from tinytl.compiler.kinds import TRANSPOSE_CONV
from tinytl.compiler.operators.rule import (
    MAX_SIDE,
    Rule,
    Shape,
    clamp,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_one_image,
    require_positive,
    require_rank,
)
from tinytl.compiler.operators.weights import read_bias, read_weights, weight_operands
from tinytl.compiler.options import TransposeConvOptions, options_of
from tinytl.compiler.program import Builder


def _ordered(node: Node) -> Node:
    """Return the node with values, weights, bias first, as every other convolution has them."""
    bias = node.inputs[3] if len(node.inputs) > 3 else ABSENT
    return replace(node, inputs=(node.inputs[2], node.inputs[1], bias))


def shape(graph: Graph, node: Node) -> Shape:
    require_dtype(node, graph.input(node, 0), "the shape tensor", ("int32",))
    sides = tuple(int(side) for side in constant_input(graph, node, 0, "the sides").reshape(-1))
    channels, _, _, depth = require_rank(node, graph.input(node, 1), "the weight tensor", 4)
    source = require_one_image(node, graph.input(node, 2), "input 2")
    if len(sides) != 4 or sides[0] != 1 or sides[3] != channels or depth != source[3]:
        raise node.refuse(
            f"{list(source)} becomes {list(sides)} by weights {list(graph.input(node, 1).shape)}",
            expected="[1, height, width, the weights' first side], the weights' last side as input channels",
        )
    _paddings(graph, node, sides)
    return sides


def _paddings(graph: Graph, node: Node, wanted: Shape) -> tuple[int, int]:
    """Return the padding above and to the left."""
    options = options_of(node.options, TransposeConvOptions)
    require_positive(node, stride_h=options.stride_h, stride_w=options.stride_w)
    source, filters = graph.input(node, 2).shape, graph.input(node, 1).shape
    paddings = []
    for dimension, stride in ((1, options.stride_h), (2, options.stride_w)):
        side, out, taps = source[dimension], wanted[dimension], filters[dimension]
        if not all(1 <= extent <= MAX_SIDE for extent in (side, out, taps)):
            raise node.refuse(f"sides {side}, {out} and {taps} taps", expected=f"1 to {MAX_SIDE:,}")
        if options.padding not in ("SAME", "VALID"):
            raise node.refuse(f"padding {options.padding} is not supported", expected="SAME, VALID")
        back = -(-out // stride) if options.padding == "SAME" else (out - taps + stride) // stride
        if back != side:
            raise node.refuse(f"a side of {side} does not become {out}", expected=f"a side of {back}")
        paddings.append(max((back - 1) * stride + taps - out, 0) // 2)
    return paddings[0], paddings[1]


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit TRANSPOSE_CONV with a rescaling for each output channel. Args: as `Rule.lower`."""
    source, output, ordered = quantized_input(graph, node, 2), quantized_output(graph, node), _ordered(node)
    options = options_of(node.options, TransposeConvOptions)
    weights = read_weights(graph, ordered, rank=4, channel_dimension=0)
    bias = read_bias(graph, ordered, weights.channels)
    multipliers = per_channel_multipliers(source.scale, weights.scales, output.scale, weights.channels)
    builder.emit(
        node,
        TRANSPOSE_CONV,
        (builder.tensor(ordered.inputs[0]), *weight_operands(builder, ordered, bias, multipliers)),
        (
            *(*_paddings(graph, node, output.shape), options.stride_h, options.stride_w),
            *clamp(node, options.activation, output),
        ),
        macs=prod(source.shape[:3]) * weights.data.size,
    )


RULES = (
    Rule(
        *("TRANSPOSE_CONV", 5, shape, lower),
        schema="TransposeConvOptions",
        options=TransposeConvOptions(),
    ),
)
