# SPDX-License-Identifier: Apache-2.0
"""MEAN over any set of dimensions, such as Keras's global average pooling: 1 / count is folded into the multiplier. SUM is the image
operator `mean` without that. REDUCE_MAX over neighbouring dimensions, such as global max pooling, is `max_pool_2d` on other dims.
ARG_MAX: where along one dimension the largest stands.

SUM equals TFLM's kernel. LiteRT has none to equal: its reference kernel reads int8 numbers as uint8, its default one rescales in float.
"""

from math import prod

from tinytl.compiler.arithmetic.multipliers import DOMAINS, mean_multiplier, ratio_multiplier
from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import ARG_MAX, MAX_POOL_2D, MEAN
from tinytl.compiler.operators.rule import (
    MAX_SIDE,
    Rule,
    Shape,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_equal_quantization,
)
from tinytl.compiler.options import ReduceOptions, options_of
from tinytl.compiler.program import Builder

MAX_COUNT = 2**22
"""More int8 values than that do not fit a 32-bit sum of differences from the zero point."""
_INDICES = ("int32", "int64")


def _axes(graph: Graph, node: Node) -> tuple[int, ...]:
    """Return the dimensions that go, each once, in order."""
    rank = len(graph.input(node, 0).shape)
    require_dtype(node, graph.input(node, 1), "the axis tensor", _INDICES)
    axes = [int(axis) for axis in constant_input(graph, node, 1, "the axes").reshape(-1)]
    if not axes or any(not -rank <= axis < rank for axis in axes):
        raise node.refuse(f"axes {axes}", expected=f"dimensions {-rank} to {rank - 1}")
    return tuple(sorted({axis % rank for axis in axes}))


def shape(graph: Graph, node: Node) -> Shape:
    axes = _axes(graph, node)
    source = graph.input(node, 0).shape
    if options_of(node.options, ReduceOptions).keep_dims:
        return tuple(1 if dimension in axes else side for dimension, side in enumerate(source))
    return tuple(side for dimension, side in enumerate(source) if dimension not in axes)


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit MEAN, or SUM as a mean without the division. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    axes = _axes(graph, node)
    count = prod(source.shape[axis] for axis in axes)
    if count > MAX_COUNT:
        raise node.refuse(f"a {node.operator.lower()} of {count:,} values", expected=f"at most {MAX_COUNT:,}")
    if node.operator == "SUM":
        multiplier = ratio_multiplier(source.scale, output.scale)
    else:
        multiplier = mean_multiplier(source.scale, output.scale, count)
    parameters = (sum(1 << axis for axis in axes), multiplier.value, multiplier.shift)
    builder.emit(node, MEAN, (builder.tensor(node.inputs[0]),), parameters)


def lower_maximum(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit a pooling of [1, sides before, sides reduced, sides behind] along the third. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    require_equal_quantization(node, source, output, "input 0")
    axes = tuple(axis for axis in _axes(graph, node) if source.shape[axis] > 1) or (0,)
    skipped = [source.shape[axis] for axis in range(axes[0], axes[-1] + 1) if axis not in axes]
    before, behind = prod(source.shape[: axes[0]]), prod(source.shape[axes[-1] + 1 :])
    count = source.elements // (before * behind)
    if prod(skipped) > 1 or max(before, count) > MAX_SIDE:
        raise node.refuse(
            f"the largest of {list(source.shape)} along {list(axes)}",
            expected=f"neighbouring dimensions, at most {MAX_SIDE:,} values of them and places before them",
        )
    views = builder.tensor(node.inputs[0], (1, before, count, behind)), builder.tensor(node.outputs[0], (1, before, 1, behind))
    builder.emit(node, MAX_POOL_2D, views[:1], (0, 0, 1, 1, 1, count, *DOMAINS["int8"]), output=views[1])


def _axis(graph: Graph, node: Node) -> int:
    axes = _axes(graph, node)
    if len(axes) != 1:
        raise node.refuse(f"{len(axes)} axes", expected="one")
    return axes[0]


def arg_max_shape(graph: Graph, node: Node) -> Shape:
    axis, source = _axis(graph, node), graph.input(node, 0).shape
    return (*source[:axis], *source[axis + 1 :])


def lower_arg_max(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit ARG_MAX with its axis; scales do not matter, so the input needs none. Args: as `Rule.lower`."""
    require_dtype(node, graph.input(node, 0), "input 0", ("int8",))
    if graph.output(node).dtype == "int64":
        raise node.refuse("the output is int64", expected="int32", hint="tf.math.argmax(…, output_type=tf.int32)")
    require_dtype(node, graph.output(node), "the output", ("int32",))
    builder.emit(node, ARG_MAX, (builder.tensor(node.inputs[0]),), (_axis(graph, node),))


RULES = (
    Rule("MEAN", 3, shape, lower, schema="ReducerOptions", options=ReduceOptions()),
    Rule("SUM", 2, shape, lower, schema="ReducerOptions", options=ReduceOptions()),
    Rule("ARG_MAX", 2, arg_max_shape, lower_arg_max),
    Rule("REDUCE_MAX", 3, shape, lower_maximum, schema="ReducerOptions", options=ReduceOptions()),
)
