# SPDX-License-Identifier: Apache-2.0
"""Fourth stage: `Graph` → `Program`: every node becomes the image operator that its rule emits."""

from tinytl.compiler.graph import Graph
from tinytl.compiler.operators import RULES
from tinytl.compiler.program import Builder, Program
from tinytl.errors import CompileError


def lower(graph: Graph) -> Program:
    """Lower all nodes in order.

    Raises:
        CompileError: types, scales or shapes that the operator's kernel does not take, by place.
    """
    builder = Builder(graph)
    for number in graph.inputs:
        builder.tensor(number)
    for node in graph.nodes:
        rule = RULES[node.operator]
        if rule.lower is None:
            raise node.refuse("works on values that the graph computes", expected="shape arithmetic on constants")
        try:
            rule.lower(graph, node, builder)
        except CompileError as error:
            # Constants are computed without knowing for whom; the place is added here, once.
            if error.what.startswith(node.place):
                raise
            raise node.refuse(error.what, expected=error.expected, hint=error.hint) from error
    return builder.program()
