# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED: rows × weights, with weights [out, in] and the input flattened to rows of `in`."""

import numpy as np

from tinytl.compiler.arithmetic.multipliers import Multiplier
from tinytl.compiler.arithmetic.wide_multipliers import wide_multipliers
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kernels.sums import extremes
from tinytl.compiler.kinds import FULLY_CONNECTED
from tinytl.compiler.operators.rule import Rule, Shape, clamp, quantized_input, quantized_output, require_rank
from tinytl.compiler.operators.weights import Weights, read_bias, read_weights, weight_operands
from tinytl.compiler.options import FullyConnectedOptions, options_of
from tinytl.compiler.program import Builder

_INT32 = 2**31
_OFFSETS = 2**8
"""Room for the zero point, which the reference adds to a result before it clamps."""


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
    """Emit FULLY_CONNECTED with a rescaling of two words for each output channel. Args: as `Rule.lower`."""
    options = options_of(node.options, FullyConnectedOptions)
    if options.weights_format:
        raise node.refuse(f"weights format {options.weights_format} (shuffled)", expected="0, the default")
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    weights = read_weights(graph, node, rank=2, channel_dimension=0)
    bias = read_bias(graph, node, weights.channels)
    multipliers = wide_multipliers(source.scale, weights.scales, output.scale, weights.channels)
    _require_defined(node, source, weights, bias, output)
    low = np.array([multiplier.low for multiplier in multipliers])
    rows = source.elements // weights.data.shape[1]
    builder.emit(
        node,
        FULLY_CONNECTED,
        (
            builder.tensor(node.inputs[0]),
            *weight_operands(builder, node, bias, [Multiplier(multiplier.high, multiplier.shift) for multiplier in multipliers]),
            builder.constant(f"{node.name}/multiplier_low", low, "int32"),
        ),
        clamp(node, options.activation, output),
        macs=rows * weights.data.size,
    )


def _require_defined(node: Node, source: Tensor, weights: Weights, bias: np.ndarray, output: Tensor) -> None:
    """Refuse a layer where sum × factor can leave int32: TFLite's reference kernel makes an int32 of that double, and what it then gets
    differs from processor to processor, so there are no bytes to be equal to."""
    low, high = extremes(weights.data.astype(np.int64), bias.astype(np.int64), source.zero_point)
    largest = np.minimum(np.maximum(-low, high), _INT32)  # sums themselves wrap
    factors = float(source.scale) * np.array([float(scale) for scale in weights.scales]) / float(output.scale)
    results = largest * factors
    worst = int(np.argmax(results))
    if results[worst] >= _INT32 - _OFFSETS:
        raise node.refuse(
            f"a sum of channel {worst} can be {int(largest[worst]):,}, which its scales make {results[worst]:.4g} steps of the output",
            expected="less than 2^31 = 2.147e+09: beyond, TFLite's reference kernel has no defined result",
            hint="values this large come of samples that were never normalised: bring them near 1 before training, "
            "then convert the model again",
        )


RULES = (Rule("FULLY_CONNECTED", 14, shape, lower, schema="FullyConnectedOptions", options=FullyConnectedOptions()),)
