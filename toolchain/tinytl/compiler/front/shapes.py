# SPDX-License-Identifier: Apache-2.0
"""Second stage: `Graph` → `Graph` with every shape computed for batch 1, and what is known before the model runs
computed.

The file's own shapes of intermediate tensors are not used: with an open batch they are placeholders. Invariant
afterwards: no side of an activation is 0, each fits 2 GB and has at most 4 dimensions; more (up to 8) only between
operators that change dims, whose own tensors reach no image.
"""

from dataclasses import replace

import numpy as np

from tinytl.compiler.graph import ABSENT, Graph, Node, Tensor
from tinytl.compiler.operators import RULES
from tinytl.compiler.operators.rule import Rule
from tinytl.compiler.program import MAX_RANK
from tinytl.errors import CompileError

MAX_BYTES = 2**31 - 1
MAX_SIDE = 2**24
MAX_VIEW_RANK = 8


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
            _check_ranks(current, node)
            nodes.append(node)
    last = {node.outputs[0]: node for node in nodes}
    for number in graph.outputs:
        if number in last and len(tensors[number].shape) > MAX_RANK:
            shape = list(tensors[number].shape)
            raise last[number].refuse(f"the output has shape {shape}", expected=f"at most {MAX_RANK} dimensions")
        if tensors[number].data is not None:
            raise CompileError(f"graph output {tensors[number].name!r} is a constant", expected="outputs that depend on the input")
    return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes))


def _output(graph: Graph, node: Node, rule: Rule) -> Tensor:
    value: np.ndarray | None = rule.fold(graph, node) if rule.fold else None
    declared = graph.output(node)
    if rule.lower is None and value is not None:
        return replace(declared, shape=tuple(value.shape), dtype="int32", data=value)
    shape = rule.shape(graph, node)
    return replace(declared, shape=shape, data=None if value is None else value.reshape(shape))


def _check_ranks(graph: Graph, node: Node) -> None:
    """Refuse an activation of too many dimensions where an operator computes with it."""
    for position, number in enumerate(node.inputs):
        tensor = graph.tensors[number] if number != ABSENT else None
        if tensor is None or tensor.data is not None or len(tensor.shape) <= MAX_RANK or RULES[node.operator].view:
            continue
        raise node.refuse(f"input {position} has shape {list(tensor.shape)}", expected=f"at most {MAX_RANK} dimensions")


def _check(node: Node, tensor: Tensor) -> None:
    most = MAX_VIEW_RANK if RULES[node.operator].view else MAX_RANK
    if len(tensor.shape) > most:
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected=f"at most {most} dimensions")
    if any(side < 1 for side in tensor.shape):
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected="no empty side")
    if max(tensor.shape, default=1) > MAX_SIDE:
        raise node.refuse(f"the output has shape {list(tensor.shape)}", expected=f"sides of at most {MAX_SIDE:,}")
    if tensor.bytes > MAX_BYTES:
        raise node.refuse(f"the output takes {tensor.bytes:,} bytes", expected=f"at most {MAX_BYTES:,}")
