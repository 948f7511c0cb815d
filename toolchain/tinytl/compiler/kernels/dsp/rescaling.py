# SPDX-License-Identifier: Apache-2.0
"""Rescaling of a 32-bit sum to an int8 output in two or four instructions, proven exact.

TFLite's rescaling takes about ten instructions, but its result is one byte that grows with the sum, so it is nothing but
at most 255 thresholds: the smallest sums that reach each output. Any cheaper function with the same thresholds over the
sums that can occur is exact. This module finds the thresholds of the reference, solves for the constants of the cheap
function (`saturating`: one multiply-add and one saturating shift; `shifted`: with a shift of each channel's own), and
checks them; where they do not exist it takes the reference's own arithmetic (`signed`), which it checks the same way.
A layer with a sum that wraps in the reference has no thresholds and is left to the portable kernel, which wraps too.
SPEC.md section 2.7 has the formulas.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinytl.compiler.kernels.sums import Reference

SATURATING, SIGNED, SHIFTED = 0, 1, 2
SATURATING_SHIFT = 11
_PHASES = 64
"""How many values of c are tried. The fraction's grid and c's have no common measure, so each shifts the grid anew."""
_INT32 = 2**31
_MAX_SHIFT = 22


@dataclass(frozen=True)
class Rescaling:
    """Constants of one layer.

    Attributes:
        mode: SATURATING, SIGNED or SHIFTED.
        words: (channels, 2) m, c or, but for SATURATING, (channels, 3) m, c, e; int64 within int32.
        scale_bits: (channels,): the kernel's sum is the true one times 2^bits …
        fraction: (channels,): … plus this.
    """

    mode: int
    words: np.ndarray
    scale_bits: np.ndarray
    fraction: np.ndarray


def _thresholds(reference: Reference) -> np.ndarray:
    """Return (channels, levels): the smallest sum in [low, high + 1] whose output is act_min + 1, act_min + 2, …"""
    levels = np.arange(reference.act_min + 1, reference.act_max + 1, dtype=np.int64)  # int32 by default on 32-bit systems
    shape = (len(reference.low), len(levels))
    below = np.broadcast_to(reference.low[:, None] - 1, shape).copy()  # too small, or one before all
    reached = np.broadcast_to(reference.high[:, None] + 1, shape).copy()
    while np.any(reached - below > 1):
        middle = (below + reached) >> 1
        inside = reached - below > 1
        enough = reference.rescale(middle) >= levels
        reached = np.where(inside & enough, middle, reached)
        below = np.where(inside & ~enough, middle, below)
    return reached


def find_rescaling(reference: Reference, scale_bits: tuple[int, ...], *, signed_bits: int = 1) -> Rescaling | None:
    """Find the cheapest exact rescaling of a layer.

    Args:
        reference: what to reproduce.
        scale_bits: powers of two by which a kernel may scale a channel's sum, best first.
        signed_bits: the same for the signed mode, whose arithmetic takes twice the sum (a kernel halves what is more).

    Returns:
        One mode for all channels, or None where neither is exact.
    """
    if not reference.monotonic:
        return None
    thresholds = _thresholds(reference)
    every = np.full(len(reference.low), SATURATING_SHIFT)
    rescaling = _linear(reference, thresholds, scale_bits, lambda bit: every)
    return (
        Rescaling(SATURATING, rescaling.words[:, :2], rescaling.scale_bits, rescaling.fraction)
        if rescaling
        else _signed(reference, thresholds, signed_bits)
    )


def find_shifted(reference: Reference, scale_bits: tuple[int, ...]) -> Rescaling | None:
    """Find the exact rescaling with a shift of each channel's own, so that factors of any size keep 30 bits."""

    def shifts(bit: int) -> np.ndarray:
        exponents = np.floor(np.log2(np.maximum(reference.factor, 2.0**-60))).astype(np.int64)
        return np.clip(30 - exponents - 32 + bit, 1, _MAX_SHIFT)

    return _linear(reference, _thresholds(reference), scale_bits, shifts) if reference.monotonic else None


def _linear(
    reference: Reference, thresholds: np.ndarray, scale_bits: tuple[int, ...], shifts: Callable[[int], np.ndarray]
) -> Rescaling | None:
    """Solve channel by channel, with shifts(bit) of the channels."""
    channels = len(reference.low)
    words = np.zeros((channels, 3), np.int64)
    bits, fraction = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    constant, at_low = _constant(reference), reference.rescale(reference.low[:, None])[:, 0]
    words[constant, 1:] = np.stack([(2 * at_low + 1) << (SATURATING_SHIFT - 1), 0 * at_low + SATURATING_SHIFT], 1)[constant]
    bits[constant] = scale_bits[0]
    unsolved = np.flatnonzero(~constant)
    for bit in scale_bits:
        for phase in range(_PHASES):
            if not len(unsolved):
                break
            shift = shifts(bit)[unsolved]
            m, c, middle, exists = _solve(reference, thresholds, unsolved, bit, phase, shift)
            solved = unsolved[exists]
            words[solved] = np.stack([m, c, shift], 1)[exists]
            bits[solved], fraction[solved] = bit, middle[exists]
            unsolved = unsolved[~exists]
    rescaling = Rescaling(SHIFTED, words, bits, fraction)
    return None if len(unsolved) or not _proven(reference, thresholds, rescaling) else rescaling


