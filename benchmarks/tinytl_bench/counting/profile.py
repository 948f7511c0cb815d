# SPDX-License-Identifier: Apache-2.0
"""Counts of translation blocks joined with the disassembly: instructions, classes, functions, modelled cycles.

In: what the plugin wrote and the ELF file that ran. Out: a `Profile` a region. Invariant: every counted instruction is found in the
disassembly, else the file is not the one that ran and nothing is told.
"""

import bisect
import re
import subprocess
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bench.counting.instructions import block_costs

_LINE = re.compile(r"\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)\s*(.*)")


@dataclass(frozen=True)
class BlockCount:
    """One translation block of a region: `executions` times from `pc`, of which `jumps` did not go on to the next address."""

    pc: int
    instructions: int
    executions: int
    jumps: int


@dataclass(frozen=True)
class Profile:
    """Where the instructions of a region went. classes, functions: name → instructions; cycles: Cortex-M4 model."""

    instructions: int
    cycles: int
    classes: dict[str, int]
    functions: dict[str, int]


class MarkLog:
    """What the plugin writes, read mark by mark as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read_new(self) -> list[list[BlockCount]]:
        """Return the marks since the last call, each with the blocks that ran between the mark before it and itself."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            written = file.read()
            self._offset = file.tell()
        marks: list[list[BlockCount]] = []
        for line in written.decode("ascii").splitlines():
            first, *rest = line.split()
            if first == "M":
                marks.append([])
            else:
                marks[-1].append(BlockCount(int(first, 16), *(int(number) for number in rest)))
        return marks


class Disassembly:
    """Instructions and function names of an ELF file.

    Raises:
        BenchError: objdump or nm is missing, or does not read the file.
    """

    def __init__(self, elf: Path) -> None:
        self._elf = elf
        self._code: dict[int, tuple[str, str, int]] = {}
        for line in _tool("arm-none-eabi-objdump", "-d", str(elf)).splitlines():
            match = _LINE.match(line)
            if match and not match.group(3).startswith("."):
                size = len(match.group(2).replace(" ", "")) // 2
                self._code[int(match.group(1), 16)] = (match.group(3), match.group(4), size)
        symbols = (line.split(" ", 2) for line in _tool("arm-none-eabi-nm", "-n", "--defined-only", str(elf)).splitlines())
        self._functions = sorted(
            (int(address, 16) & ~1, name) for address, kind, name in symbols if kind in "tT" and not name.startswith("$")
        )
        self._starts = [address for address, _ in self._functions]

    def block(self, pc: int, count: int) -> list[tuple[str, str]]:
        """Return mnemonic and operands of `count` instructions from `pc` on.

        Raises:
            BenchError: there is no instruction at one of the addresses.
        """
        instructions = []
        for _ in range(count):
            if pc not in self._code:
                raise BenchError(f"an instruction at {pc:#010x} was counted; {self._elf.name} has none there", expected="the file that ran")
            mnemonic, operands, size = self._code[pc]
            instructions.append((mnemonic, operands))
            pc += size
        return instructions

    def function(self, pc: int) -> str:
        """Return the name of the function that `pc` lies in."""
        index = bisect.bisect_right(self._starts, pc) - 1
        return self._functions[index][1] if index >= 0 else "?"


def profile(blocks: Sequence[BlockCount], code: Disassembly) -> Profile:
    """Add up a region's blocks."""
    classes: Tally[str] = Tally()
    functions: Tally[str] = Tally()
    instructions = cycles = 0
    for block in blocks:
        costs = block_costs(code.block(block.pc, block.instructions))
        instructions += block.instructions * block.executions
        cycles += sum(cost.cycles for cost in costs) * block.executions + costs[-1].taken * block.jumps
        functions[code.function(block.pc)] += block.instructions * block.executions
        for cost in costs:
            classes[cost.kind] += block.executions
    return Profile(instructions, cycles, dict(classes.most_common()), dict(functions.most_common()))


def _tool(name: str, *arguments: str) -> str:
    try:
        return subprocess.run([name, *arguments], capture_output=True, text=True, check=True).stdout
    except OSError as error:
        raise BenchError(
            f"{name} was not found", expected="GNU binutils for Arm", hint="sudo apt-get install -y binutils-arm-none-eabi"
        ) from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{name} failed: {error.stderr.strip()[:300]}", hint="tinytl doctor") from error
