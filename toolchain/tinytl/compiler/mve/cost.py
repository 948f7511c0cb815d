# SPDX-License-Identifier: Apache-2.0
"""Instructions that the mve kernels take on a Cortex-M55, from their loops; what surrounds the assembly was fitted to counts in QEMU."""

from tinytl.compiler.mve.packing import BLOCK, QUAD

_ROWS = 3


def tile(window: int, channels: int, *, signed: bool) -> int:
    """Return the instructions of one call for three rows."""
    blocks, quads = -(-window // BLOCK), -(-channels // QUAD)
    return 40 + quads * (24 * blocks + 44 + (6 if signed else 0))


def convolution(pixels: int, taps: tuple[int, int], depth: int, channels: int, *, pixelwise: bool, signed: bool) -> int:
    """Return the instructions of a convolution."""
    window, row = taps[0] * taps[1] * depth, taps[1] * depth
    gather = 12 if pixelwise else 45 + taps[0] * (25 + 3 * -(-row // BLOCK))
    return -(-pixels // _ROWS) * tile(window, channels, signed=signed) + pixels * gather


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
