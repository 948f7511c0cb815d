# SPDX-License-Identifier: Apache-2.0
"""Instructions that the dsp kernels take on a Cortex-M4, from their loops.

The assembly's loops are counted line by line; what surrounds them is C, whose figures were fitted to counts in QEMU
(`tinytl bench` prints both). Used to choose kernels, and shown by `tinytl inspect` as expected instructions.
"""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.kernels.timing import InnerLoops

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


TILE_GROUP = {False: InnerLoops(10, 18, 16), True: InnerLoops(12, 18, 8)}
"""Two channels of two pixels and four inputs, by whether weights are bytes: two LDM of four words (one and an LDRD), eight SMLAD, and of
bytes two SXTB16."""
VECTOR_GROUP = {False: InnerLoops(11, 21, 32), True: InnerLoops(14, 20, 16)}
"""Four outputs and four inputs of a fully connected layer, likewise."""


def tile_call(tile: Tile) -> int:
    """Return the instructions of one call for two pixels."""
    per_group = TILE_GROUP[tile.s8].instructions
    turns = -(-tile.groups // UNROLLED)
    tail = (31 if tile.signed else 19) + (4 if tile.s8 and tile.signed else 0)
    per_pair = 5 + per_group * tile.groups + (2 if tile.s8 else 3) * turns + tail
    return tile.pairs * per_pair + (2 if tile.odd else 1) * 32


@dataclass(frozen=True)
class Windows:
    """What the panels of a convolution are made from. height, width: of the output."""

    height: int
    width: int
    in_height: int
    in_width: int
    taps_h: int
    taps_w: int
    depth: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    dilation_h: int
    dilation_w: int


def pack_call(count: int, *, s8: bool) -> int:
    """Return the instructions of packing `count` bytes of two pixels."""
    return (8 + 13 * (count // 4)) if s8 else (18 + 8 * (count // 4))


def panel_loops(tile: Tile, pixels: int) -> InnerLoops:
    """Return the inner loops of a convolution over panels."""
    return TILE_GROUP[tile.s8] * (tile.pairs * tile.groups * -(-pixels // 2))


def panels(tile: Tile, windows: Windows, *, pixelwise: bool) -> int:
    """Return the instructions of a convolution over panels.

    Args:
        tile: what one call takes. windows: of the convolution.
        pixelwise: whether windows are single pixels at stride 1, of channels in fours, which need no gathering.
    """
    pairs = -(-windows.height * windows.width // 2)
    window = windows.taps_h * windows.taps_w * windows.depth
    if pixelwise:
        return pairs * (tile_call(tile) + pack_call(window, s8=tile.s8) + 34) + 190
    row = windows.taps_w * windows.depth
    spanning, inside = _places(windows)
    direct = spanning[0::2] & spanning[1::2] & (row % 4 == 0)
    packed = windows.taps_h * (pack_call(row, s8=tile.s8) + 14) + 10
    gathered = np.where(inside, _gather_inside(windows.taps_h, row), _gather_over_edge(windows, spanning))
    whole = -(-window // 4) * 4
    apart = gathered[0::2] + gathered[1::2] + pack_call(whole, s8=tile.s8) + 10
    return int(pairs * (tile_call(tile) + 88) + np.where(direct, packed, apart).sum()) + 300


def _places(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return, a pixel each (an odd last one twice), whether its window lies inside the input from left to right, and wholly."""
    column = np.arange(windows.width) * windows.stride_w - windows.pad_left
    row = np.arange(windows.height) * windows.stride_h - windows.pad_top
    reach = (windows.taps_h - 1) * windows.dilation_h + 1
    across = (column >= 0) & (column <= windows.in_width - windows.taps_w) & (windows.dilation_w == 1)
    down = (row >= 0) & (row <= windows.in_height - reach)
    spanning = np.tile(across, windows.height)
    inside = spanning & np.repeat(down, windows.width)
    if spanning.size % 2:
        spanning, inside = np.append(spanning, spanning[-1]), np.append(inside, inside[-1])
    return spanning, inside


def _row_copy(count: int) -> int:
    return 10 + 4 * (count // 4) + (2 if count % 4 >= 2 else 0) + (2 if count % 2 else 1)


def _gather_inside(rows: int, row: int) -> int:
    """Return the instructions of copying a window that lies inside."""
    return 40 + rows * _row_copy(row)


def _gather_over_edge(windows: Windows, spanning: np.ndarray) -> np.ndarray:
    """Return the same of windows over the edge, which are copied row by row or, where columns are missing, tap by tap."""
    row = windows.taps_w * windows.depth
    rows = 150 + windows.taps_h * _row_copy(row)
    taps = 150 + windows.taps_h * (20 + windows.taps_w * (17 + _row_copy(windows.depth)))
    return np.where(spanning, rows, taps)


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


_INPUT_TRANSFORM = {2: 346, 4: 780}
"""Per patch and four channels."""
_OUTPUT_TRANSFORM = {2: 132, 4: 293}
"""Per tile and channel."""


def winograd_loops(layer: WinogradLayer) -> InnerLoops:
    """Return the products of a Winograd convolution: a tile of its own for each position of two patches."""
    tiles = -(-layer.height // layer.side) * -(-layer.width // layer.side)
    return TILE_GROUP[False] * (layer.pairs * (layer.side + 2) ** 2 * (layer.depth // 4) * -(-tiles // 2))


def winograd(layer: WinogradLayer) -> int:
    """Return the instructions of a Winograd convolution."""
    reach = layer.side + 2
    rows, columns = range(0, layer.height, layer.side), range(0, layer.width, layer.side)
    tiles = len(rows) * len(columns)
    inner_rows = sum(0 <= row - layer.pad_top <= layer.in_height - reach for row in rows)
    inner_columns = sum(0 <= column - layer.pad_left <= layer.in_width - reach for column in columns)
    gathered = tiles - inner_rows * inner_columns
    multiply = reach**2 * (TILE_GROUP[False].instructions * layer.depth // 4 + 7) + 14
    outputs = 2 * 2 * (_OUTPUT_TRANSFORM[layer.side] + (3 if layer.signed else 0) * layer.side**2)
    per_two_tiles = layer.pairs * (multiply + outputs + 150) + 60
    patches = tiles * (layer.depth // 4 * _INPUT_TRANSFORM[layer.side] + 40)
    return -(-tiles // 2) * per_two_tiles + patches + gathered * reach**2 * (18 + layer.depth // 2)


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
    last = 26 + 2 * extra if layer.stride == 1 else 17 + extra
    per_channel = 23 + layer.width // 2 * at_once + layer.width % 2 * last
    pack = 40 + layer.channels // 4 * (9 + 15 * layer.packed_columns)
    return turns * (layer.channels * per_channel + 60) + (turns + 1) * pack + 6 * layer.channels * layer.plane_columns


def depthwise_windows(pixels: int, taps_h: int, taps_w: int, quads: int, *, signed: bool) -> int:
    """Return the instructions of a depthwise convolution tap by tap.

    Args:
        pixels: of the output. taps_h, taps_w: rows and columns of a window. quads: channels / 4.
        signed: whether the rescaling's mode is SIGNED.
    """
    taps = taps_h * taps_w
    per_quad = 9 * taps + 2 * -(-taps // 4) + (36 if signed else 26)
    return pixels * (quads * per_quad + 12 * taps + 14 * taps_h + 60) + 100


def vector_loops(*, quads: int, depth: int, s8: bool) -> InnerLoops:
    """Return the inner loops of one row of a fully connected layer.

    Args:
        quads: groups of four outputs, a last group of fewer counted whole. depth: inputs. s8: whether weights are stored as bytes.
    """
    return VECTOR_GROUP[s8] * (quads * -(-depth // 4))


def vector(*, quads: int, depth: int, odd: bool, s8: bool) -> int:
    """Return the instructions of one row of a fully connected layer.

    Args:
        quads: groups of four outputs. depth: inputs.
        odd: whether the last group overlaps the one before, since outputs are no multiple of 4.
        s8: whether weights are stored as bytes.
    """
    groups = -(-depth // 4)
    per_group = VECTOR_GROUP[s8].instructions
    per_quad = 5 + per_group * groups + 2 * -(-groups // UNROLLED) + 26
    pack = 12 + (8 if s8 else 6) * groups
    return quads * per_quad + (2 if odd else 1) * 22 + pack + 245 + (4 * depth if depth % 4 else 0)


def average_pool(rows: int, columns: int, outputs: int) -> int:
    """Return the instructions of an average pooling, four channels at a time; windows at the edge are taken as whole.

    Args:
        rows, columns: of a window. outputs: elements of the output, a multiple of 4.
    """
    return outputs // 4 * (84 + rows * (9 + 7 * columns)) + 200


def mean(places: int, outputs: int) -> int:
    """Return the instructions of a mean over height and width."""
    return outputs // 4 * (160 + 7 * places) + 150
