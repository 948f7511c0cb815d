# SPDX-License-Identifier: Apache-2.0
"""Second stage: `Graph` → `Graph` with every shape computed for batch 1, and what is known before the model runs
computed.

The file's own shapes of intermediate tensors are not used: with an open batch they are placeholders. Invariant
afterwards: each activation has at most 4 dimensions, no side is 0, and fits 2 GB.
"""

from dataclasses import replace

import numpy as np

from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.operators import RULES
from tinytl.compiler.operators.rule import Rule
from tinytl.compiler.program import MAX_RANK
from tinytl.errors import CompileError

MAX_BYTES = 2**31 - 1
MAX_SIDE = 2**24


def infer(graph: Graph) -> Graph:
    """Compute shapes and fold constants, node by node.

    Raises:
        CompileError: shapes that do not fit together, an activation over 4 dimensions, an output that is a constant.
    """
    tensors = list(graph.tensors)
    nodes = []
    for node in graph.nodes:
        current = replace(graph, tensors=tuple(tensors))
        tensor = _output(current, node, RULES[node.operator])
        tensors[node.outputs[0]] = tensor
        if tensor.data is None:
            _check(node, tensor)
            nodes.append(node)
    for number in graph.outputs:
        if tensors[number].data is not None:
            raise CompileError(
                f"graph output {tensors[number].name!r} is a constant", expected="outputs that depend on the input"
            )
    return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes))


def _output(graph: Graph, node: Node, rule: Rule) -> Tensor:
    value: np.ndarray | None = rule.fold(graph, node) if rule.fold else None
    declared = graph.output(node)
    if rule.lower is None and value is not None:
        return replace(declared, shape=tuple(value.shape), dtype="int32", data=value)
    shape = rule.shape(graph, node)
    return replace(declared, shape=shape, data=None if value is None else value.reshape(shape))


def _check(node: Node, tensor: Tensor) -> None:
    if len(tensor.shape) > MAX_RANK:
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected=f"at most {MAX_RANK} dimensions")
    if any(side < 1 for side in tensor.shape):
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected="no empty side")
    if max(tensor.shape, default=1) > MAX_SIDE:
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected=f"sides of at most {MAX_SIDE:,}")
    if tensor.bytes > MAX_BYTES:
        raise node.refuse(f"the output takes {tensor.bytes:,} bytes", expected=f"at most {MAX_BYTES:,}")
