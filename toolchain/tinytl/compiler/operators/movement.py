# SPDX-License-Identifier: Apache-2.0
"""Operators that move bytes and compute none: PAD, PADV2, CONCATENATION, PACK, RESHAPE, SQUEEZE, EXPAND_DIMS.

The last three change only dims; passes turn them into aliases, and `reshape` in the image remains for graphs compiled
without.
"""

from math import prod

import numpy as np

from tinytl.compiler.graph import ABSENT, Graph, Node
from tinytl.compiler.kinds import CONCATENATION, PAD, RESHAPE
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_equal_quantization,
)
from tinytl.compiler.options import ConcatenationOptions, PackOptions, ReshapeOptions, SqueezeOptions, options_of
from tinytl.compiler.program import MAX_RANK, Builder

_INDICES = ("int32", "int64")


def paddings(graph: Graph, node: Node) -> tuple[tuple[int, int], ...]:
    """Return (before, after) of every dimension of a PAD."""
    require_dtype(node, graph.input(node, 1), "the padding tensor", _INDICES)
    table = constant_input(graph, node, 1, "the paddings")
    rank = len(graph.input(node, 0).shape)
    if table.shape != (rank, 2) or (table < 0).any():
        raise node.refuse(f"paddings {table.tolist()}", expected=f"{rank} pairs of numbers ≥ 0")
    return tuple((int(before), int(after)) for before, after in table)


def pad_shape(graph: Graph, node: Node) -> Shape:
    pairs = paddings(graph, node)
    return tuple(sum(pair) + side for pair, side in zip(pairs, graph.input(node, 0).shape, strict=True))


def pad_value(graph: Graph, node: Node) -> int:
    """Return the byte that PAD writes: the zero point, or PADV2's own value."""
    output = graph.output(node)
    if node.operator == "PAD":
        return output.zero_point
    require_equal_quantization(node, quantized_input(graph, node, 2), output, "the padding value")
    return int(constant_input(graph, node, 2, "the padding value").reshape(-1)[0])


def lower_pad(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit PAD with the places before and behind each dimension, and the value there. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    require_equal_quantization(node, source, output, "input 0")
    pairs = paddings(graph, node) + ((0, 0),) * (MAX_RANK - len(source.shape))
    before, after = (pair[0] for pair in pairs), (pair[1] for pair in pairs)
    builder.emit(node, PAD, (builder.tensor(node.inputs[0]),), (*before, *after, pad_value(graph, node)))


def concatenation_shape(graph: Graph, node: Node) -> Shape:
    shapes = [graph.input(node, position).shape for position in range(len(node.inputs))]
    axis = _concatenation_axis(graph, node)
    for shape in shapes[1:]:
        if len(shape) != len(shapes[0]) or shape[:axis] + shape[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :]:
            raise node.refuse(f"inputs {[list(sides) for sides in shapes]}", expected=f"equal sides but along axis {axis}")
    total = sum(shape[axis] for shape in shapes)
    return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])


def _concatenation_axis(graph: Graph, node: Node) -> int:
    axis, rank = options_of(node.options, ConcatenationOptions).axis, len(graph.input(node, 0).shape)
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis}", expected=f"{-rank} to {rank - 1}")
    return axis % rank


