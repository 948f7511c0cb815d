# SPDX-License-Identifier: Apache-2.0
"""ADD, MUL, SUB, MAXIMUM, MINIMUM and PRELU of two tensors that may repeat along dimensions of size 1.

For ADD and MUL the image wants the larger one first: the operations commute, so the operands may be swapped; where both
repeat, the first is written out (`slice` with strides of 0). The others take operands that both repeat.

ADD, MUL and SUB of int32 constants are shape arithmetic and folded.
"""

import numpy as np

from tinytl.compiler.arithmetic.multipliers import ADD_LEFT_SHIFT, add_multipliers, product_multiplier, relu_multiplier
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kinds import ADD, MAXIMUM, MINIMUM, MUL, PRELU, SUB, OperatorKind
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    clamp,
    quantized_input,
    quantized_output,
    require_equal_quantization,
)
from tinytl.compiler.operators.slicing import emit_part, repeated
from tinytl.compiler.options import ActivationOptions, options_of
from tinytl.compiler.program import Builder

_ON_SIDES = {"ADD": np.add, "MUL": np.multiply, "SUB": np.subtract}


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


def fold_sides(graph: Graph, node: Node) -> np.ndarray | None:
    """Compute with sides of shapes, modulo 2^32; None for anything else."""
    a, b = graph.input(node, 0), graph.input(node, 1)
    if a.data is None or b.data is None or (a.dtype, b.dtype) != ("int32", "int32"):
        return None
    if options_of(node.options, ActivationOptions).activation != "NONE":
        return None
    sides = np.broadcast_to(a.data, shape(graph, node)).astype(np.int64)
    return _ON_SIDES[node.operator](sides, b.data).astype(np.int32)


def _operands(graph: Graph, node: Node, builder: Builder) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    """Return the two tensors, the one with the output's shape first, and their numbers in the program."""
    output = graph.output(node)
    positions = (0, 1)
    if _aligned(graph.input(node, 0).shape, len(output.shape)) != output.shape:
        positions = (1, 0)
    tensors = (quantized_input(graph, node, positions[0]), quantized_input(graph, node, positions[1]))
    first, second = (_aligned_number(graph, node, builder, position) for position in positions)
    part = repeated(builder.tensors[first].dims, output.shape)
    if part is not None and builder.tensors[first].dims != output.shape:
        whole = builder.temporary(node.inputs[positions[0]], output.shape)
        emit_part(node, builder, first, part, whole)
        first = whole
    return tensors, (first, second)


def _aligned_number(graph: Graph, node: Node, builder: Builder, position: int) -> int:
    """Return the program's number of an input, seen with the output's rank."""
    source = graph.input(node, position)
    return builder.tensor(node.inputs[position], _aligned(source.shape, len(graph.output(node).shape)))


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
    """Emit ADD with the rescalings of both inputs and of the output. Args: as `Rule.lower`."""
    _emit(graph, node, builder, ADD)


def lower_mul(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit MUL with the one rescaling of the product. Args: as `Rule.lower`."""
    _emit(graph, node, builder, MUL)


def lower_sub(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit SUB, input 0 less input 1, rescaled as ADD is. Args: as `Rule.lower`."""
    a, b, output = quantized_input(graph, node, 0), quantized_input(graph, node, 1), quantized_output(graph, node)
    activation = clamp(node, options_of(node.options, ActivationOptions).activation, output)
    numbers = tuple(_aligned_number(graph, node, builder, position) for position in (0, 1))
    builder.emit(node, SUB, numbers, (*_add_scaling(a, b, output), *activation))


def lower_extreme(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit MAXIMUM or MINIMUM, which compare bytes. Args: as `Rule.lower`."""
    output = quantized_output(graph, node)
    for position in (0, 1):
        require_equal_quantization(node, quantized_input(graph, node, position), output, f"input {position}")
    numbers = tuple(_aligned_number(graph, node, builder, position) for position in (0, 1))
    builder.emit(node, MAXIMUM if node.operator == "MAXIMUM" else MINIMUM, numbers)


def lower_prelu(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit PRELU of input and alpha: one factor from zero on, another for products with alpha. Args: as `Rule.lower`."""
    a, alpha, output = quantized_input(graph, node, 0), quantized_input(graph, node, 1), quantized_output(graph, node)
    if a.shape != output.shape:
        raise node.refuse(f"input 0 has shape {list(a.shape)}", expected=f"the output's, {list(output.shape)}")
    above, below = relu_multiplier(a.scale, output.scale), product_multiplier(a.scale, alpha.scale, output.scale)
    numbers = tuple(_aligned_number(graph, node, builder, position) for position in (0, 1))
    factors = (above.value, above.shift, below.value, below.shift)
    builder.emit(node, PRELU, numbers, (-a.zero_point, -alpha.zero_point, *factors, output.zero_point))


RULES = (
    Rule("ADD", 5, shape, lower_add, fold_sides, schema="AddOptions", options=ActivationOptions()),
    Rule("MUL", 7, shape, lower_mul, fold_sides, schema="MulOptions", options=ActivationOptions()),
    Rule("SUB", 5, shape, lower_sub, fold_sides, schema="SubOptions", options=ActivationOptions()),
    Rule("MAXIMUM", 4, shape, lower_extreme),
    Rule("MINIMUM", 4, shape, lower_extreme),
    Rule("PRELU", 1, shape, lower_prelu),
)
