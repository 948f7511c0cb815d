# SPDX-License-Identifier: Apache-2.0
"""Boards as data: each folder of `boards/` with a `board.toml`. A board is found by its folder's name."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tinytl.compiler.kernels.timing import FlashTiming
from tinytl.errors import BuildError
from tinytl_bridge.paths import boards_dir

RING_BYTES = 65_536
"""Of the PSRAM, for frames between host and device (SPEC.md section 3.3)."""


@dataclass(frozen=True)
class Memory:
    """Limits of a board in bytes. The arena, the stack and the firmware's own data share the RAM.
    program_bytes: what the flash programs at once, 1, 2, 4, 8, 16 or 32. flash_wait_states: cycles more, each time that a line of
    flash_line_bytes is read at the board's clock."""

    ram_bytes: int
    firmware_bytes: int
    arena_bytes: int
    stack_bytes: int
    model_slot_bytes: int
    head_slot_bytes: int
    sector_bytes: int
    program_bytes: int
    flash_wait_states: int
    flash_line_bytes: int

    @property
    def flash_timing(self) -> FlashTiming:
        """What the compiler chooses kernels by."""
        return FlashTiming(self.flash_wait_states, self.flash_line_bytes)

    @property
    def flash_bytes(self) -> int:
        """Firmware and all slots."""
        return self.firmware_bytes + 2 * self.model_slot_bytes + 2 * self.head_slot_bytes


@dataclass(frozen=True)
class QemuMachine:
    """How QEMU runs the board. Addresses and sizes in bytes; the PSRAM is mapped from a file.

    uart_interrupt: of the UART's receiver, its number in the NVIC.
    """

    machine: str
    psram_address: int
    psram_bytes: int
    mailbox_offset: int
    mailbox_bytes: int
    ring_offset: int
    tick_hz: int
    uart_address: int
    uart_interrupt: int

    @property
    def used_bytes(self) -> int:
        """What of the PSRAM is used: slots, mailbox and ring. A machine may have more, and want a file of that size."""
        return self.ring_offset + RING_BYTES


@dataclass(frozen=True)
class Board:
    """One board: what it is, its limits, how it is compiled for and run.

    family: kernel family of its core. folder: its own. shared: of the C sources and the linker script that it takes from another
    board, but for files of the same name that it has itself; its own folder where it names none. qemu: None where no emulator runs it.
    """

    name: str
    title: str
    cpu: str
    family: str
    clock_hz: int
    compiler_flags: tuple[str, ...]
    memory: Memory
    qemu: QemuMachine | None
    folder: Path
    shared: Path

    @property
    def machine(self) -> QemuMachine:
        """How QEMU runs it.

        Raises:
            BuildError: no emulator does.
        """
        if self.qemu is None:
            emulated = ", ".join(name for name in list_boards() if load_board(name).qemu is not None)
            raise BuildError(f"board {self.name} has no [qemu]: nothing emulates it", expected=emulated, hint="--target serial:PORT")
        return self.qemu

    @property
    def files(self) -> tuple[Path, ...]:
        """Its C sources, headers and linker script."""
        paths = {
            path.name: path for folder in (self.shared, self.folder) for path in folder.iterdir() if path.suffix in (".c", ".h", ".ld")
        }
        return tuple(paths[name] for name in sorted(paths))


def list_boards() -> tuple[str, ...]:
    """Return the names of all boards."""
    return tuple(sorted(path.parent.name for path in boards_dir().glob("*/board.toml")))


def roomiest(name: str) -> str:
    """Return the board that is the same machine with all its memory, where there is one, else the board itself."""
    return f"{name}-large" if f"{name}-large" in list_boards() else name


@cache
def load_board(name: str) -> Board:
    """Return a board by its name.

    Raises:
        BuildError: there is no such board, or its board.toml is malformed.
    """
    if name not in list_boards():
        raise BuildError(f"board {name!r} is unknown", expected="one of " + ", ".join(list_boards()))
    path = boards_dir() / name / "board.toml"
    try:
        facts: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        facts["compiler_flags"] = tuple(facts["compiler_flags"])
        folder, shared = boards_dir() / name, boards_dir() / facts.pop("sources", name)
        memory, qemu = Memory(**facts["memory"]), QemuMachine(**facts["qemu"]) if "qemu" in facts else None
        return Board(**{**facts, "memory": memory, "qemu": qemu, "folder": folder, "shared": shared})
    except (KeyError, TypeError, ValueError) as error:
        raise BuildError(f"{path} is malformed: {error}") from error
