# SPDX-License-Identifier: Apache-2.0
"""Blocks joined with the disassembly: a program of known instructions, assembled here."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tinytl.errors import BenchError
from tinytl_bench.counting.profile import BlockCount, Disassembly, MarkLog, profile

PROGRAM = """
    .syntax unified
    .cpu cortex-m4
    .fpu fpv4-sp-d16
    .thumb
    .thumb_func
dot:
    ldr r0, [r1]         @ pipelined with the next load: 1
    ldr r2, [r3]         @ 2
    smlad r4, r0, r2, r4 @ 1
    subs r5, r5, #1      @ 1
    bne dot              @ 1, 2 more when taken
    .thumb_func
scale:
    vldr s0, [r1]        @ 2
    vmul.f32 s0, s0, s1  @ 1
    vdiv.f32 s0, s0, s2  @ 14
    vstr s0, [r1]        @ 2
    pop {r4, pc}         @ 1 + 2, 2 more for the jump
    .word 0xdeadbeef
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Disassembly:
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("needs arm-none-eabi-gcc")
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.s").write_text(PROGRAM)
    subprocess.run(["arm-none-eabi-gcc", "-c", "program.s", "-o", "program.o"], cwd=folder, check=True)
    subprocess.run(["arm-none-eabi-ld", "-Ttext=0x1000", "-e", "dot", "program.o", "-o", "program.elf"], cwd=folder, check=True)
    return Disassembly(folder / "program.elf")


DOT, SCALE = 0x1000, 0x100C


def test_known_blocks_are_classified_and_costed(code: Disassembly) -> None:
    found = profile([BlockCount(DOT, 5, 10, 9), BlockCount(SCALE, 5, 1, 1)], code)
    assert found.instructions == 55
    assert found.functions == {"dot": 50, "scale": 5}
    assert found.classes == {
        "load": 20, "dual multiply-add": 10, "integer": 10, "branch": 10,
        "float load": 1, "float": 1, "float divide": 1, "float store": 1, "load multiple": 1,
    }  # fmt: skip
    assert found.cycles == 10 * (1 + 2 + 1 + 1 + 1) + 9 * 2 + (2 + 1 + 14 + 2 + 3) + 2


def test_a_block_may_start_in_the_middle(code: Disassembly) -> None:
    found = profile([BlockCount(DOT + 2, 2, 3, 0)], code)
    assert (found.instructions, found.cycles, found.functions) == (6, 3 * (2 + 1), {"dot": 6})


def test_an_address_without_an_instruction_is_refused(code: Disassembly) -> None:
    text = "an instruction at 0x00004000 was counted; program.elf has none there; expected the file that ran"
    with pytest.raises(BenchError, match=text):
        profile([BlockCount(0x4000, 1, 1, 0)], code)


def test_an_elf_that_is_none_is_refused(tmp_path: Path) -> None:
    if not shutil.which("arm-none-eabi-objdump"):
        pytest.skip("needs arm-none-eabi-objdump")
    (tmp_path / "firmware.elf").write_text("no ELF")
    with pytest.raises(BenchError, match=r"(?s)arm-none-eabi-objdump failed: .*format not recognized.*\nhint: tinytl doctor"):
        Disassembly(tmp_path / "firmware.elf")


def test_missing_binutils_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match=r"arm-none-eabi-objdump was not found; .*\nhint: sudo apt-get install -y binutils-arm-none-eabi"):
        Disassembly(tmp_path / "firmware.elf")


def test_marks_are_read_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("M 0\n1000 5 2 1\n")
    log = MarkLog(path)
    assert log.read_new() == [[BlockCount(0x1000, 5, 2, 1)]]
    assert log.read_new() == []
    with path.open("a") as file:
        file.write("M 1\nM 2\n100c 5 1 1\n1002 2 3 0\n")
    assert log.read_new() == [[], [BlockCount(0x100C, 5, 1, 1), BlockCount(0x1002, 2, 3, 0)]]
