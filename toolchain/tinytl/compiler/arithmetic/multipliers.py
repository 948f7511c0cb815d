# SPDX-License-Identifier: Apache-2.0
"""Fixed-point constants exactly as TFLite's own preparation of each operator computes them, float by float.

What is a product of floats there is a product of floats here (`np.float32`), what is double is double: one wrong width
moves a multiplier by one and an output byte with it. Method: Jacob et al. 2018 (arXiv:1712.05877), section 2.2.
"""

from dataclasses import dataclass
from math import floor, frexp

import numpy as np

from tinytl.errors import CompileError

DOMAINS = {"int8": (-128, 127), "uint8": (0, 255)}
SOFTMAX_INTEGER_BITS = 5
ADD_LEFT_SHIFT = 20
_INT32_MAX = 2**31 - 1


def _single(value: float) -> float:
    """Round a double to float: one operation on floats, done in double and rounded, has the float operation's bits."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


@dataclass(frozen=True)
class Multiplier:
    """value × 2^(shift − 31): `value` in [2^30, 2^31) or 0, `shift` positive to the left."""

    value: int
    shift: int


def quantize_multiplier(real: float) -> Multiplier:
    """Split a real factor ≥ 0 (a double) into mantissa and shift; below 2^−32 it becomes 0.

    Raises:
        CompileError: the factor is not finite, negative, or needs a shift over 30.
    """
    if not 0 <= real < float("inf"):
        raise CompileError(f"a rescaling factor is {real}", expected="a finite number ≥ 0")
    if real == 0:
        return Multiplier(0, 0)
    mantissa, shift = frexp(real)
    value = floor(mantissa * (1 << 31) + 0.5)
    if value == 1 << 31:
        value, shift = value // 2, shift + 1
    if shift < -31:
        return Multiplier(0, 0)
    if shift > 30:
        raise CompileError(f"a rescaling factor is {real:g}", expected="less than 2^30: scales of one model lie closer")
    return Multiplier(value, shift)


def per_channel_multipliers(
    input_scale: np.float32, weight_scales: tuple[np.float32, ...], output_scale: np.float32, channels: int
) -> list[Multiplier]:
    """Return one multiplier an output channel: double(input) × double(weight) / double(output).

    A dead channel (scale 0) gets 0, so that its output is the zero point whatever it accumulates.

    Args:
        input_scale, output_scale: of whole tensors, > 0. weight_scales: one, or one a channel, ≥ 0.
        channels: how often a single weight scale is taken.
    """
    scales = weight_scales if len(weight_scales) > 1 else weight_scales * channels
    return [quantize_multiplier(float(input_scale) * float(scale) / float(output_scale)) for scale in scales]


def product_multiplier(a_scale: np.float32, b_scale: np.float32, output_scale: np.float32) -> Multiplier:
    """Return MUL's multiplier: a × b / output, all in float.

    Args:
        a_scale, b_scale: of the inputs. output_scale: > 0.
    """
    return quantize_multiplier(_single(_single(float(a_scale) * float(b_scale)) / float(output_scale)))


def ratio_multiplier(input_scale: np.float32, output_scale: np.float32) -> Multiplier:
    """Return the multiplier of QUANTIZE and MEAN: double(input) / double(output)."""
    return quantize_multiplier(float(input_scale) / float(output_scale))


def relu_multiplier(input_scale: np.float32, output_scale: np.float32) -> Multiplier:
    """Return the multiplier of a RELU that stands alone: input / output in float."""
    return quantize_multiplier(_single(float(input_scale) / float(output_scale)))


def mean_multiplier(input_scale: np.float32, output_scale: np.float32, count: int) -> Multiplier:
    """Return MEAN's multiplier with 1 / count folded in; its value lies in (2^29, 2^31).

    Args:
        input_scale, output_scale: > 0. count: values that a mean is taken of, 1 or more.
    """
    ratio = ratio_multiplier(input_scale, output_scale)
    shift = min(count.bit_length() - 1, 32, 31 + ratio.shift)
    return Multiplier((ratio.value << shift) // count, ratio.shift - shift)


GATE_FRACTION_BITS = 12
"""An LSTM's gates are Q3.12 before their activation, and Q0.15 behind it."""


