# SPDX-License-Identifier: Apache-2.0
"""Boards as data: one that nothing emulates is described too, fits and misfits are told, and it is refused as an emulated target."""

import shutil
from pathlib import Path

import pytest

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.errors import BuildError
from tinytl_bridge import connect
from tinytl_bridge.firmware import boards
from tinytl_bridge.firmware.board_fit import expect_fit
from tinytl_bridge.firmware.build import board_definitions, build_firmware

BOARD = """
name = "my-board"
title = "a board on the desk"
cpu = "Cortex-M4F"
family = "dsp"
clock_hz = 64_000_000
compiler_flags = ["-mcpu=cortex-m4", "-mthumb"]
[memory]
ram_bytes = 262_144
firmware_bytes = 262_144
arena_bytes = 196_608
stack_bytes = 8_192
model_slot_bytes = 262_144
head_slot_bytes = 65_536
sector_bytes = 4_096
program_bytes = 4
flash_wait_states = 2
flash_line_bytes = 16
"""


@pytest.fixture
def my_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    copy = tmp_path / "boards"
    shutil.copytree(boards.boards_dir(), copy)
    (copy / "my-board").mkdir()
    (copy / "my-board/board.toml").write_text(BOARD, encoding="utf-8")
    monkeypatch.setattr(boards, "boards_dir", lambda: copy)
    boards.load_board.cache_clear()
    return "my-board"


def test_a_board_without_an_emulator_is_described(my_board: str) -> None:
    board = boards.load_board(my_board)
    assert board.qemu is None and my_board in boards.list_boards()
    assert not [definition for definition in board_definitions(board) if "UART" in definition]
    assert expect_fit(read_bundle(find_bundle("digits")), my_board).data


def test_it_is_no_emulated_target(my_board: str) -> None:
    with pytest.raises(BuildError) as refused:
        connect(f"qemu:{my_board}")
    assert str(refused.value).startswith("board my-board has no [qemu]: nothing emulates it; expected mps2-an385, ")
    assert str(refused.value).endswith("hint: --target serial:PORT")


def test_firmware_without_drivers_is_refused(my_board: str) -> None:
    with pytest.raises(BuildError) as refused:
        build_firmware(my_board)
    assert str(refused.value) == (
        "board my-board has no drivers: no linker script and no C file beside its board.toml\n"
        "hint: PORTING.md tells what to write; sources = \"mps_drivers\" takes those of the emulated boards"
    )  # fmt: skip
