# SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic of TFLite's reference kernels in Python integers, for tables that the compiler computes.

Written from its definitions; everything here works on one number at a time: a table has 256.
"""

from math import frexp

INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)


def truncating_divide(a: int, b: int) -> int:
    """a / b towards zero, as C divides; b > 0."""
    return a // b if a >= 0 else -(-a // b)


def saturate(x: int, low: int = INT32_MIN, high: int = INT32_MAX) -> int:
    """Return the number of the range that lies nearest.

    Args:
        x: any. low, high: ends of the range, both in it; an int32's by default.
    """
    return min(max(x, low), high)


def high_mul(a: int, b: int, bits: int = 31) -> int:
    """Return a × b / 2^bits to nearest, saturated.

    Args:
        a, b: within int32, or within int16 where `bits` is 15. bits: 31 or 15.
    """
    product = a * b
    nudge = 1 << (bits - 1) if product >= 0 else 1 - (1 << (bits - 1))
    return min(truncating_divide(product + nudge, 1 << bits), (1 << bits) - 1)


def rounding_shift_right(x: int, exponent: int) -> int:
    """Return x / 2^exponent to nearest, ties away from zero."""
    half = (1 << exponent) >> 1
    return (x + half) >> exponent if x >= 0 else -((-x + half) >> exponent)


def wrapped(x: int) -> int:
    """x modulo 2^32 as an int32, as two's complement wraps."""
    return (x - INT32_MIN) % 2**32 + INT32_MIN


def multiply_by_quantized_multiplier(x: int, value: int, shift: int) -> int:
    """Return x × value × 2^(shift − 31), rounded twice as the reference does, whose shift to the left wraps.

    Args:
        x: within int32. value: mantissa with sign, within int32. shift: −31 or more, positive to the left.
    """
    high = high_mul(wrapped(x << max(shift, 0)), value)
    return rounding_shift_right(high, max(-shift, 0))


def signed_multiplier(real: float) -> tuple[int, int]:
    """Return (value, shift) of any finite factor as TFLite's `QuantizeMultiplier` splits it, negative ones too."""
    mantissa, shift = frexp(real)
    value = int(abs(mantissa) * (1 << 31) + 0.5) * (1 if real >= 0 else -1)
    if abs(value) == 1 << 31:
        value, shift = value // 2, shift + 1
    return (value, shift) if shift >= -31 else (0, 0)
