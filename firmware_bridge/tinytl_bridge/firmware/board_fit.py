# SPDX-License-Identifier: Apache-2.0
"""Whether a board takes a bundle, before there is a device to ask: what its flash, arena and head slots would refuse.

In: a bundle and a board's name. Out: nothing, or the refusal that `flash` or `save` would answer with, naming the board.
"""

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import Image, read_image
from tinytl.compiler.image.slot import saved_head_bytes, slot_header_bytes
from tinytl.errors import CompileError
from tinytl.model_file import compile_model
from tinytl_bridge.firmware.boards import Board, list_boards, load_board
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.target_names import emulated_board

_EMULATED_ALONE = "-large"
"""Ending of boards that no chip is: their memory is the emulator's."""


def expect_fit(bundle: Bundle, board: str) -> Image:
    """Compile a bundle for a board; refuse what the board would.

    Args:
        board: its name, with or without `qemu:`.

    Returns:
        The image that the board would be flashed with.

    Raises:
        BuildError: no such board. CompileError: image, arena or saved head are larger than the board has room for, or the compiler
            has no kernel for an operator.
    """
    emulated = emulated_board(board)
    description = load_board(board if emulated is None else emulated)
    try:
        image = compile_model(bundle, options_for_target(description.name))
    except CompileError as error:
        raise CompileError(f"board {description.name}: {error.what}", expected=error.expected, hint=error.hint) from error
    _expect_head_slot(image, description)
    return image


def misfit(bundle: Bundle) -> str:
    """Return why no known board with a chip's memory takes a bundle: the refusal of the largest; empty if one takes it."""
    boards = [load_board(name) for name in list_boards() if not name.endswith(_EMULATED_ALONE)]
    refused: list[Board] = []
    first = ""
    for board in sorted(boards, key=lambda each: -each.memory.arena_bytes):
        if any(_holds_no_more(board, other) for other in refused):
            continue
        try:
            expect_fit(bundle, board.name)
        except CompileError as error:
            refused.append(board)
            first = first or error.what
        else:
            return ""
    return first


def _holds_no_more(board: Board, other: Board) -> bool:
    """Tell whether a board has in nothing more room than another."""
    limits = [
        (candidate.memory.arena_bytes, candidate.memory.model_slot_bytes, candidate.memory.head_slot_bytes) for candidate in (board, other)
    ]
    return all(mine <= its for mine, its in zip(*limits, strict=True))


def _expect_head_slot(image: Image, board: Board) -> None:
    """Refuse a head that could be taught and never be saved: parameters, and names of all the classes that it has rows for."""
    head = read_image(image.data).head
    if head is None:
        return
    needed = slot_header_bytes(board.memory.program_bytes) + saved_head_bytes(head.parameter_count, head.class_capacity - head.class_count)
    room = board.memory.head_slot_bytes
    if needed > room:
        raise CompileError(
            f"board {board.name}: a saved head needs {needed:,} bytes, {needed - room:,} more than its slot has",
            expected=f"at most {room:,}",
            hint="an earlier freeze plan, or --weights int8",
        )
