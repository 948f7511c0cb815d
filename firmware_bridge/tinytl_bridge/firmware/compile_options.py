# SPDX-License-Identifier: Apache-2.0
"""What to compile for, from what is known of a target: its kernel family and the memory that a model may take there."""

from tinytl.compiler import CompileOptions
from tinytl.compiler.image.slot import slot_header_bytes
from tinytl.compiler.kernels.timing import ZERO_WAIT_FLASH
from tinytl.errors import BuildError
from tinytl_bridge.firmware.boards import list_boards, load_board
from tinytl_bridge.target_names import emulated_board
from tinytl_bridge.wire.protocol import DeviceInfo

_PLAIN_BOARDS = ("host", "linux-")
"""How the names of boards begin that run the twin: on a workstation, and behind an agent."""
_BEST_FIRST = ("mve", "dsp", "portable")


def options_for(
    device: DeviceInfo, *, optimize: str = "speed", ram_bytes: int | None = None, flash_bytes: int | None = None
) -> CompileOptions:
    """Return the options for a connected device.

    The twin runs every family, but its portable kernels are the fast ones: other families exist there in plain C, as the truth that
    assembly is compared with.

    Args:
        device: as it announced itself. optimize: as in `CompileOptions`.
        ram_bytes, flash_bytes: less than the device has, where a user keeps some for other things.
    """
    is_plain = device.board.startswith(_PLAIN_BOARDS)
    family = "portable" if is_plain else next(candidate for candidate in _BEST_FIRST if candidate in device.families)
    slot = device.model_slot_bytes - slot_header_bytes(device.program_bytes)
    timing = load_board(device.board).memory.flash_timing if device.board in list_boards() else ZERO_WAIT_FLASH
    return CompileOptions(family, optimize, _least(device.arena_bytes, ram_bytes), _least(slot, flash_bytes), timing)


def options_for_target(
    target: str, *, optimize: str = "speed", ram_bytes: int | None = None, flash_bytes: int | None = None
) -> CompileOptions:
    """Return the options for a target that need not be there: a board's by its name, with or without `qemu:`; portable for others.

    Args:
        target: its name. optimize: as in `CompileOptions`.
        ram_bytes, flash_bytes: less than the board has; of a target without a board, the limits. None: what the board has, or no limit.

    Raises:
        BuildError: an emulated board of an unknown name.
    """
    emulated = emulated_board(target)
    try:
        board = load_board(target if emulated is None else emulated)
    except BuildError:
        if emulated is not None:
            raise
        return CompileOptions("portable", optimize, ram_bytes, flash_bytes)
    memory = board.memory
    slot = memory.model_slot_bytes - slot_header_bytes(memory.program_bytes)
    return CompileOptions(board.family, optimize, _least(memory.arena_bytes, ram_bytes), _least(slot, flash_bytes), memory.flash_timing)


def options_for_boards(optimize: str = "speed") -> tuple[tuple[str, CompileOptions], ...]:
    """Return (name, options) of every board, as `tinytl.inspect` takes them."""
    return tuple((name, options_for_target(name, optimize=optimize)) for name in list_boards())


def _least(has: int, asked: int | None) -> int:
    return has if asked is None else min(has, asked)
