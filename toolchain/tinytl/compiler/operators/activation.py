# SPDX-License-Identifier: Apache-2.0
"""Activations that stand alone: RELU, RELU6, RELU_N1_TO_1 (one image operator, `relu`), SOFTMAX and L2_NORMALIZATION over
the last dimension, and functions of one number, which become tables (`lookup`).
"""

from collections.abc import Callable

import numpy as np

from tinytl.compiler.arithmetic.float_functions import logistic_of, tanh_of
from tinytl.compiler.arithmetic.lookup_tables import float_table, hard_swish_table, leaky_relu_table
from tinytl.compiler.arithmetic.multipliers import relu_multiplier, softmax_constants
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kinds import L2_NORMALIZATION, LOOKUP, RELU, SOFTMAX
from tinytl.compiler.operators.rule import Rule, clamp, quantized_input, quantized_output, same_shape
from tinytl.compiler.options import L2NormalizationOptions, LeakyReluOptions, SoftmaxOptions, options_of
from tinytl.compiler.program import Builder

SOFTMAX_SCALE = 1 / 256
SOFTMAX_ZERO_POINT = -128
MAX_SOFTMAX_DEPTH = 4096
"""The sum of exponentials has 12 integer bits."""
MAX_NORMALIZED_DEPTH = 2**15
"""A sum of more squares of 255 does not fit 31 bits."""


def lower_relu(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit the rescaling and the clamp of RELU, RELU6 or RELU_N1_TO_1. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    multiplier = relu_multiplier(source.scale, output.scale)
    parameters = (multiplier.value, multiplier.shift, *clamp(node, node.operator, output))
    builder.emit(node, RELU, (builder.tensor(node.inputs[0]),), parameters)


def _require_output(node: Node, output: Tensor, scale: float, zero_point: int, *, tolerance: float = 0.0) -> None:
    if output.zero_point != zero_point or abs(float(output.scale) - scale) > tolerance * scale:
        raise node.refuse(
            f"the output has scale {float(output.scale):g} and zero point {output.zero_point}",
            expected=f"1/{round(1 / scale)} and {zero_point}, as the converter writes them",
        )


def lower_softmax(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit SOFTMAX over the last dimension; the output must have scale 1/256, about, and zero point −128. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    _require_output(node, output, SOFTMAX_SCALE, SOFTMAX_ZERO_POINT, tolerance=0.001)
    depth = source.shape[-1] if source.shape else 1
    if depth > MAX_SOFTMAX_DEPTH:
        raise node.refuse(f"a softmax over {depth:,} values", expected=f"at most {MAX_SOFTMAX_DEPTH:,}")
    constants = softmax_constants(options_of(node.options, SoftmaxOptions).beta, source.scale)
    parameters = (constants.input_multiplier, constants.input_left_shift, constants.diff_min)
    builder.emit(node, SOFTMAX, (builder.tensor(node.inputs[0]),), parameters)


def lower_l2_normalization(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit L2_NORMALIZATION over the last dimension; the output must have scale 1/128 and zero point 0. Args: as `Rule.lower`."""
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    _require_output(node, output, 1 / 128, 0)
    activation = options_of(node.options, L2NormalizationOptions).activation
    if activation != "NONE":
        raise node.refuse(f"fused activation {activation}", expected="NONE")
    depth = source.shape[-1] if source.shape else 1
    if depth > MAX_NORMALIZED_DEPTH:
        raise node.refuse(f"a norm of {depth:,} values", expected=f"at most {MAX_NORMALIZED_DEPTH:,}")
    builder.emit(node, L2_NORMALIZATION, (builder.tensor(node.inputs[0]),))


Table = Callable[[Node, Tensor, Tensor], np.ndarray]


def _lower_table(table: Table) -> Callable[[Graph, Node, Builder], None]:
    def lower(graph: Graph, node: Node, builder: Builder) -> None:
        source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
        values = builder.constant(f"{node.name}/table", table(node, source, output), output.dtype)
        builder.emit(node, LOOKUP, (builder.tensor(node.inputs[0]), values))

    return lower


def _logistic(node: Node, source: Tensor, output: Tensor) -> np.ndarray:
    _require_output(node, output, 1 / 256, -128)
    return float_table(source, output, logistic_of)


def _tanh(node: Node, source: Tensor, output: Tensor) -> np.ndarray:
    _require_output(node, output, 1 / 128, 0)
    return float_table(source, output, tanh_of)


def _hard_swish(_: Node, source: Tensor, output: Tensor) -> np.ndarray:
    return hard_swish_table(source, output)


def _leaky_relu(node: Node, source: Tensor, output: Tensor) -> np.ndarray:
    return leaky_relu_table(source, output, options_of(node.options, LeakyReluOptions).alpha)


RULES = (
    Rule("RELU", 3, same_shape, lower_relu),
    Rule("RELU6", 3, same_shape, lower_relu),
    Rule("RELU_N1_TO_1", 1, same_shape, lower_relu),
    Rule("SOFTMAX", 3, same_shape, lower_softmax, schema="SoftmaxOptions", options=SoftmaxOptions()),
    Rule(
        *("L2_NORMALIZATION", 2, same_shape, lower_l2_normalization),
        schema="L2NormOptions",
        options=L2NormalizationOptions(),
    ),
    Rule("LOGISTIC", 3, same_shape, _lower_table(_logistic)),
    Rule("TANH", 3, same_shape, _lower_table(_tanh)),
    Rule("HARD_SWISH", 1, same_shape, _lower_table(_hard_swish)),
    Rule(
        *("LEAKY_RELU", 2, same_shape, _lower_table(_leaky_relu)),
        schema="LeakyReluOptions",
        options=LeakyReluOptions(),
    ),
)
