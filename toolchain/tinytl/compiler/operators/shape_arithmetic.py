# SPDX-License-Identifier: Apache-2.0
"""SHAPE, GATHER and REDUCE_PROD: how a model with an open batch computes the new shape of a Flatten or a Dense.

With the batch fixed to 1 the values are known at compile time and never reach an image; what follows (STRIDED_SLICE,
PACK, CONCATENATION …) is folded by each operator's own rule.
"""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import Rule, Shape, constant_input
from tinytl.compiler.options import ReduceOptions, options_of


def _folded_shape(graph: Graph, node: Node) -> Shape:
    raise node.refuse("works on values that the graph computes", expected="shape arithmetic on constants")


def fold_shape(graph: Graph, node: Node) -> np.ndarray:
    return np.array(graph.input(node, 0).shape, np.int32)


def fold_gather(graph: Graph, node: Node) -> np.ndarray:
    """Pick sides of a shape."""
    values, places = constant_input(graph, node, 0, "the values"), constant_input(graph, node, 1, "the indices")
    if values.ndim != 1 or places.size and not 0 <= int(places.min()) <= int(places.max()) < len(values):
        raise node.refuse(f"indices {places.tolist()} of {list(values.shape)} values", expected="indices of a shape")
    return values[places].astype(np.int32)


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
    Rule("REDUCE_PROD", 2, _folded_shape, None, fold_product, schema="ReducerOptions", options=ReduceOptions()),
)
