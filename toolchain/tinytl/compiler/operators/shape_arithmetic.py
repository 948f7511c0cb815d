# SPDX-License-Identifier: Apache-2.0
"""SHAPE, where a model with an open batch begins to compute the new shape of a Flatten.

With the batch fixed to 1 its value is known at compile time and never reaches an image; what follows it (STRIDED_SLICE,
PACK, CONCATENATION …) is folded by each operator's own rule.
"""

import numpy as np

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.operators.rule import Rule, Shape


def _folded_shape(graph: Graph, node: Node) -> Shape:
    raise node.refuse("works on values that the graph computes", expected="shape arithmetic on constants")


def fold_shape(graph: Graph, node: Node) -> np.ndarray:
    return np.array(graph.input(node, 0).shape, np.int32)


RULES = (Rule("SHAPE", 1, _folded_shape, None, fold_shape),)
