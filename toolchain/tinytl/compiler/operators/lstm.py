# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with an int16 cell state, as the converter makes it of Keras's LSTM layer.

Every inference begins with the state zero, as Keras's layer does. Refused: no input gate (CIFG), peepholes, projection, layer
normalization, none of which Keras has. Method: TFLite's integer LSTM, 8×8→16 (quantization specification of LSTM).
"""

from math import frexp, isfinite

import numpy as np

from tinytl.compiler.arithmetic.multipliers import Multiplier, gate_multiplier, hidden_multiplier
from tinytl.compiler.graph import ABSENT, Graph, Node, Tensor
from tinytl.compiler.kinds import LSTM
from tinytl.compiler.operators.rule import (
    Rule,
    Shape,
    constant_input,
    quantized_input,
    quantized_output,
    require_dtype,
    require_rank,
)
from tinytl.compiler.options import SequenceLstmOptions, options_of
from tinytl.compiler.program import Builder

GATES = ("input", "forget", "cell", "output")
"""Order of the gates in the file and in the image."""
_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = 1, 5, 12
_HIDDEN_STATE, _CELL_STATE = 18, 19
_HIDDEN = 4
"""The intermediate tensor that tells how the hidden state is quantized; the four before it belong to layer normalization."""
_UNSUPPORTED = {
    **dict.fromkeys((9, 10, 11), "peephole weights"),
    **dict.fromkeys((16, 17), "a projection"),
    **dict.fromkeys((20, 21, 22, 23), "layer normalization"),
}
_CELL_FRACTION_BITS = 15
_MOST_INTEGER_BITS = 6
"""The cell state is Q0.15 … Q6.9. For other scales the reference kernel leaves its tanh out, and answers with a product of two gates."""
_INT16_MAX = 2**15 - 1


def shape(graph: Graph, node: Node) -> Shape:
    steps = _steps(graph, node)
    units = require_rank(node, graph.input(node, _RECURRENT_WEIGHTS + 1), "the recurrent weight tensor", 2)[0]
    return (steps, 1, units) if options_of(node.options, SequenceLstmOptions).time_major else (1, steps, units)


def _steps(graph: Graph, node: Node) -> int:
    sides = require_rank(node, graph.input(node, 0), "input 0", 3)
    steps, batch = sides[:2] if options_of(node.options, SequenceLstmOptions).time_major else sides[1::-1]
    if batch != 1:
        raise node.refuse(f"input 0 has shape {list(sides)}: a batch of {batch}", expected="1")
    return steps


def lower(graph: Graph, node: Node, builder: Builder) -> None:
    """Emit LSTM: the gates of a unit side by side, zero points folded into the biases. Args: as `Rule.lower`."""
    _require_keras(graph, node)
    source, hidden_state = quantized_input(graph, node, 0), quantized_input(graph, node, _HIDDEN_STATE)
    units, depth = quantized_output(graph, node).shape[-1], source.shape[-1]
    hidden = _hidden(graph, node)
    integer_bits, clip = _cell(graph, node, units)
    if hidden_state.elements != units:
        raise node.refuse(f"the hidden state has shape {list(hidden_state.shape)}", expected=f"[1, {units}]")

    inputs = [_matrix(graph, node, _INPUT_WEIGHTS + gate, (units, depth)) for gate in range(len(GATES))]
    recurrent = [_matrix(graph, node, _RECURRENT_WEIGHTS + gate, (units, units)) for gate in range(len(GATES))]
    biases = [_bias(graph, node, _BIASES + gate, units) for gate in range(len(GATES))]
    multipliers = [gate_multiplier(source.scale, scale) for _, scale in inputs]
    multipliers += [gate_multiplier(hidden_state.scale, scale) for _, scale in recurrent]
    rescaled = hidden_multiplier(hidden.scale)

    # The four gates of a unit lie side by side: [units, gates, …]. Zero points are folded into the biases.
    input_weights, recurrent_weights = (np.stack([data for data, _ in matrices], axis=1) for matrices in (inputs, recurrent))
    input_biases = np.stack(biases, axis=1) - source.zero_point * input_weights.sum(-1, dtype=np.int64)
    recurrent_biases = -hidden_state.zero_point * recurrent_weights.sum(-1, dtype=np.int64)
    steps = _steps(graph, node)
    builder.emit(
        node,
        LSTM,
        (
            builder.tensor(node.inputs[0]),
            builder.constant(f"{node.name}/input_weights", input_weights, "int8"),
            builder.constant(f"{node.name}/recurrent_weights", recurrent_weights, "int8"),
            builder.constant(f"{node.name}/input_bias", input_biases, "int32"),
            builder.constant(f"{node.name}/recurrent_bias", recurrent_biases, "int32"),
            *_rescalings(node, builder, multipliers),
        ),
        (integer_bits, clip, rescaled.value, rescaled.shift, hidden.zero_point),
        macs=steps * (input_weights.size + recurrent_weights.size),
        scratch_bytes=2 * units,
    )


def _rescalings(node: Node, builder: Builder, multipliers: list[Multiplier]) -> tuple[int, int]:
    """Add multipliers and shifts [2, gates] to the program, the input's before the hidden state's."""
    values = np.array([(multiplier.value, multiplier.shift) for multiplier in multipliers]).reshape(2, len(GATES), 2)
    return (
        builder.constant(f"{node.name}/multiplier", values[..., 0], "int32"),
        builder.constant(f"{node.name}/shift", values[..., 1], "int32"),
    )


def _require_keras(graph: Graph, node: Node) -> None:
    """Refuse what Keras's layer does not have."""
    options = options_of(node.options, SequenceLstmOptions)
    if options.activation != "TANH":
        raise node.refuse(f"fused activation {options.activation} is not supported", expected="TANH")
    if not (isfinite(options.cell_clip) and options.cell_clip >= 0):
        raise node.refuse(f"the cell state is clipped at {options.cell_clip:g}", expected="a finite number ≥ 0")
    if graph.optional_input(node, _INPUT_WEIGHTS) is None:
        raise node.refuse("no input gate (input 1 is missing) is not supported", expected=_EXPECTED)
    for position, what in _UNSUPPORTED.items():
        tensor = graph.optional_input(node, position)
        if tensor is not None:
            raise node.refuse(f"{what} (input {position}, {tensor.name!r}) is not supported", expected=_EXPECTED)


