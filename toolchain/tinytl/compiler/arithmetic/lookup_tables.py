# SPDX-License-Identifier: Apache-2.0
"""Functions of one 8-bit number as tables of 256, computed as TFLite's reference kernels compute each of them.

A table's index is the input's byte read without sign, so that the kernel needs no zero point: entry 0 … 127 for 0 … 127,
128 … 255 for −128 … −1. Floats stand where the reference's preparation has floats.
"""

from collections.abc import Callable
from math import floor

import numpy as np

from tinytl.compiler.arithmetic import fixed_point as fixed
from tinytl.compiler.arithmetic.multipliers import DOMAINS
from tinytl.compiler.graph import Tensor
from tinytl.errors import CompileError

_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1


def table_of(function: Callable[[int], int], source: Tensor, output: Tensor) -> np.ndarray:
    """Tabulate q − zero_point ↦ output, clamped to the output's type, over all bytes of the input's type.

    Args:
        function: takes q − zero_point, gives the output's number before it is clamped.
        source, output: int8 or uint8 tensors; of the output only the type counts.
    """
    low, high = DOMAINS[output.dtype]
    codes = np.arange(256, dtype=np.uint8).view(source.dtype)
    values = [fixed.saturate(function(int(code) - source.zero_point), low, high) for code in codes]
    return np.array(values, output.dtype)


def float_table(source: Tensor, output: Tensor, curve: Callable[[np.float32], np.float32]) -> np.ndarray:
    """Tabulate a curve of floats, such as LOGISTIC and TANH: (q − zero_point) × scale through it, then × 1 / scale, rounded.

    Args:
        source, output: int8 or uint8 tensors with scales > 0. curve: real input ↦ real output.
    """
    scale, steps = np.float32(source.scale), np.float32(1) / np.float32(output.scale)

    def function(x: int) -> int:
        real = curve(scale * np.float32(x)) * steps
        # In double the half is added exactly; NumPy's own rounding would take ties to even.
        rounded = np.float32(floor(abs(float(real)) + 0.5) * (1 if real >= 0 else -1))
        return int(rounded + np.float32(output.zero_point))

    return table_of(function, source, output)


def leaky_relu_table(source: Tensor, output: Tensor, alpha: float) -> np.ndarray:
    """LEAKY_RELU: one factor for positive numbers, another for negative ones, both products of floats.

    Args:
        source, output: as for `float_table`. alpha: slope of negative numbers.

    Raises:
        CompileError: a factor that is not finite, or 2^22 or more.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.float32(source.scale) / np.float32(output.scale)
        slope = np.float32(source.scale) * np.float32(alpha) / np.float32(output.scale)
    if not (ratio < 2.0**22 and abs(slope) < 2.0**22):
        raise CompileError(f"rescaling factors are {ratio:g} and {slope:g}", expected="finite ones less than 2^22")
    above, below = fixed.signed_multiplier(float(ratio)), fixed.signed_multiplier(float(slope))

    def function(x: int) -> int:
        return output.zero_point + fixed.multiply_by_quantized_multiplier(x, *(above if x >= 0 else below))

    return table_of(function, source, output)


def _short_multiplier(real: float) -> tuple[int, int]:
    """Return a factor as a 16-bit mantissa and a shift."""
    value, shift = fixed.signed_multiplier(real)
    return min((value + (1 << 15)) >> 16, _INT16_MAX), shift


def _short_shift_right(x: int, exponent: int) -> int:
    """Return x / 2^exponent rounded, as the reference rounds 16-bit numbers: its mask has 16 bits as well, so that from 2^16 on, where
    nothing is left, it gives 1 for what is not negative and −1 for what is."""
    return fixed.rounding_shift_right(x, exponent) if exponent < 16 else (1 if x >= 0 else -1)


def hard_swish_table(source: Tensor, output: Tensor) -> np.ndarray:
    """HARD_SWISH: x × relu6(x + 3) / 6 in 16-bit fixed point; the second factor is made as (x / 3 clamped to ± 1 + 1) / 2."""
    fine_scale = np.float32(1 / 128) * np.float32(source.scale)
    output_value, output_shift = _short_multiplier(float(fine_scale / np.float32(output.scale)))
    reach_value, reach_shift = _short_multiplier(float(fine_scale / np.float32(3 / 32768)))
    if output_shift > 0:
        raise CompileError(
            f"the output's scale {float(output.scale):g} is more than 128 times smaller than the input's", expected="a larger one"
        )
    if reach_shift > 14:
        raise CompileError(f"the input's scale is {float(source.scale):g}", expected="less than 192")

    def function(x: int) -> int:
        fine = x << 7
        scaled = fixed.high_mul(fine, output_value, 15)
        gate = fixed.saturate(fine << max(reach_shift - 1, 0), _INT16_MIN, _INT16_MAX)
        gate = fixed.high_mul(gate, reach_value, 15)
        if reach_shift > 0:
            gate = fixed.saturate(gate << 1, _INT16_MIN, _INT16_MAX)
        gate = (_short_shift_right(gate, max(-reach_shift, 0)) + (1 << 15)) >> 1
        product = fixed.truncating_divide(gate * scaled, 1 << 15)
        return _short_shift_right(product, -output_shift) + output.zero_point

    return table_of(function, source, output)
