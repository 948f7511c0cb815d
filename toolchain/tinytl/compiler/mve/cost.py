# SPDX-License-Identifier: Apache-2.0
"""Instructions that the mve kernels take on a Cortex-M55, from their loops; what surrounds the assembly was fitted to counts in QEMU."""

from tinytl.compiler.mve.packing import BLOCK, QUAD
from tinytl.compiler.mve.ring import Ring

_ROWS = 3
_UNROLLED = 4


def tile(window: int, channels: int, *, signed: bool) -> int:
    """Return the instructions of one call for three rows."""
    blocks, quads = -(-window // BLOCK), -(-channels // QUAD)
    return 40 + quads * (24 * blocks + 44 + (6 if signed else 0))


def convolution(out: tuple[int, ...], window: int, ring: Ring | None, *, signed: bool) -> int:
    """Return the instructions of a convolution. out: its dimensions; window: bytes; ring: None where rows are read in place."""
    pixels = out[1] * out[2]
    tiles = -(-pixels // _ROWS) * tile(window, out[3], signed=signed)
    if ring is None:
        return tiles + 12 * pixels
    return tiles + pixels * (20 + gather(window // ring.pieces, ring.pieces)) + ring_rows(ring, out[1])


def gather(piece: int, pieces: int) -> int:
    """Return the instructions of copying a window of pieces of some bytes."""
    blocks = -(-piece // BLOCK)
    return pieces * (7 + 2 * blocks if blocks <= _UNROLLED else 10 + 3 * blocks)


def ring_rows(ring: Ring, rows: int) -> int:
    """Return the instructions of filling the ring and of moving it over output rows."""
    return ring.row_bytes * (ring.rows + 1) // 8 + rows * (50 + 8 * ring.pieces + ring.row_bytes // 5)


def depthwise(*, rows: int, blocks: int, taps: int, row_bytes: int, signed: bool) -> int:
    """Return the instructions of a depthwise convolution. blocks: of 16 lanes in an output row."""
    per_block = 9 * taps + 4 * -(-taps // 2) + 50 + (8 if signed else 0)
    return rows * (blocks * per_block + 8 * taps + 100 + row_bytes // 5)


def vector(depth: int, outputs: int) -> int:
    """Return the instructions of one row of a fully connected layer."""
    return 60 + -(-outputs // QUAD) * (10 * -(-depth // BLOCK) + 18)


def add_tables(elements: int) -> int:
    """Return the instructions of an addition by tables."""
    return 14 * elements // 4 + 60
