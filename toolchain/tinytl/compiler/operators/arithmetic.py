# SPDX-License-Identifier: Apache-2.0
"""ADD and MUL of two tensors of one shape, or of a tensor and a smaller one that repeats along dimensions of size 1.

The image wants the larger one first and both of one rank; the operations commute, so the operands may be swapped.
"""

from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kinds import ADD, MUL, OperatorKind
from tinytl.compiler.operators.rule import Rule, Shape, clamp, quantized_input, quantized_output
from tinytl.compiler.options import ActivationOptions, options_of
from tinytl.compiler.program import Builder
from tinytl.compiler.quantization import ADD_LEFT_SHIFT, add_multipliers, product_multiplier


def shape(graph: Graph, node: Node) -> Shape:
    a, b = graph.input(node, 0).shape, graph.input(node, 1).shape
    rank = max(len(a), len(b))
    sides = []
    for left, right in zip(_aligned(a, rank), _aligned(b, rank), strict=True):
        if left != right and 1 not in (left, right):
            raise node.refuse(f"shapes {list(a)} and {list(b)} do not fit", expected="equal sides, or sides of 1")
        sides.append(max(left, right))
    return tuple(sides)


def _aligned(sides: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(sides)) + sides


def _operands(graph: Graph, node: Node, builder: Builder) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    """Return the two tensors, the one with the output's shape first, and their numbers in the program."""
    output = graph.output(node)
    positions = (0, 1)
    if _aligned(graph.input(node, 0).shape, len(output.shape)) != output.shape:
        positions = (1, 0)
    if _aligned(graph.input(node, positions[0]).shape, len(output.shape)) != output.shape:
        raise node.refuse(
            f"shapes {list(graph.input(node, 0).shape)} and {list(graph.input(node, 1).shape)} repeat each other",
            expected=f"one of the two with the output's shape {list(output.shape)}",
        )
    tensors = (quantized_input(graph, node, positions[0]), quantized_input(graph, node, positions[1]))
    numbers = tuple(
        builder.tensor(node.inputs[position], _aligned(graph.input(node, position).shape, len(output.shape)))
        for position in positions
    )
    return tensors, (numbers[0], numbers[1])


def _emit(graph: Graph, node: Node, builder: Builder, kind: OperatorKind) -> None:
    (a, b), numbers = _operands(graph, node, builder)
    output = quantized_output(graph, node)
    activation = clamp(node, options_of(node.options, ActivationOptions).activation, output)
    scaling = _add_scaling(a, b, output) if kind is ADD else _mul_scaling(a, b, output)
    builder.emit(node, kind, numbers, (*scaling, *activation))


def _add_scaling(a: Tensor, b: Tensor, output: Tensor) -> tuple[int, ...]:
    constants = add_multipliers(a.scale, b.scale, output.scale)
    return (
        *(-a.zero_point, constants.a.value, constants.a.shift),
        *(-b.zero_point, constants.b.value, constants.b.shift),
        ADD_LEFT_SHIFT,
        *(constants.output.value, constants.output.shift, output.zero_point),
    )


def _mul_scaling(a: Tensor, b: Tensor, output: Tensor) -> tuple[int, ...]:
    multiplier = product_multiplier(a.scale, b.scale, output.scale)
    return (-a.zero_point, -b.zero_point, multiplier.value, multiplier.shift, output.zero_point)


def lower_add(graph: Graph, node: Node, builder: Builder) -> None:
    _emit(graph, node, builder, ADD)


def lower_mul(graph: Graph, node: Node, builder: Builder) -> None:
    _emit(graph, node, builder, MUL)


RULES = (
    Rule("ADD", 5, shape, lower_add, schema="AddOptions", options=ActivationOptions()),
    Rule("MUL", 7, shape, lower_mul, schema="MulOptions", options=ActivationOptions()),
)