def lower_concatenation(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit CONCATENATION of inputs that are all quantized as the output is. Args: as `Rule.lower`."""
    output = quantized_output(graph, node)
    for position in range(len(node.inputs)):
        require_equal_quantization(node, quantized_input(graph, node, position), output, f"input {position}")
    activation = options_of(node.options, ConcatenationOptions).activation
    if activation != "NONE":
        raise node.refuse(f"fused activation {activation}", expected="NONE")
    inputs = tuple(builder.tensor(number) for number in node.inputs)
    builder.emit(node, CONCATENATION, inputs, (_concatenation_axis(graph, node),))


def fold_concatenation(graph: Graph, node: Node) -> np.ndarray | None:
    """Join constants."""
    values = [graph.input(node, position).data for position in range(len(node.inputs))]
    known = [value for value in values if value is not None]
    return np.concatenate(known, _concatenation_axis(graph, node)) if len(known) == len(values) else None


def _pack_axis(graph: Graph, node: Node) -> int:
    axis, rank = options_of(node.options, PackOptions).axis, len(graph.input(node, 0).shape) + 1
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis}", expected=f"{-rank} to {rank - 1}")
    return axis % rank


def pack_shape(graph: Graph, node: Node) -> Shape:
    shapes = [graph.input(node, position).shape for position in range(len(node.inputs))]
    if any(shape != shapes[0] for shape in shapes):
        raise node.refuse(f"packs {[list(shape) for shape in shapes]}", expected="one shape")
    axis = _pack_axis(graph, node)
    return (*shapes[0][:axis], len(shapes), *shapes[0][axis:])


def fold_pack(graph: Graph, node: Node) -> np.ndarray | None:
    """Stack constants, such as the sides of a shape."""
    values = [graph.input(node, position).data for position in range(len(node.inputs))]
    known = [value for value in values if value is not None]
    pack_shape(graph, node)
    return np.stack(known, _pack_axis(graph, node)) if len(known) == len(values) else None


def lower_pack(graph: Graph, node: Node, builder: Builder) -> None:
    """Stack tensors: emit a concatenation of each with a side of 1 in the new place. Args: as `Rule.lower`."""
    output, axis = quantized_output(graph, node), _pack_axis(graph, node)
    inputs = []
    for position, number in enumerate(node.inputs):
        source = quantized_input(graph, node, position)
        require_equal_quantization(node, source, output, f"input {position}")
        inputs.append(builder.tensor(number, (*source.shape[:axis], 1, *source.shape[axis:])))
    builder.emit(node, CONCATENATION, tuple(inputs), (axis,))


def reshape_shape(graph: Graph, node: Node) -> Shape:
    source = graph.input(node, 0)
    shape = _asked_shape(graph, node)
    known = prod(side for side in shape if side != -1)
    if shape.count(-1) == 1 and known > 0 and source.elements % known == 0:
        shape = tuple(source.elements // known if side == -1 else side for side in shape)
    if -1 in shape or prod(shape) != source.elements:
        raise node.refuse(f"{list(source.shape)} does not become {list(shape)}", expected=f"{source.elements} elements")
    return shape


def _asked_shape(graph: Graph, node: Node) -> Shape:
    if len(node.inputs) > 1 and node.inputs[1] != ABSENT:
        require_dtype(node, graph.input(node, 1), "the shape tensor", _INDICES)
        return tuple(int(side) for side in constant_input(graph, node, 1, "the sides of the new shape").reshape(-1))
    shape = options_of(node.options, ReshapeOptions).new_shape
    if shape is None:
        raise node.refuse("no new shape, neither as input nor as option", expected="one of the two")
    return () if shape == (0,) else shape


def squeeze_shape(graph: Graph, node: Node) -> Shape:
    source = graph.input(node, 0).shape
    dims = options_of(node.options, SqueezeOptions).dims or tuple(i for i, side in enumerate(source) if side == 1)
    if any(not -len(source) <= dim < len(source) or source[dim] != 1 for dim in dims):
        raise node.refuse(f"cannot squeeze dimensions {list(dims)} of {list(source)}", expected="dimensions of size 1")
    dropped = {dim % len(source) for dim in dims}
    return tuple(side for dimension, side in enumerate(source) if dimension not in dropped)


def expand_dims_shape(graph: Graph, node: Node) -> Shape:
    source = graph.input(node, 0).shape
    require_dtype(node, graph.input(node, 1), "the axis tensor", _INDICES)
    axes = constant_input(graph, node, 1, "the axis").reshape(-1)
    if axes.size != 1:
        raise node.refuse(f"the axis is {axes.tolist()}", expected="one number")
    axis = int(axes[0])
    if not -len(source) - 1 <= axis <= len(source):
        raise node.refuse(f"axis {axis}", expected=f"{-len(source) - 1} to {len(source)}")
    axis %= len(source) + 1
    return (*source[:axis], 1, *source[axis:])


def lower_reshape(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit RESHAPE, for SQUEEZE and EXPAND_DIMS too. Args: as `Rule.lower`."""
    builder.emit(node, RESHAPE, (builder.tensor(node.inputs[0]),))


def fold_reshape(graph: Graph, node: Node) -> np.ndarray | None:
    """Return a constant with its new dims; the caller sets the shape."""
    return graph.input(node, 0).data


RULES = (
    Rule("PAD", 4, pad_shape, lower_pad),
    Rule("PADV2", 4, pad_shape, lower_pad),
    Rule(
        *("CONCATENATION", 5, concatenation_shape, lower_concatenation, fold_concatenation),
        schema="ConcatenationOptions",
        options=ConcatenationOptions(),
    ),
    Rule("PACK", 4, pack_shape, lower_pack, fold_pack, schema="PackOptions", options=PackOptions()),
    Rule(
        *("RESHAPE", 1, reshape_shape, lower_reshape, fold_reshape),
        schema="ReshapeOptions",
        options=ReshapeOptions(),
        view=True,
    ),
    Rule(
        *("SQUEEZE", 2, squeeze_shape, lower_reshape, fold_reshape),
        schema="SqueezeOptions",
        options=SqueezeOptions(),
        view=True,
    ),
    Rule("EXPAND_DIMS", 1, expand_dims_shape, lower_reshape, fold_reshape, view=True),
)
