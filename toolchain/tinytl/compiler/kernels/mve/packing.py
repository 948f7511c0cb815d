# SPDX-License-Identifier: Apache-2.0
"""Packing of weights and channel tables in blocks of 16 bytes (runtime: kernels/mve/tile.h, kernels/mve/depthwise.h)."""

import numpy as np

BLOCK = 16
QUAD = 4
DEPTHWISE_ORDER = (*range(0, 16, 4), *range(2, 16, 4), *range(1, 16, 4), *range(3, 16, 4))
"""Lanes of 16 in the order of a depthwise channel table."""


def in_blocks(count: int) -> int:
    """Round up to a whole number of blocks."""
    return -(-count // BLOCK) * BLOCK


def quads(weights: np.ndarray) -> np.ndarray:
    """(channels, K) → (quads, 4, blocks, 16) int8, filled up with zeros."""
    channels, depth = weights.shape
    filled = np.zeros((-(-channels // QUAD) * QUAD, in_blocks(depth)), np.int8)
    filled[:channels, :depth] = weights
    return filled.reshape(-1, QUAD, in_blocks(depth) // BLOCK, BLOCK)


def tile_weights(weights: np.ndarray) -> np.ndarray:
    """(channels, K) → (quads, 4 K): the blocks of channels 0 and 2 in turn, then those of 1 and 3 from the last to the first."""
    passes = quads(weights)[:, [[0, 2], [1, 3]]]  # quads, 2, 2, blocks, 16
    passes[:, 1] = passes[:, 1, :, ::-1]
    return np.ascontiguousarray(passes.transpose(0, 1, 3, 2, 4).reshape(len(passes), -1))


def vector_weights(weights: np.ndarray) -> np.ndarray:
    """(channels, K) → (quads, 4 K): block by block, channels 0 … 3."""
    rows = quads(weights)
    return np.ascontiguousarray(rows.transpose(0, 2, 1, 3).reshape(len(rows), -1))


def table(columns: list[np.ndarray], unit: int) -> np.ndarray:
    """Columns of (channels,) int32 → (channels / unit, columns · unit) int32, filled up with zeros."""
    rows = -(-len(columns[0]) // unit)
    matrix = np.zeros((len(columns), rows * unit), np.int32)
    for number, column in enumerate(columns):
        matrix[number, : len(column)] = column
    return np.ascontiguousarray(matrix.reshape(len(columns), rows, unit).transpose(1, 0, 2).reshape(rows, -1))
