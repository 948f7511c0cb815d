# SPDX-License-Identifier: Apache-2.0
"""Parts and permutations of a tensor: SLICE, STRIDED_SLICE, SPLIT, SPLIT_V, UNPACK, REVERSE_V2, BROADCAST_TO and TILE, which are all the
image operator `slice`, and TRANSPOSE.

`slice` reads input[begin + stride × i] in each dimension. On constants (the shape arithmetic of an open batch) the same
places are taken at compile time.
"""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kinds import SLICE, TRANSPOSE
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_equal_quantization,
)
from tinytl.compiler.options import PackOptions, StridedSliceOptions, options_of
from tinytl.compiler.program import MAX_RANK, Builder

_INDICES = ("int32", "int64")
_EIGHT_BITS = ("int8", "uint8")
_CALIBRATED_APART = ("REVERSE_V2",)
"""The converter may give the two sides different scales, as behind a bidirectional layer; the reference moves the bytes all the same."""


@dataclass(frozen=True)
class Part:
    """Where a part lies: begin, stride and count of every dimension of the source; shape: of the output, which may lack
    dimensions of count 1, or have more of them.
    """

    begin: Shape
    stride: Shape
    count: Shape
    shape: Shape


def emit_part(node: Node, builder: Builder, number: int, part: Part, output: int) -> None:
    """Emit the slice of a program's tensor.

    Args:
        node: whose name the operator gets. builder: that it is appended to. part: of the source, 4 dimensions at most.
        number, output: of the tensors that it reads, with as many dimensions as the part, and writes.
    """
    rest = MAX_RANK - len(part.begin)
    parameters = (*part.begin, *(0,) * rest, *part.stride, *(1,) * rest)
    builder.emit(node, SLICE, (number,), parameters, output=output)


def _numbers(graph: Graph, node: Node, position: int, role: str) -> list[int]:
    require_dtype(node, graph.input(node, position), role, _INDICES)
    return [int(value) for value in constant_input(graph, node, position, role).reshape(-1)]


def _number(graph: Graph, node: Node, position: int, role: str) -> int:
    numbers = _numbers(graph, node, position, role)
    if len(numbers) != 1:
        raise node.refuse(f"{role} is {numbers}", expected="one number")
    return numbers[0]


def _moved(graph: Graph, node: Node, position: int) -> Tensor:
    """Return the values that a node moves: 8-bit, of the output's type and, but for a reversal, its meaning."""
    source, output = quantized_input(graph, node, position, _EIGHT_BITS), quantized_output(graph, node, _EIGHT_BITS)
    require_dtype(node, output, "the output", (source.dtype,))
    if node.operator not in _CALIBRATED_APART:
        require_equal_quantization(node, source, output, f"input {position}")
    return source


def _axis(node: Node, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis}", expected=f"{-rank} to {rank - 1}")
    return axis % rank


def _along(shape: Shape, axis: int, begin: int, count: int) -> Part:
    """Return `count` places from `begin` on along one dimension, all of the others."""
    begins = tuple(begin if d == axis else 0 for d in range(len(shape)))
    counts = tuple(count if d == axis else side for d, side in enumerate(shape))
    return Part(begins, (1,) * len(shape), counts, counts)


def slice_part(graph: Graph, node: Node) -> Part:
    """SLICE: begins and sizes; a size of −1 reaches to the end."""
    shape = graph.input(node, 0).shape
    begins, sizes = _numbers(graph, node, 1, "the begins"), _numbers(graph, node, 2, "the sizes")
    if len(begins) != len(shape) or len(sizes) != len(shape):
        raise node.refuse(f"begins {begins} and sizes {sizes}", expected=f"{len(shape)} numbers each")
    counts = tuple(side - b if size == -1 else size for side, b, size in zip(shape, begins, sizes, strict=True))
    for side, begin, count in zip(shape, begins, counts, strict=True):
        if begin < 0 or count < 1 or begin + count > side:
            raise node.refuse(f"begins {begins} and sizes {sizes}", expected=f"parts of {list(shape)}")
    return Part(tuple(begins), (1,) * len(shape), counts, counts)


