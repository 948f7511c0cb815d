# SPDX-License-Identifier: Apache-2.0
"""Plots of where things lie: flash, RAM, and the arena over the operators.

In: the `MemoryMap` and `BoardFacts` of a story. Out: nothing; they draw on a figure. Bars are to scale from
address 0 to the board's limit; filled is used, outlined is reserved.
"""

from typing import TYPE_CHECKING, Any

from tinytl.report import wording
from tinytl.report.canvas import Palette
from tinytl.report.plots import shorten
from tinytl.report.story import BoardFacts, MemoryMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST_SHARE = 0.05  # of the bar: a block narrower than this gets no text of its own


def flash_map(figure: "Figure", palette: Palette, memory: MemoryMap, board: BoardFacts, *, narrow: bool = False) -> None:
    """Draw the regions of flash, each as large as reserved and filled as far as used.

    Args:
        figure: empty. palette: its colours. memory: whose flash is drawn. board: whose flash is the whole width.
        narrow: whether it is for a narrow page, with fewer letters.
    """
    axes = figure.add_subplot()
    for index, region in enumerate(sorted(memory.flash, key=lambda region: region.offset)):
        colour = (palette.frozen, palette.target, palette.target, palette.head, palette.head)[min(index, 4)]
        _block(axes, palette, region.offset, region.bytes, region.used_bytes, colour)
        if region.bytes / board.flash_bytes >= _LEAST_SHARE:
            text = f"{shorten(region.name, 10 if narrow else 16)}\n{wording.size(region.used_bytes)}"
            _under(axes, palette, region.offset + region.bytes / 2, text, narrow)
    _scale(axes, palette, board.flash_bytes, top=-0.6)


def ram_map(figure: "Figure", palette: Palette, memory: MemoryMap, board: BoardFacts, *, narrow: bool = False) -> None:
    """Draw RAM: static data, the arena (reserved, and filled as far as this model needs), stack, and what is left.

    Args:
        figure: empty. palette: its colours. memory: whose RAM is drawn. board: whose RAM is the whole width.
        narrow: whether it is for a narrow page, with fewer letters.
    """
    axes = figure.add_subplot()
    blocks = (
        ("arena", memory.arena_limit_bytes, memory.arena_bytes, palette.head),
        ("static data", memory.static_bytes, memory.static_bytes, palette.frozen),
        ("stack", memory.stack_bytes, memory.stack_bytes, palette.source),
    )
    start = 0
    for index, (name, reserved, used, colour) in enumerate(blocks):
        _block(axes, palette, start, reserved, used, colour)
        if reserved / board.ram_bytes >= _LEAST_SHARE * (2.5 if narrow else 1.6):
            _under(axes, palette, start + reserved / 2, f"{name}\n{wording.size(used)}", narrow)
        elif reserved:
            _over(axes, palette, start + reserved / 2, f"{name} {wording.size(used)}", raised=index == 1, narrow=narrow)
        start += reserved
    _scale(axes, palette, board.ram_bytes, top=-1.8)


def arena_plan(figure: "Figure", palette: Palette, memory: MemoryMap, *, narrow: bool = False) -> None:
    """Draw the arena: address upwards, operators to the right, the head's step last; blocks of different times share addresses.

    Args:
        figure: empty. palette: its colours. memory: whose arena is drawn. narrow: whether it is for a narrow page, with fewer letters.
    """
    from matplotlib.patches import Rectangle

    axes = figure.add_subplot()
    operators = memory.operators
    ticks = max((block.last_operator + 1 - operators for block in memory.arena), default=0)
    head = max(1.0, 0.3 * operators) if ticks > 0 else 0.0  # the head's step is wider, for the names in it
    width = operators + head

    def place(time: int) -> float:
        return time if time <= operators else operators + (time - operators) / ticks * head

    for block in sorted(memory.arena, key=lambda block: (block.offset, block.first_operator)):
        left, right = place(block.first_operator), place(block.last_operator + 1)
        of_head = block.last_operator >= operators and ticks > 0
        colour = palette.head if of_head else palette.frozen
        corner, span, height = (left, block.offset / 1024), right - left, block.bytes / 1024
        axes.add_patch(Rectangle(corner, span, height, facecolor=colour, alpha=0.28 if of_head else 0.18, linewidth=0))
        axes.add_patch(Rectangle(corner, span, height, fill=False, edgecolor=colour, linewidth=1.0))
        room = int(span / width * (44 if narrow else 112))
        if block.bytes >= memory.arena_bytes * 0.045 and room >= 5:
            sized = f"{block.name}, {wording.size(block.bytes)}"
            middle = (left + span / 2, (block.offset + block.bytes / 2) / 1024)
            text = sized if len(sized) <= room else shorten(block.name, room)
            axes.text(*middle, text, ha="center", va="center", fontsize=10 if narrow else 11, color=palette.ink)
    axes.set(xlim=(0, width), ylim=(0, memory.arena_bytes / 1024), xlabel="operator", ylabel="arena, KB")
    step = max(1, operators // (6 if narrow else 12))
    places = list(range(0, operators, step))
    names = [str(place) for place in places] + (["head's step"] if ticks > 0 else [])
    axes.set_xticks([operator + 0.5 for operator in places] + ([operators + head / 2] if ticks > 0 else []), names)
    axes.tick_params(length=0)


def _block(axes: "Axes", palette: Palette, start: float, reserved: float, used: float, colour: str) -> None:
    axes.barh(0, reserved, left=start, height=1.0, color=palette.paper, alpha=0.0, linewidth=0)
    axes.barh(0, used, left=start, height=1.0, color=colour, linewidth=0)
    axes.barh(0, reserved, left=start, height=1.0, fill=False, edgecolor=palette.muted, linewidth=1.0)


def _under(axes: "Axes", palette: Palette, x: float, text: str, narrow: bool) -> None:
    axes.text(x, 0.62, text, ha="center", va="top", fontsize=9.5 if narrow else 11.5, color=palette.ink, linespacing=1.35)


def _over(axes: "Axes", palette: Palette, x: float, text: str, *, raised: bool, narrow: bool) -> None:
    place: Any = {"xytext": (x, -1.5 if raised else -0.9), "ha": "right" if raised else "left", "va": "center"}
    line = {"arrowstyle": "-", "color": palette.soft, "linewidth": 0.8}
    axes.annotate(text, (x, -0.5), fontsize=9.5 if narrow else 11.5, color=palette.ink, arrowprops=line, **place)


def _scale(axes: "Axes", palette: Palette, limit: int, *, top: float) -> None:
    """Give a bar its end, the board's limit, as an outline."""
    axes.barh(0, limit, height=1.0, fill=False, edgecolor=palette.soft, linewidth=1.0, zorder=0)
    axes.set(xlim=(-limit * 0.003, limit * 1.003), ylim=(1.75, top))
    axes.set_axis_off()
