# SPDX-License-Identifier: Apache-2.0
"""Instructions that the mve kernels take on a Cortex-M55, from their loops; what surrounds the assembly was fitted to counts in QEMU."""

from tinytl.compiler.kernels.mve.packing import BLOCK, QUAD
from tinytl.compiler.kernels.mve.ring import Ring

_ROWS = 3
_PIECE = {1: 6, 2: 9, 3: 13}
"""Blocks of a piece of a window → instructions of copying it, where that is unrolled."""
_SUMS = 8


def tile(window: int, channels: int, *, signed: bool) -> int:
    """Return the instructions of one call for three rows.

    Args:
        window: bytes of a row, which is one pixel's window. channels: of the output. signed: whether the rescaling's mode is SIGNED.
    """
    blocks, quads = -(-window // BLOCK), -(-channels // QUAD)
    return 26 + quads * (24 * blocks + 36 + (6 if signed else 0))


def convolution(out: tuple[int, ...], window: int, ring: Ring | None, *, signed: bool) -> int:
    """Return the instructions of a convolution.

    Args:
        out: dimensions of the output, [1, height, width, channels]. window: bytes of one. ring: None where rows are read in place.
        signed: whether the rescaling's mode is SIGNED.
    """
    pixels = out[1] * out[2]
    tiles = -(-pixels // _ROWS)
    products = tiles * tile(window, out[3], signed=signed) + 250
    if ring is None:
        return products + 24 * tiles
    return products + pixels * (13 + gather(window // ring.pieces, ring.pieces)) + ring_rows(ring, out[1])


def gather(piece: int, pieces: int) -> int:
    """Return the instructions of copying a window of pieces of some bytes."""
    blocks = -(-piece // BLOCK)
    return 9 + pieces * _PIECE.get(blocks, 7 + 3 * blocks)


def ring_rows(ring: Ring, rows: int) -> int:
    """Return the instructions of filling the ring and of moving it over output rows."""
    fill = ring.row_bytes * (ring.rows + 1) // 8 + ring.filled * (20 + 3 * -(-ring.row_bytes // BLOCK))
    return fill + rows * (70 + 16 * ring.window_rows + 3 * ring.pieces)


def depthwise(rows: int, pixels: int, blocks: int, taps: tuple[int, int], ring: Ring, *, signed: bool, narrow: bool) -> int:
    """Return the instructions of a depthwise convolution.

    Args:
        rows: of the output. pixels: runs of lanes in a row. blocks: of 16 lanes in a run.
        taps: rows and columns of the window. ring: of input rows. signed: whether the rescaling's mode is SIGNED.
        narrow: outputs are clamped to less than all bytes.
    """
    per_block = 132 + (5 if narrow else 0) if taps == (3, 3) else 88 + 18 * taps[0] * taps[1]
    per_block += 8 if signed else 0
    return rows * (pixels * (blocks * per_block + 9) + 80) + ring_rows(ring, rows)


def vector(depth: int, outputs: int) -> int:
    """Return the instructions of one row of a fully connected layer."""
    return 235 + -(-outputs // QUAD) * (10 * -(-depth // BLOCK) + 18)


def add_tables(elements: int) -> int:
    """Return the instructions of an addition by tables."""
    return 14 * elements // 4 + 60


def average_pool(rows: int, columns: int, outputs: int) -> int:
    """Return the instructions of an average pooling; windows at the edge are taken as whole.

    Args:
        rows, columns: of a window. outputs: elements of the output, a multiple of 8.
    """
    return outputs // _SUMS * (205 + rows * (6 + 4 * columns)) + 200


def mean(places: int, outputs: int) -> int:
    """Return the instructions of a mean over height and width."""
    return outputs // _SUMS * (335 + 4 * places) + 150
