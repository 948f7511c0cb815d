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
    inner = sum(0 <= x * windows.stride_w - windows.pad_left <= windows.in_width - windows.taps_w for x in range(windows.width))
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


@dataclass(frozen=True)
class WinogradLayer:
    """A 3×3 convolution by tiles of side 2 or 4. pairs: of output channels; depth: input channels."""

    side: int
    height: int
    width: int
    in_height: int
    in_width: int
    pad_top: int
    pad_left: int
    depth: int
    pairs: int
    signed: bool


_INPUT_TRANSFORM = {2: 240, 4: 1000}
"""Per patch and four channels."""
_OUTPUT_TRANSFORM = {2: 85, 4: 420}
"""Per tile and channel."""


def winograd(layer: WinogradLayer) -> int:
    """Return the instructions of a Winograd convolution."""
    reach = layer.side + 2
    rows, columns = range(0, layer.height, layer.side), range(0, layer.width, layer.side)
    tiles = len(rows) * len(columns)
    inner_rows = sum(0 <= row - layer.pad_top <= layer.in_height - reach for row in rows)
    inner_columns = sum(0 <= column - layer.pad_left <= layer.in_width - reach for column in columns)
    gathered = tiles - inner_rows * inner_columns
    multiply = reach**2 * (10 * layer.depth // 4 + 7) + 40
    outputs = 2 * 2 * (_OUTPUT_TRANSFORM[layer.side] + (3 if layer.signed else 0) * layer.side**2)
    per_two_tiles = layer.pairs * (multiply + outputs + 30)
    patches = tiles * (layer.depth // 4 * _INPUT_TRANSFORM[layer.side] + 60)
    return -(-tiles // 2) * per_two_tiles + patches + gathered * reach**2 * (35 + layer.depth)


@dataclass(frozen=True)
class DepthwiseLayer:
    """A 3×3 depthwise convolution. height, width: of the output; packed_columns: of the input that it reads."""

    stride: int
    height: int
    width: int
    packed_columns: int
    channels: int
    plane_columns: int
    signed: bool


def depthwise(layer: DepthwiseLayer) -> int:
    """Return the instructions of a depthwise convolution over pairs of rows."""
    turns = -(-layer.height // 2) if layer.stride == 1 else layer.height
    extra = 2 if layer.signed else 0
    at_once = 52 + 4 * extra if layer.stride == 1 else 33 + 2 * extra
    last = 33 + 2 * extra if layer.stride == 1 else 22 + extra
    per_channel = 24 + layer.width // 2 * at_once + layer.width % 2 * last
    pack = 80 + layer.channels // 4 * (10 + 15 * layer.packed_columns)
    return turns * (layer.channels * per_channel + 60) + (turns + 1) * pack + 6 * layer.channels * layer.plane_columns


def vector(*, quads: int, depth: int, odd: bool, s8: bool) -> int:
    """Return the instructions of one row of a fully connected layer."""
    groups = -(-depth // 4)
    per_group = 14 if s8 else 11
    per_quad = 5 + per_group * groups + 2 * -(-groups // UNROLLED) + 26
    pack = 12 + (8 if s8 else 6) * groups
    return quads * per_quad + (2 if odd else 1) * 22 + pack + 245 + (4 * depth if depth % 4 else 0)


def average_pool(rows: int, columns: int, outputs: int) -> int:
    """Return the instructions of an average pooling, four channels at a time; windows at the edge are taken as whole."""
    return outputs // 4 * (20 + rows * (6 + 6 * columns) + 4 * 12) + 150


def mean(places: int, outputs: int) -> int:
    """Return the instructions of a mean over height and width."""
    return outputs // 4 * (20 + 6 * places + 4 * 30) + 150
