# SPDX-License-Identifier: Apache-2.0
"""Boards as data: each folder of `boards/` with a `board.toml`. A board is found by its folder's name."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tinytl.errors import BuildError
from tinytl_bridge.paths import boards_dir


@dataclass(frozen=True)
class Memory:
    """Limits of a board in bytes. The arena, the stack and the firmware's own data share the RAM."""

    ram_bytes: int
    firmware_bytes: int
    arena_bytes: int
    stack_bytes: int
    model_slot_bytes: int
    head_slot_bytes: int
    sector_bytes: int

    @property
    def flash_bytes(self) -> int:
        """Firmware and all slots."""
        return self.firmware_bytes + 2 * self.model_slot_bytes + 2 * self.head_slot_bytes


@dataclass(frozen=True)
class QemuMachine:
    """How QEMU runs the board. Addresses and sizes in bytes; the PSRAM is mapped from a file."""

    machine: str
    psram_address: int
    psram_bytes: int
    mailbox_offset: int
    mailbox_bytes: int
    tick_hz: int


@dataclass(frozen=True)
class Board:
    """One board: what it is, its limits, how it is compiled for and run.

    family: kernel family of its core. folder: of its C sources, another board's where it names one.
    """

    name: str
    title: str
    cpu: str
    family: str
    clock_hz: int
    compiler_flags: tuple[str, ...]
    memory: Memory
    qemu: QemuMachine
    folder: Path


def list_boards() -> tuple[str, ...]:
    """Return the names of all boards."""
    return tuple(sorted(path.parent.name for path in boards_dir().glob("*/board.toml")))


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
        folder = boards_dir() / facts.pop("sources", name)
        return Board(**{**facts, "memory": Memory(**facts["memory"]), "qemu": QemuMachine(**facts["qemu"]), "folder": folder})
    except (KeyError, TypeError, ValueError) as error:
        raise BuildError(f"{path} is malformed: {error}") from error