def strided_slice_part(graph: Graph, node: Node) -> Part:
    """STRIDED_SLICE: what x[a:b:c, 3, …, None] does in Python, by its five masks."""
    shape, options = graph.input(node, 0).shape, options_of(node.options, StridedSliceOptions)
    begins, ends, strides = (
        _numbers(graph, node, position, role) for position, role in ((1, "the begins"), (2, "the ends"), (3, "the strides"))
    )
    if not len(begins) == len(ends) == len(strides) or 0 in strides:
        raise node.refuse(f"begins {begins}, ends {ends}, strides {strides}", expected="as many each, no stride 0")
    if options.offset:
        ends = [begin + end for begin, end in zip(begins, ends, strict=True)]
    dimensions: list[tuple[int, int, int]] = []
    out: list[int] = []
    for place in range(len(begins)):
        bit = 1 << place
        if options.ellipsis_mask & bit:
            later = [p for p in range(place + 1, len(begins)) if not options.new_axis_mask >> p & 1]
            whole = shape[len(dimensions) : len(shape) - len(later)]
            dimensions += [(0, 1, side) for side in whole]
            out += whole
        elif options.new_axis_mask & bit:
            out.append(1)
        elif len(dimensions) == len(shape):
            raise node.refuse(f"{len(begins)} slices of {list(shape)}", expected=f"at most {len(shape)}")
        elif options.shrink_axis_mask & bit:
            side = shape[len(dimensions)]
            if not -side <= begins[place] < side:
                raise node.refuse(f"index {begins[place]}", expected=f"{-side} to {side - 1}")
            dimensions.append((begins[place] % side, 1, 1))
        else:
            begin = None if options.begin_mask & bit else begins[place]
            end = None if options.end_mask & bit else ends[place]
            places = range(*slice(begin, end, strides[place]).indices(shape[len(dimensions)]))
            dimensions.append((places.start, strides[place], len(places)))
            out.append(len(places))
    rest = shape[len(dimensions) :]
    dimensions += [(0, 1, side) for side in rest]
    begin_, stride_, count_ = (tuple(column) for column in zip(*dimensions, strict=True)) if dimensions else ((), (), ())
    return Part(begin_, stride_, count_, (*out, *rest))


def split_part(graph: Graph, node: Node) -> Part:
    """SPLIT: inputs axis, values; equal parts."""
    shape = graph.input(node, 1).shape
    axis = _axis(node, _number(graph, node, 0, "the axis"), len(shape))
    if shape[axis] % node.parts:
        raise node.refuse(f"splits a side of {shape[axis]} into {node.parts}", expected="equal parts")
    count = shape[axis] // node.parts
    return _along(shape, axis, node.part * count, count)


def split_v_part(graph: Graph, node: Node) -> Part:
    """SPLIT_V: inputs values, sizes (one may be −1: the rest), axis."""
    shape = graph.input(node, 0).shape
    axis = _axis(node, _number(graph, node, 2, "the axis"), len(shape))
    sizes = _numbers(graph, node, 1, "the sizes")
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = shape[axis] - sum(size for size in sizes if size != -1)
    if len(sizes) != node.parts or min(sizes) < 1 or sum(sizes) != shape[axis]:
        raise node.refuse(f"splits a side of {shape[axis]} into {sizes}", expected=f"{node.parts} sizes of that sum")
    return _along(shape, axis, sum(sizes[: node.part]), sizes[node.part])


def unpack_part(graph: Graph, node: Node) -> Part:
    """UNPACK: one place along an axis, which the output lacks."""
    shape = graph.input(node, 0).shape
    axis = _axis(node, options_of(node.options, PackOptions).axis, len(shape))
    if shape[axis] != node.parts:
        raise node.refuse(f"unpacks a side of {shape[axis]} into {node.parts}", expected="one output a place")
    part = _along(shape, axis, node.part, 1)
    return Part(part.begin, part.stride, part.count, shape[:axis] + shape[axis + 1 :])


def reverse_part(graph: Graph, node: Node) -> Part:
    """REVERSE_V2: input and the dimensions read backwards."""
    shape = graph.input(node, 0).shape
    axes = {_axis(node, axis, len(shape)) for axis in _numbers(graph, node, 1, "the axes")}
    begins = tuple(side - 1 if d in axes else 0 for d, side in enumerate(shape))
    return Part(begins, tuple(-1 if d in axes else 1 for d in range(len(shape))), shape, shape)


def repeated(shape: Shape, wanted: Shape) -> Part | None:
    """Return the part that repeats sides of 1 up to `wanted` (of as many dimensions), None where they do not fit."""
    if any(side not in (1, other) for side, other in zip(shape, wanted, strict=True)):
        return None
    strides = tuple(0 if side != other else 1 for side, other in zip(shape, wanted, strict=True))
    return Part((0,) * len(shape), strides, wanted, wanted)


def broadcast_part(graph: Graph, node: Node) -> Part:
    """BROADCAST_TO: input and the shape wanted."""
    shape, target = graph.input(node, 0).shape, tuple(_numbers(graph, node, 1, "the shape"))
    aligned = (1,) * (len(target) - len(shape)) + shape
    part = repeated(aligned, target) if len(aligned) == len(target) else None
    if part is None:
        raise node.refuse(f"{list(shape)} does not repeat to {list(target)}", expected="equal sides, or sides of 1")
    return part


_PARTS = {
    "SLICE": (slice_part, 0),
    "STRIDED_SLICE": (strided_slice_part, 0),
    "SPLIT": (split_part, 1),
    "SPLIT_V": (split_v_part, 0),
    "UNPACK": (unpack_part, 0),
    "REVERSE_V2": (reverse_part, 0),
    "BROADCAST_TO": (broadcast_part, 0),
}
"""Operator → (where its part lies, the position of its values)."""


