# SPDX-License-Identifier: Apache-2.0
"""SHAPE, GATHER, REDUCE_PROD and FILL: how a model with an open batch computes the new shape of a Flatten or a Dense, or
the first state of a recurrent layer.

With the batch fixed to 1 the values are known at compile time and never reach an image; what follows (STRIDED_SLICE,
PACK, CONCATENATION …) is folded by each operator's own rule.
"""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import Rule, Shape, constant_input, require_dtype
from tinytl.compiler.options import ReduceOptions, options_of
from tinytl.compiler.program import Builder


def _folded_shape(graph: Graph, node: Node) -> Shape:
    raise node.refuse("works on values that the graph computes", expected="shape arithmetic on constants")


def fold_shape(graph: Graph, node: Node) -> np.ndarray:
    return np.array(graph.input(node, 0).shape, np.int32)


def fold_gather(graph: Graph, node: Node) -> np.ndarray:
    """Pick sides of a shape."""
    values, places = constant_input(graph, node, 0, "the values"), constant_input(graph, node, 1, "the indices")
    if values.ndim != 1 or (places.size and not 0 <= int(places.min()) <= int(places.max()) < len(values)):
        raise node.refuse(f"indices {places.tolist()} of {list(values.shape)} values", expected="indices of a shape")
    return values[places].astype(np.int32)


def fill_shape(graph: Graph, node: Node) -> Shape:
    require_dtype(node, graph.input(node, 0), "the shape tensor", ("int32", "int64"))
    return tuple(int(side) for side in constant_input(graph, node, 0, "the sides").reshape(-1))


def fold_fill(graph: Graph, node: Node) -> np.ndarray:
    """Make a constant of one value, such as the first state of an unrolled LSTM."""
    value = constant_input(graph, node, 1, "the value")
    if value.size != 1:
        raise node.refuse(f"fills with {value.size} values", expected="1")
    return np.full(fill_shape(graph, node), value.reshape(-1)[0], value.dtype)


def lower_fill(graph: Graph, node: Node, builder: Builder) -> None:
    """Refuse a FILL that is not known before the model runs. Args: as `Rule.lower`."""
    raise node.refuse("works on values that the graph computes", expected="constants")


def fold_product(graph: Graph, node: Node) -> np.ndarray:
    """Multiply sides of a shape."""
    values, axes = constant_input(graph, node, 0, "the values"), constant_input(graph, node, 1, "the axes")
    if values.ndim != 1 or set(axes.reshape(-1).tolist()) - {0, -1}:
        raise node.refuse(f"a product of {list(values.shape)} values along {axes.tolist()}", expected="of a shape")
    keep = options_of(node.options, ReduceOptions).keep_dims
    return np.array(values.prod(dtype=np.int64, keepdims=keep), np.int32)


RULES = (
    Rule("SHAPE", 1, _folded_shape, None, fold_shape),
    Rule("GATHER", 7, _folded_shape, None, fold_gather),
    Rule("FILL", 4, fill_shape, lower_fill, fold_fill),
    Rule("REDUCE_PROD", 2, _folded_shape, None, fold_product, schema="ReducerOptions", options=ReduceOptions()),
)
