# SPDX-License-Identifier: Apache-2.0
"""The fully connected layer's rescaling: TFLite's reference kernel computes it in double, `round(double(sum) ×
factor)`.

A device has no double, so the factor's 53-bit mantissa travels as two words, and the kernel rounds the exact product
once, ties away from zero. That differs from the reference only where the double product itself was rounded onto a tie;
the few sums where this can be are found and tested here, so that the layer is exact for every input.
"""

from dataclasses import dataclass
from math import frexp

import numpy as np

from tinytl.errors import CompileError

_MANTISSA_BITS = 62
_WORD_BITS = 31
_LEVELS = 256
"""Results beyond ± 255 saturate, whatever the zero point is."""
_NEAR = 2.0**-18
_SUM_LIMIT = 2.0**31
_NUDGES = (0, 1 << 7, 1 << 8, 1 << 9, -(1 << 7), -(1 << 8), -(1 << 9))
"""Changes of the mantissa in units of 2^−62: about one rounding error of a double product."""


@dataclass(frozen=True)
class WideMultiplier:
    """(high + low × 2^−31) × 2^(shift − 31); high in [2^30, 2^31) or 0, low in [0, 2^31)."""

    high: int
    low: int
    shift: int


def wide_multipliers(
    input_scale: np.float32, weight_scales: tuple[np.float32, ...], output_scale: np.float32, channels: int
) -> list[WideMultiplier]:
    """Return one multiplier a channel of the factor double(input) × double(weight) / double(output).

    Args:
        input_scale, output_scale: of whole tensors, > 0. weight_scales: one, or one a channel, ≥ 0.
        channels: how often a single weight scale is taken.

    Raises:
        CompileError: a factor of 2^30 or more, or one that no mantissa near it reproduces.
    """
    factors = [float(input_scale) * float(scale) / float(output_scale) for scale in weight_scales]
    known = {factor: _exact(factor) for factor in dict.fromkeys(factors)}
    multipliers = [known[factor] for factor in factors]
    return multipliers if len(multipliers) > 1 else multipliers * channels


def _exact(factor: float) -> WideMultiplier:
    if not 0 <= factor < 2.0**30:
        raise CompileError(f"a rescaling factor is {factor:g}", expected="less than 2^30: scales of one model lie closer")
    fraction, shift = frexp(factor)
    if factor == 0 or shift < -_WORD_BITS:
        return WideMultiplier(0, 0, 0)  # every product is below a half
    ties = _near_ties(factor)
    mantissa = int(fraction * (1 << 53)) << (_MANTISSA_BITS - 53)
    for nudge in _NUDGES:
        if _agrees(factor, mantissa + nudge, shift, ties):
            high, low = divmod(mantissa + nudge, 1 << _WORD_BITS)
            return WideMultiplier(high, low, shift)
    raise CompileError(f"a rescaling factor is {factor!r}", expected="one whose products do not all lie on rounding ties")


def _near_ties(factor: float) -> list[tuple[int, int]]:
    """Return (sum, level) where sum × factor is nearly level + 1/2: nowhere else can two ways of rounding differ."""
    with np.errstate(over="ignore"):
        places = (np.arange(_LEVELS) + 0.5) / factor
    levels = np.flatnonzero((places < _SUM_LIMIT) & (np.abs(places - np.rint(places)) < _NEAR))
    return [(int(np.rint(places[level])), int(level)) for level in levels]


def _agrees(factor: float, mantissa: int, shift: int, ties: list[tuple[int, int]]) -> bool:
    """Tell whether the exact product passes each near tie as the double product does."""
    half = 1 << (_MANTISSA_BITS - shift - 1)
    fits = (1 << (_MANTISSA_BITS - 1)) <= mantissa < (1 << _MANTISSA_BITS)
    return fits and all((total * mantissa >= (2 * level + 1) * half) == (total * factor >= level + 0.5) for total, level in ties)