def shape(graph: Graph, node: Node) -> Shape:
    return _PARTS[node.operator][0](graph, node).shape


def fold(graph: Graph, node: Node) -> np.ndarray | None:
    """Take the part of a constant; its shape is set by the caller."""
    find, position = _PARTS[node.operator]
    data = graph.input(node, position).data
    if data is None:
        return None
    part = find(graph, node)
    places = (b + s * np.arange(n) for b, s, n in zip(part.begin, part.stride, part.count, strict=True))
    aligned = data.reshape((1,) * (len(part.begin) - data.ndim) + data.shape)
    return aligned[np.ix_(*places)] if part.begin else aligned


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit SLICE of the part that the operator takes, with its strides, backwards and repeated ones too. Args: as `Rule.lower`."""
    find, position = _PARTS[node.operator]
    source = _moved(graph, node, position)
    part = find(graph, node)
    aligned = (1,) * (len(part.begin) - len(source.shape)) + source.shape
    number = builder.tensor(node.inputs[position], aligned)
    emit_part(node, builder, number, part, builder.tensor(node.outputs[0], part.count))


def _multiples(graph: Graph, node: Node) -> Shape:
    shape, multiples = graph.input(node, 0).shape, _numbers(graph, node, 1, "the multiples")
    if len(multiples) != len(shape) or min(multiples, default=1) < 1:
        raise node.refuse(f"multiples {multiples} of {list(shape)}", expected=f"{len(shape)} numbers ≥ 1")
    return tuple(multiples)


def tile_shape(graph: Graph, node: Node) -> Shape:
    multiples = _multiples(graph, node)
    return tuple(side * multiple for side, multiple in zip(graph.input(node, 0).shape, multiples, strict=True))


def fold_tile(graph: Graph, node: Node) -> np.ndarray | None:
    data = graph.input(node, 0).data
    return None if data is None else np.tile(data, _multiples(graph, node))


def lower_tile(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit the copies: m copies of a side s are a dimension of 1, repeated m times, before the one of s. Args: as `Rule.lower`.

    Dimensions that are not repeated are seen as one, so that the five of Keras's UpSampling2D become three.
    """
    source = _moved(graph, node, 0)
    seen, target = [1], [1]
    for side, multiple in zip(source.shape, _multiples(graph, node), strict=True):
        if multiple > 1:
            seen, target = [*seen, 1, side], [*target, multiple, side]
        else:
            seen[-1], target[-1] = seen[-1] * side, target[-1] * side
    kept = [place for place, side in enumerate(target) if side > 1] or [0]
    seen, target = [seen[place] for place in kept], [target[place] for place in kept]
    part = repeated(tuple(seen), tuple(target))
    if part is None or len(seen) > MAX_RANK:
        multiples = list(_multiples(graph, node))
        raise node.refuse(f"multiples {multiples} of {list(source.shape)}", expected="copies along fewer dimensions")
    number = builder.tensor(node.inputs[0], tuple(seen))
    emit_part(node, builder, number, part, builder.tensor(node.outputs[0], tuple(target)))


def _permutation(graph: Graph, node: Node) -> Shape:
    rank, permutation = len(graph.input(node, 0).shape), _numbers(graph, node, 1, "the permutation")
    if sorted(axis % rank if rank else axis for axis in permutation) != list(range(rank)) or any(axis < -rank for axis in permutation):
        raise node.refuse(f"permutation {permutation}", expected=f"each of 0 to {rank - 1} once")
    return tuple(axis % rank for axis in permutation)


def transpose_shape(graph: Graph, node: Node) -> Shape:
    return tuple(graph.input(node, 0).shape[axis] for axis in _permutation(graph, node))


def fold_transpose(graph: Graph, node: Node) -> np.ndarray | None:
    data = graph.input(node, 0).data
    return None if data is None else data.transpose(_permutation(graph, node))


def lower_transpose(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit TRANSPOSE with the permutation of its dimensions. Args: as `Rule.lower`."""
    _moved(graph, node, 0)
    permutation = _permutation(graph, node)
    builder.emit(node, TRANSPOSE, (builder.tensor(node.inputs[0]),), (*permutation, *range(len(permutation), MAX_RANK)))


RULES = (
    Rule("SLICE", 5, shape, lower, fold),
    Rule("STRIDED_SLICE", 8, shape, lower, fold, schema="StridedSliceOptions", options=StridedSliceOptions()),
    Rule("SPLIT", 4, shape, lower, fold, many=True),
    Rule("SPLIT_V", 2, shape, lower, fold, many=True),
    Rule("UNPACK", 4, shape, lower, fold, schema="UnpackOptions", options=PackOptions(), many=True),
    Rule("REVERSE_V2", 3, shape, lower, fold),
    Rule("BROADCAST_TO", 3, shape, lower, fold),
    Rule("TILE", 3, tile_shape, lower_tile, fold_tile, view=True),
    Rule("TRANSPOSE", 6, transpose_shape, lower_transpose, fold_transpose),
)
