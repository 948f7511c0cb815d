# SPDX-License-Identifier: Apache-2.0
"""AVERAGE_POOL_2D and MAX_POOL_2D. Padded places take no part: the average divides by the places inside the input."""

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import AVERAGE_POOL_2D, MAX_POOL_2D, OperatorKind
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    clamp,
    quantized_input,
    quantized_output,
    require_equal_quantization,
    require_one_image,
    require_positive,
    window_side,
)
from tinytl.compiler.options import PoolOptions, options_of
from tinytl.compiler.program import Builder


def _window(graph: Graph, node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    options = options_of(node.options, PoolOptions)
    require_positive(
        node,
        stride_h=options.stride_h,
        stride_w=options.stride_w,
        filter_h=options.filter_h,
        filter_w=options.filter_w,
    )
    _, height, width, _ = require_one_image(node, graph.input(node, 0))
    out_h, pad_top = window_side(node, height, options.filter_h, options.stride_h, options.padding)
    out_w, pad_left = window_side(node, width, options.filter_w, options.stride_w, options.padding)
    return (out_h, out_w), (pad_top, pad_left)


def shape(graph: Graph, node: Node) -> Shape:
    (height, width), _ = _window(graph, node)
    source = graph.input(node, 0).shape
    return (source[0], height, width, source[3])


def _lower(graph: Graph, node: Node, builder: Builder, kind: OperatorKind) -> None:
    options = options_of(node.options, PoolOptions)
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    require_equal_quantization(node, source, output, "input 0")
    _, (pad_top, pad_left) = _window(graph, node)
    builder.emit(
        node,
        kind,
        (builder.tensor(node.inputs[0]),),
        (
            *(pad_top, pad_left, options.stride_h, options.stride_w, options.filter_h, options.filter_w),
            *clamp(node, options.activation, output),
        ),
    )


def lower_average_pool_2d(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit AVERAGE_POOL_2D, whose input and output must be quantized alike. Args: as `Rule.lower`."""
    _lower(graph, node, builder, AVERAGE_POOL_2D)


def lower_max_pool_2d(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit MAX_POOL_2D, whose input and output must be quantized alike. Args: as `Rule.lower`."""
    _lower(graph, node, builder, MAX_POOL_2D)


RULES = (
    Rule("AVERAGE_POOL_2D", 3, shape, lower_average_pool_2d, schema="Pool2DOptions", options=PoolOptions()),
    Rule("MAX_POOL_2D", 3, shape, lower_max_pool_2d, schema="Pool2DOptions", options=PoolOptions()),
)