def _constant(reference: Reference) -> np.ndarray:
    """Tell which channels have the same output for every sum that can occur."""
    low, high = (reference.rescale(end[:, None])[:, 0] for end in (reference.low, reference.high))
    return low == high


def _solve(
    reference: Reference, thresholds: np.ndarray, channels: np.ndarray, bit: int, phase: int, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return m, c, fraction and whether they exist, of some channels.

    Output v is reached if (sum · 2^bit + fraction) · m ≥ (v · 2^shift − c) · 2^32, so every threshold bounds the
    fraction from below by itself and from above by the sum before it.
    """
    levels = np.arange(reference.act_min + 1, reference.act_max + 1, dtype=np.int64)  # int32 by default on 32-bit systems
    low, high, reached = reference.low[channels, None], reference.high[channels, None], thresholds[channels]
    exact = reference.factor[channels] * 2.0 ** (32 + shift - bit)
    m = np.maximum(np.rint(np.minimum(exact, _INT32)).astype(np.int64), 1)
    c = (reference.zero_point << shift) + (np.int64(1) << (shift - 1)) + phase
    needed = -((-(((levels << shift[:, None]) - c[:, None]) << 32)) // m[:, None])  # ceil
    least = np.where(reached <= high, needed - (reached << bit), -(2**62)).max(1, initial=-(2**62))
    most = np.where(reached > low, needed - 1 - ((reached - 1) << bit), 2**62).min(1, initial=2**62)
    middle = np.where((least > -(2**61)) & (most < 2**61), (least + most) >> 1, np.clip(0, least, most))
    largest = (np.maximum(np.abs(low), np.abs(high))[:, 0] << bit) + np.abs(middle)
    return m, c, middle, (largest < _INT32) & (m < _INT32) & (least <= most)


def _signed(reference: Reference, thresholds: np.ndarray, bits: int) -> Rescaling | None:
    if reference.multiplier is None or reference.shift is None:
        return None
    constant, at_low = _constant(reference), reference.rescale(reference.low[:, None])[:, 0]
    e = np.where(constant, SATURATING_SHIFT, -reference.shift)
    if np.any((e < 1) | (e > 22)):
        return None
    m = np.where(constant, 0, reference.multiplier)
    c = (np.int64(1) << (e - 1)) + (np.where(constant, at_low, reference.zero_point) << e)
    largest = np.where(constant, 0, np.maximum(np.abs(reference.low), np.abs(reference.high)) << bits)
    if np.any(largest >= _INT32) or np.any(np.abs(c) >= _INT32):
        return None
    channels = len(m)
    rescaling = Rescaling(SIGNED, np.stack([m, c, e], 1), np.full(channels, bits), np.zeros(channels, np.int64))
    return rescaling if _proven(reference, thresholds, rescaling) else None


def _proven(reference: Reference, thresholds: np.ndarray, found: Rescaling) -> bool:
    """Tell whether both functions agree at every threshold, just before it, and at both ends: both grow, so everywhere."""
    low, high = reference.low[:, None], reference.high[:, None]
    places = np.concatenate([low, high, np.clip(thresholds, low, high), np.clip(thresholds - 1, low, high)], 1)
    clamped = np.clip(outputs(found, places), reference.act_min, reference.act_max)
    return bool(np.array_equal(clamped, reference.rescale(places)))


def outputs(found: Rescaling, sums: np.ndarray) -> np.ndarray:
    """Compute what a kernel makes of true sums (channels, n): saturated, before a narrower clamp."""
    m, c = found.words[:, 0:1], found.words[:, 1:2]
    if found.mode != SIGNED:
        acc = (sums << found.scale_bits[:, None]) + found.fraction[:, None]
        shift = SATURATING_SHIFT if found.mode == SATURATING else found.words[:, 2:3]
        return np.clip((((acc * m) >> 32) + c) >> shift, -128, 127)
    twice = 2 * sums
    high = (twice * m + (c << 32) + (1 << 31)) >> 32
    return np.clip((high + (twice >> 31)) >> found.words[:, 2:3], -128, 127)
