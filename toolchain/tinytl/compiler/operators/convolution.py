# SPDX-License-Identifier: Apache-2.0
"""CONV_2D (also grouped) and DEPTHWISE_CONV_2D.

Padding is written as the rows above and the columns to the left; what lies below and to the right follows from the
shapes. A padded place holds the input's zero point and so adds nothing, which is why kernels skip it and a PAD in front
can be folded in.
"""

from math import prod

from tinytl.compiler.arithmetic.multipliers import per_channel_multipliers
from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import CONV_2D, DEPTHWISE_CONV_2D
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    clamp,
    quantized_input,
    quantized_output,
    require_one_image,
    require_positive,
    require_rank,
    window_side,
)
from tinytl.compiler.operators.weights import read_bias, read_weights, weight_operands
from tinytl.compiler.options import ConvolutionOptions, options_of
from tinytl.compiler.program import Builder


def _window(graph: Graph, node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (output sides, padding above and to the left)."""
    options = options_of(node.options, ConvolutionOptions)
    require_positive(
        node,
        stride_h=options.stride_h,
        stride_w=options.stride_w,
        dilation_h=options.dilation_h,
        dilation_w=options.dilation_w,
    )
    _, height, width, _ = require_rank(node, graph.input(node, 0), "input 0", 4)  # a batch may be folded away later
    _, filter_h, filter_w, _ = require_rank(node, graph.input(node, 1), "the weight tensor", 4)
    top, bottom, left, right = options.extra_padding
    reach_h, reach_w = (filter_h - 1) * options.dilation_h + 1, (filter_w - 1) * options.dilation_w + 1
    out_h, pad_top = window_side(node, height + top + bottom, reach_h, options.stride_h, options.padding)
    out_w, pad_left = window_side(node, width + left + right, reach_w, options.stride_w, options.padding)
    return (out_h, out_w), (pad_top + top, pad_left + left)


def conv_2d_shape(graph: Graph, node: Node) -> Shape:
    (height, width), _ = _window(graph, node)
    channels, per_group = graph.input(node, 1).shape[0], graph.input(node, 1).shape[3]
    in_channels = graph.input(node, 0).shape[3]
    if per_group < 1 or in_channels % per_group or channels % (in_channels // per_group):
        raise node.refuse(
            f"weights {list(graph.input(node, 1).shape)} do not fit {in_channels} input channels",
            expected="the last dimension to divide them into groups that divide the output channels",
        )
    return (graph.input(node, 0).shape[0], height, width, channels)


def depthwise_conv_2d_shape(graph: Graph, node: Node) -> Shape:
    (height, width), _ = _window(graph, node)
    channels, in_channels = graph.input(node, 1).shape[3], graph.input(node, 0).shape[3]
    if graph.input(node, 1).shape[0] != 1 or not in_channels or channels % in_channels:
        raise node.refuse(
            f"weights {list(graph.input(node, 1).shape)} do not fit {in_channels} input channels",
            expected="[1, height, width, a multiple of the input channels]",
        )
    return (graph.input(node, 0).shape[0], height, width, channels)


def _lower(graph: Graph, node: Node, builder: Builder, *, depthwise: bool) -> None:
    options = options_of(node.options, ConvolutionOptions)
    require_one_image(node, graph.input(node, 0))
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    weights = read_weights(graph, node, rank=4, channel_dimension=3 if depthwise else 0)
    bias = read_bias(graph, node, weights.channels)
    multipliers = per_channel_multipliers(source.scale, weights.scales, output.scale, weights.channels)
    _, (pad_top, pad_left) = _window(graph, node)
    depth_multiplier = (weights.channels // source.shape[3],) if depthwise else ()
    builder.emit(
        node,
        DEPTHWISE_CONV_2D if depthwise else CONV_2D,
        (builder.tensor(node.inputs[0]), *weight_operands(builder, node, bias, multipliers)),
        (
            *(pad_top, pad_left, options.stride_h, options.stride_w, options.dilation_h, options.dilation_w),
            *(*depth_multiplier, *clamp(node, options.activation, output)),
        ),
        macs=prod(output.shape[:3]) * weights.data.size,
    )


def lower_conv_2d(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit CONV_2D with a rescaling for each output channel. Args: as `Rule.lower`."""
    _lower(graph, node, builder, depthwise=False)


def lower_depthwise_conv_2d(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit DEPTHWISE_CONV_2D with a rescaling for each output channel. Args: as `Rule.lower`."""
    _lower(graph, node, builder, depthwise=True)


RULES = (
    Rule("CONV_2D", 8, conv_2d_shape, lower_conv_2d, schema="Conv2DOptions", options=ConvolutionOptions()),
    Rule(
        *("DEPTHWISE_CONV_2D", 7, depthwise_conv_2d_shape, lower_depthwise_conv_2d),
        schema="DepthwiseConv2DOptions",
        options=ConvolutionOptions(),
    ),
)
