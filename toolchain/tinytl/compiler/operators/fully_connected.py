# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED: rows × weights, with weights [out, in] and the input flattened to rows of `in`."""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import FULLY_CONNECTED
from tinytl.compiler.operators.rule import Rule, Shape, clamp, quantized_input, quantized_output, require_rank
from tinytl.compiler.operators.weights import read_bias, read_weights, weight_operands
from tinytl.compiler.options import FullyConnectedOptions, options_of
from tinytl.compiler.program import Builder
from tinytl.compiler.quantization import Multiplier
from tinytl.compiler.rescaling import wide_multipliers


def shape(graph: Graph, node: Node) -> Shape:
    options = options_of(node.options, FullyConnectedOptions)
    source = graph.input(node, 0)
    units, features = require_rank(node, graph.input(node, 1), "the weight tensor", 2)
    if not features or source.elements % features:
        raise node.refuse(f"input of {source.elements} values", expected=f"rows of {features}")
    if options.keep_dims:
        if source.shape[-1:] != (features,):
            raise node.refuse(f"input 0 has shape {list(source.shape)}", expected=f"{features} in the last dimension")
        return (*source.shape[:-1], units)
    return (source.elements // features, units)


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    options = options_of(node.options, FullyConnectedOptions)
    if options.weights_format:
        raise node.refuse(f"weights format {options.weights_format} (shuffled)", expected="0, the default")
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    weights = read_weights(graph, node, rank=2, channel_dimension=0)
    bias = read_bias(graph, node, weights.channels)
    multipliers = wide_multipliers(source.scale, weights.scales, output.scale, weights.channels)
    low = np.array([each.low for each in multipliers])
    rows = source.elements // weights.data.shape[1]
    builder.emit(
        node,
        FULLY_CONNECTED,
        (
            builder.tensor(node.inputs[0]),
            *weight_operands(builder, node, bias, [Multiplier(each.high, each.shift) for each in multipliers]),
            builder.constant(f"{node.name}/multiplier_low", low, "int32"),
        ),
        clamp(node, options.activation, output),
        macs=rows * weights.data.size,
    )


RULES = (Rule("FULLY_CONNECTED", 14, shape, lower, schema="FullyConnectedOptions", options=FullyConnectedOptions()),)
