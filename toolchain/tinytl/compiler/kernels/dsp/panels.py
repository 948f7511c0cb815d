# SPDX-License-Identifier: Apache-2.0
"""Packing of weights and channel tables for tiles of two channels (runtime: kernels/dsp/tile.h)."""

import numpy as np

from tinytl.compiler.kernels.dsp.rescaling import Rescaling

GROUP = 4
"""Inputs of a dot product that a tile takes at a time."""


def padded(count: int, unit: int = GROUP) -> int:
    """Round up to a whole number of units."""
    return -(-count // unit) * unit


def channel_pairs(channels: int) -> np.ndarray:
    """Return (pairs, 2) channel numbers; an odd count ends with the last two, one of them for the second time."""
    pairs = np.arange(channels // 2 * 2).reshape(-1, 2)
    return np.vstack([pairs, [channels - 2, channels - 1]]) if channels % 2 else pairs


def grouped(weights: np.ndarray) -> np.ndarray:
    """(channels, K) int64 → (channels, groups, 4), K filled up with zeros."""
    channels, depth = weights.shape
    filled = np.zeros((channels, padded(depth)), np.int64)
    filled[:, :depth] = weights
    return filled.reshape(channels, -1, GROUP)


def pack_s16(weights: np.ndarray) -> np.ndarray:
    """(channels, K) within int16 → (pairs, 2 · K) int16: a (k, k+2), b (k, k+2), a (k+1, k+3), b (k+1, k+3)."""
    pairs = grouped(weights)[channel_pairs(len(weights))]  # pairs, 2, groups, 4
    halves = pairs.reshape(len(pairs), 2, -1, 2, 2)  # …, position // 2, position % 2
    return np.ascontiguousarray(halves.transpose(0, 2, 4, 1, 3).reshape(len(pairs), -1), np.int16)


def pack_s8(weights: np.ndarray) -> np.ndarray:
    """(channels, K) within ±127 → (pairs, K) int16: numbers w[k] + 256 · w[k+1] of a, then of b, group by group."""
    both = grouped(weights)[..., 0::2] + 256 * grouped(weights)[..., 1::2]  # channels, groups, 2
    pairs = both[channel_pairs(len(weights))]
    return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3).reshape(len(pairs), -1), np.int16)


def bias_words(sums: np.ndarray, found: Rescaling, scale_bits: np.ndarray | None = None) -> np.ndarray:
    """Return the constant parts of the sums as (channels,) int32 words in the kernel's scale, modulo 2^32.

    Args:
        sums: (channels,) int64: true constant parts. found: the rescaling of these channels.
        scale_bits: (channels,): taken instead of the rescaling's own; None: those.
    """
    bits = found.scale_bits if scale_bits is None else scale_bits
    return wrapped((sums << bits) + found.fraction)


def wrapped(numbers: np.ndarray) -> np.ndarray:
    """int64 → int32 modulo 2^32."""
    return (numbers & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def channel_table(biases: np.ndarray, found: Rescaling) -> np.ndarray:
    """Return (pairs, 8 or 10) int32: b0 b0 b1 b1, then m c (e) of both."""
    pairs = channel_pairs(len(biases))
    words = wrapped(found.words)
    width = words.shape[1]
    table = np.empty((len(pairs), 4 + 2 * width), np.int32)
    table[:, 0:4] = np.repeat(biases[pairs], 2, axis=1)
    table[:, 4:] = words[pairs].reshape(len(pairs), 2 * width)
    return table