_EXPECTED = "four gates and nothing else, as of Keras's LSTM"


def _matrix(graph: Graph, node: Node, position: int, expected: Shape) -> tuple[np.ndarray, np.float32]:
    """Return the weights of one gate and their scale."""
    role = f"the weight tensor {graph.input(node, position).name!r} (input {position})"
    tensor = graph.input(node, position)
    require_dtype(node, tensor, role, ("int8",))
    data = constant_input(graph, node, position, "the weights")
    if data.shape != expected:
        raise node.refuse(f"{role} has shape {list(data.shape)}", expected=str(list(expected)))
    return data, _symmetric_scale(node, tensor, role)


def _symmetric_scale(node: Node, tensor: Tensor, role: str) -> np.float32:
    quantization = tensor.quantization
    if quantization is None or len(quantization.scales) != 1 or any(quantization.zero_points):
        description = "no scale" if quantization is None else f"{len(quantization.scales)} scales, zero point {tensor.zero_point}"
        raise node.refuse(f"{role} has {description}", expected="one scale and zero point 0")
    if not 0 < float(tensor.scale) < float("inf"):
        raise node.refuse(f"{role} has scale {float(tensor.scale):g}", expected="a finite scale > 0")
    return tensor.scale


def _bias(graph: Graph, node: Node, position: int, units: int) -> np.ndarray:
    role = f"the bias tensor {graph.input(node, position).name!r} (input {position})"
    require_dtype(node, graph.input(node, position), role, ("int32",))
    data = constant_input(graph, node, position, "the biases")
    if data.shape != (units,):
        raise node.refuse(f"{role} has shape {list(data.shape)}", expected=str([units]))
    return data.astype(np.int64)


def _hidden(graph: Graph, node: Node) -> Tensor:
    """Return the intermediate tensor whose scale and zero point the hidden state gets."""
    if len(node.intermediates) != _HIDDEN + 1 or node.intermediates[_HIDDEN] == ABSENT:
        count = len(node.intermediates)
        raise node.refuse(f"{count} intermediate tensors", expected="5 (int8 activations with an int16 cell state)")
    tensor = graph.tensors[node.intermediates[_HIDDEN]]
    role = f"the intermediate tensor {tensor.name!r}"
    quantization = tensor.quantization
    if quantization is None or len(quantization.scales) != 1 or not -128 <= tensor.zero_point <= 127:
        raise node.refuse(f"{role} has no scale and zero point of int8", expected="those of the hidden state")
    if not 0 < float(tensor.scale) < float("inf"):
        raise node.refuse(f"{role} has scale {float(tensor.scale):g}", expected="a finite scale > 0")
    return tensor


def _cell(graph: Graph, node: Node, units: int) -> tuple[int, int]:
    """Return the cell state's integer bits and its clip in its own scale, 0 for none."""
    tensor = graph.input(node, _CELL_STATE)
    role = f"the cell state {tensor.name!r}"
    require_dtype(node, tensor, role, ("int16",))
    if tensor.elements != units:
        raise node.refuse(f"{role} has shape {list(tensor.shape)}", expected=f"[1, {units}]")
    scale = float(_symmetric_scale(node, tensor, role))
    mantissa, exponent = frexp(scale)
    integer_bits = _CELL_FRACTION_BITS + exponent - 1
    if mantissa != 0.5 or not 0 <= integer_bits <= _MOST_INTEGER_BITS:
        hint = "calibrate with samples that move the cell state beyond 0.5" if scale < 2.0**-_CELL_FRACTION_BITS else ""
        expected = "a power of two from 2^-15 to 2^-9, for which the reference kernel has a tanh"
        raise node.refuse(f"{role} has scale {scale:g}", expected=expected, hint=hint)
    clip = float(np.float32(options_of(node.options, SequenceLstmOptions).cell_clip)) / scale  # exact, as in float
    return integer_bits, int(min(clip, _INT16_MAX))


RULES = (
    Rule(
        *("UNIDIRECTIONAL_SEQUENCE_LSTM", 4, shape, lower),
        schema="UnidirectionalSequenceLSTMOptions",
        options=SequenceLstmOptions(),
        states=(_HIDDEN_STATE, _CELL_STATE),
    ),
)
