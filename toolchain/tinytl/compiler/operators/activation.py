# SPDX-License-Identifier: Apache-2.0
"""Activations that stand alone: RELU, RELU6, RELU_N1_TO_1 (one image operator, `relu`) and SOFTMAX over the last
dimension.
"""

from tinytl.compiler.graph import Graph, Node
from tinytl.compiler.kinds import RELU, SOFTMAX
from tinytl.compiler.operators.rule import Rule, clamp, quantized_input, quantized_output, same_shape
from tinytl.compiler.options import SoftmaxOptions, options_of
from tinytl.compiler.program import Builder
from tinytl.compiler.quantization import relu_multiplier, softmax_constants

SOFTMAX_SCALE = 1 / 256
SOFTMAX_ZERO_POINT = -128
MAX_SOFTMAX_DEPTH = 4096
"""The sum of exponentials has 12 integer bits."""


def lower_relu(graph: Graph, node: Node, builder: Builder) -> None:
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    multiplier = relu_multiplier(source.scale, output.scale)
    parameters = (multiplier.value, multiplier.shift, *clamp(node, node.operator, output))
    builder.emit(node, RELU, (builder.tensor(node.inputs[0]),), parameters)


def lower_softmax(graph: Graph, node: Node, builder: Builder) -> None:
    source, output = quantized_input(graph, node, 0), quantized_output(graph, node)
    if output.zero_point != SOFTMAX_ZERO_POINT or abs(float(output.scale) - SOFTMAX_SCALE) > 0.001 * SOFTMAX_SCALE:
        raise node.refuse(
            f"the output has scale {float(output.scale):g} and zero point {output.zero_point}",
            expected="1/256 and -128, as the converter writes them",
        )
    depth = source.shape[-1] if source.shape else 1
    if depth > MAX_SOFTMAX_DEPTH:
        raise node.refuse(f"a softmax over {depth:,} values", expected=f"at most {MAX_SOFTMAX_DEPTH:,}")
    constants = softmax_constants(options_of(node.options, SoftmaxOptions).beta, source.scale)
    parameters = (constants.input_multiplier, constants.input_left_shift, constants.diff_min)
    builder.emit(node, SOFTMAX, (builder.tensor(node.inputs[0]),), parameters)


RULES = (
    Rule("RELU", 3, same_shape, lower_relu),
    Rule("RELU6", 3, same_shape, lower_relu),
    Rule("RELU_N1_TO_1", 1, same_shape, lower_relu),
    Rule("SOFTMAX", 3, same_shape, lower_softmax, schema="SoftmaxOptions", options=SoftmaxOptions()),
)
