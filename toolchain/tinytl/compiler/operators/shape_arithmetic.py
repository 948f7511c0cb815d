# SPDX-License-Identifier: Apache-2.0
"""SHAPE, STRIDED_SLICE, PACK: how a model with an open batch computes the new shape of a Flatten.

With the batch fixed to 1 their values are known at compile time; they never reach an image.
"""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import Rule, Shape, constant_input
from tinytl.compiler.options import PackOptions, StridedSliceOptions, options_of


def _folded_shape(graph: Graph, node: Node) -> Shape:
    raise node.refuse("works on values that the graph computes", expected="shape arithmetic on constants")


def fold_shape(graph: Graph, node: Node) -> np.ndarray:
    return np.array(graph.input(node, 0).shape, np.int32)


def fold_strided_slice(graph: Graph, node: Node) -> np.ndarray:
    """Slice a one-dimensional constant (a shape)."""
    values = constant_input(graph, node, 0, "the values")
    begin, end, step = (
        int(constant_input(graph, node, position, role).reshape(-1)[0])
        for position, role in ((1, "the begins"), (2, "the ends"), (3, "the strides"))
    )
    options = options_of(node.options, StridedSliceOptions)
    if values.ndim != 1 or options.ellipsis_mask or options.new_axis_mask or step < 1:
        raise node.refuse(f"slices {list(values.shape)} values with step {step}", expected="a slice of one dimension")
    if options.shrink_axis_mask & 1:
        if not -len(values) <= begin < len(values):
            raise node.refuse(f"index {begin}", expected=f"{-len(values)} to {len(values) - 1}")
        return np.array(values[begin], np.int32)
    start = None if options.begin_mask & 1 else begin
    stop = None if options.end_mask & 1 else end
    return np.array(values[start:stop:step], np.int32)


def fold_pack(graph: Graph, node: Node) -> np.ndarray:
    """Stack scalar constants into a shape."""
    values = [constant_input(graph, node, position, "the values") for position in range(len(node.inputs))]
    if any(value.size != 1 for value in values) or options_of(node.options, PackOptions).axis not in (0, -1):
        raise node.refuse("packs more than single numbers", expected="shape arithmetic on constants")
    return np.array([int(value.reshape(-1)[0]) for value in values], np.int32)


RULES = (
    Rule("SHAPE", 1, _folded_shape, None, fold_shape),
    Rule(
        *("STRIDED_SLICE", 4, _folded_shape, None, fold_strided_slice),
        schema="StridedSliceOptions",
        options=StridedSliceOptions(),
    ),
    Rule("PACK", 3, _folded_shape, None, fold_pack, schema="PackOptions", options=PackOptions()),
)
