# SPDX-License-Identifier: Apache-2.0
"""exp, expm1 and tanh of one float with the bits that C libraries give: TFLite tabulates LOGISTIC and TANH with them.

An entry of a table depends on the last bit only where the curve passes a rounding tie within 2^−22. `expf` is taken as
correctly rounded: glibc's is in all but one of some hundred arguments, which would have to be such a tie too. `expm1f` and
`tanhf` are further off: here they are fdlibm's, which glibc before 2.41, newlib and others share (later ones round them
correctly, and LiteRT, which calls the C library, then has another byte at such a tie). A test compares them with the C
library that is installed.
"""

from math import exp

import numpy as np

_Float = np.float32
_ZERO, _HALF, _ONE, _TWO, _THREE, _SIX = (_Float(x) for x in (0, 0.5, 1, 2, 3, 6))
_LN2_HIGH, _LN2_LOW, _INVERSE_LN2 = _Float(6.9313812256e-01), _Float(9.0580006145e-06), _Float(1.4426950216e00)
"""ln 2 in two parts: products of the first with small whole numbers are exact."""
_SERIES = tuple(_Float(x) for x in (-2.0109921195e-07, 4.0082177293e-06, -7.9365076090e-05, 1.5873016091e-03, -3.3333335072e-02, 1.0))
_HALF_LN2, _THREE_HALVES_LN2 = _Float(0.34657359), _Float(1.0397207)
_EXP_LIMIT = 88.72283
"""exp of more overflows a float."""


def exp_of(x: np.float32) -> np.float32:
    """Return exp(x), correctly rounded; infinity where it overflows."""
    return _Float(np.inf) if x > _EXP_LIMIT else _Float(exp(float(x)))


def expm1_of(x: np.float32) -> np.float32:
    """Return exp(x) − 1 for |x| < 88: x = k ln 2 + r, a rational function of r, and 2^k."""
    if abs(x) < _Float(2.0**-25):
        return x
    rest, error, k = _reduced(x)
    half, square = _HALF * rest, rest * (_HALF * rest)
    series = _SERIES[0]
    for term in _SERIES[1:]:
        series = term + square * series
    t = _THREE - series * half
    quotient = square * ((series - t) / (_SIX - rest * t))
    if k == 0:
        return rest - (rest * quotient - square)
    return _scaled(rest, (rest * (quotient - error) - error) - square, k)


def _reduced(x: np.float32) -> tuple[np.float32, np.float32, int]:
    """Return r, what its rounding lost, and k with x = k ln 2 + r."""
    if abs(x) <= _HALF_LN2:
        return x, _ZERO, 0
    sign = _ONE if x > 0 else -_ONE
    k = int(sign) if abs(x) < _THREE_HALVES_LN2 else int(_INVERSE_LN2 * x + sign * _HALF)
    high, low = x - _Float(k) * _LN2_HIGH, _Float(k) * _LN2_LOW
    rest = high - low
    return rest, (high - rest) - low, k


def _scaled(rest: np.float32, e: np.float32, k: int) -> np.float32:
    """Return 2^k × (1 + rest − e) − 1, in the order that loses least."""
    if k == -1:
        return _HALF * (rest - e) - _HALF
    if k == 1:
        return -_TWO * (e - (rest + _HALF)) if rest < _Float(-0.25) else _ONE + _TWO * (rest - e)
    if k <= -2 or k > 56:
        return _Float(np.ldexp(_ONE - (e - rest), k)) - _ONE
    tiny = _Float(2.0**-k)
    scaled = (_ONE - tiny) - (e - rest) if k < 23 else (rest - (e + tiny)) + _ONE
    return _Float(np.ldexp(scaled, k))


def tanh_of(x: np.float32) -> np.float32:
    """Return tanh(x) from expm1(± 2x)."""
    size = abs(x)
    if size < _Float(2.0**-55):
        return x
    if size >= 22:
        result = _ONE
    elif size >= 1:
        result = _ONE - _TWO / (expm1_of(_TWO * size) + _TWO)
    else:
        t = expm1_of(-_TWO * size)
        result = -t / (t + _TWO)
    return result if x >= 0 else -result


def logistic_of(x: np.float32) -> np.float32:
    """Return 1 / (1 + exp(−x))."""
    return _ONE / (_ONE + exp_of(-x))