def gate_multiplier(input_scale: np.float32, weight_scale: np.float32) -> Multiplier:
    """Return the multiplier of one of an LSTM gate's two sums: weight × input × 2^12, all in float."""
    return quantize_multiplier(_single(_single(float(weight_scale) * float(input_scale)) * 2.0**GATE_FRACTION_BITS))


def hidden_multiplier(hidden_scale: np.float32) -> Multiplier:
    """Return the multiplier of an LSTM's hidden state, a product of two Q0.15 numbers: 2^−30 / scale, a double brought to float."""
    return quantize_multiplier(_single(2.0**-30 / float(hidden_scale)))


@dataclass(frozen=True)
class AddMultipliers:
    a: Multiplier
    b: Multiplier
    output: Multiplier


def add_multipliers(a_scale: np.float32, b_scale: np.float32, output_scale: np.float32) -> AddMultipliers:
    """Return ADD's three: both inputs brought to twice the larger scale at 20 fractional bits, then to the output's.

    Args:
        a_scale, b_scale: of the inputs, > 0. output_scale: > 0.

    Raises:
        CompileError: the output's scale is so small that the last factor exceeds 1, where TFLite's
            ADD stops the process and its SUB shifts by a negative number.
    """
    twice = 2 * float(max(a_scale, b_scale))
    output = twice / (float(1 << ADD_LEFT_SHIFT) * float(output_scale))
    if output >= 1:
        raise CompileError(f"the output scale {float(output_scale):g} of a sum or difference is 500,000 times smaller than its inputs'")
    return AddMultipliers(
        quantize_multiplier(float(a_scale) / twice),
        quantize_multiplier(float(b_scale) / twice),
        quantize_multiplier(output),
    )


@dataclass(frozen=True)
class SoftmaxConstants:
    input_multiplier: int
    input_left_shift: int
    diff_min: int


def softmax_constants(beta: float, input_scale: np.float32) -> SoftmaxConstants:
    """Return SOFTMAX's constants: differences rescaled to 5 integer bits, and the least one that still counts.

    Raises:
        CompileError: beta × scale is 2^−26 or less.
    """
    real = min(float(np.float32(beta)) * float(input_scale) * (1 << (31 - SOFTMAX_INTEGER_BITS)), (1 << 31) - 1.0)
    if not real > 1:  # also a beta that is no number
        raise CompileError(f"a SOFTMAX's beta × input scale is {real / 2**26:g}", expected="more than 2^-26")
    multiplier = quantize_multiplier_wide(real)
    radius = ((1 << SOFTMAX_INTEGER_BITS) - 1) * (1 << (31 - SOFTMAX_INTEGER_BITS)) / (1 << multiplier.shift)
    return SoftmaxConstants(multiplier.value, multiplier.shift, -floor(radius))


def quantize_multiplier_wide(real: float) -> Multiplier:
    """As `quantize_multiplier`, for factors in (1, 2^31): SOFTMAX's shift may be 31."""
    mantissa, shift = frexp(real)
    value = floor(mantissa * (1 << 31) + 0.5)
    return Multiplier(value // 2, shift + 1) if value == 1 << 31 else Multiplier(value, shift)


def activation_range(activation: str, dtype: str, scale: np.float32, zero_point: int) -> tuple[int, int]:
    """Return the clamp of a fused activation in the output's domain.

    Args:
        activation: a name of `ACTIVATIONS`, as TFLite has it. dtype: int8 or uint8. scale, zero_point: of the output, scale > 0.

    Raises:
        KeyError: an activation that is none of `ACTIVATIONS`.
    """
    low, high = DOMAINS[dtype]
    least, most = ACTIVATIONS[activation]
    if least is not None:
        low = max(low, _quantized(least, scale, zero_point))
    if most is not None:
        high = min(high, _quantized(most, scale, zero_point))
    return low, high


ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def _quantized(real: float, scale: np.float32, zero_point: int) -> int:
    """Round half away from zero after a division in float.

    Raises:
        CompileError: the quotient does not fit 32 bits, which TFLite refuses too.
    """
    ratio = _single(real / float(scale))
    if abs(ratio) > _INT32_MAX:
        raise CompileError(f"an activation's bound {real:g} at scale {float(scale):g} does not fit 32 bits")
    return zero_point + (floor(ratio + 0.5) if ratio >= 0 else -floor(-ratio + 0.5))
