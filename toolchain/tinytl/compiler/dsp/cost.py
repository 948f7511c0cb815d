# SPDX-License-Identifier: Apache-2.0
"""Instructions that the dsp kernels take on a Cortex-M4, from their loops.

The assembly's loops are counted line by line; what surrounds them is C, whose figures were fitted to counts in QEMU
(`tinytl bench` prints both). Used to choose kernels, and shown by `tinytl inspect` as expected instructions.
"""

from dataclasses import dataclass

UNROLLED = 16
"""Groups of a tile's loop body."""


@dataclass(frozen=True)
class Tile:
    """All channels of two pixels. pairs: of channels; groups: of four inputs; odd: the last pair is a call of its own."""

    pairs: int
    groups: int
    odd: bool
    signed: bool
    s8: bool


def tile_call(tile: Tile) -> int:
    """Return the instructions of one call for two pixels."""
    per_group = 12 if tile.s8 else 10
    turns = -(-tile.groups // UNROLLED)
    tail = (30 if tile.signed else 19) + (4 if tile.s8 and tile.signed else 0)
    per_pair = 5 + per_group * tile.groups + (2 if tile.s8 else 3) * turns + tail
    return tile.pairs * per_pair + (2 if tile.odd else 1) * 32


@dataclass(frozen=True)
class Windows:
    """What the panels of a convolution are made from."""

    height: int
    width: int
    in_width: int
    taps_h: int
    taps_w: int
    depth: int
    stride_w: int
    pad_left: int
    dilated: bool


def pack_call(count: int, *, s8: bool) -> int:
    """Return the instructions of packing `count` bytes of two pixels."""
    return 6 + 13 * (count // 4) if s8 else 14 + 8 * (count // 4) - (count // 8) * 0


def panels(tile: Tile, windows: Windows, *, pixelwise: bool) -> int:
    """Return the instructions of a convolution over panels."""
    pixels = windows.height * windows.width
    pairs = -(-pixels // 2)
    window = windows.taps_h * windows.taps_w * windows.depth
    if pixelwise:
        return pairs * (tile_call(tile) + pack_call(window, s8=tile.s8) + 30) + 100
    row = windows.taps_w * windows.depth
    direct = 0.0 if windows.dilated or row % 4 else _inner_share(windows)
    packed = windows.taps_h * (pack_call(row, s8=tile.s8) + 25)
    gathered = 2 * _gather(windows, row) + pack_call(-(-window // 4) * 4, s8=tile.s8)
    return int(pairs * (tile_call(tile) + 90 + direct * packed + (1 - direct) * gathered)) + 300


def _inner_share(windows: Windows) -> float:
    """Return the share of pixel pairs whose windows both lie inside the input from left to right."""
    inner = sum(
        0 <= x * windows.stride_w - windows.pad_left <= windows.in_width - windows.taps_w for x in range(windows.width)
    )
    outer = windows.width - inner
    return max(0.0, 1 - outer / max(windows.width / 2, 1))


def _gather(windows: Windows, row: int) -> int:
    """Return the instructions of copying one window."""
    return windows.taps_h * (25 + 6 * (row // 4) + 5 * (row % 4))


def clamping(elements: int) -> int:
    """Return the instructions of a clamp over an output."""
    return 8 * elements


def add_tables(elements: int) -> int:
    """Return the instructions of an addition by tables."""
    return 15 * elements // 2 + 60
