# SPDX-License-Identifier: Apache-2.0
"""Counts of translation blocks joined with the disassembly: instructions, classes, functions, modelled cycles."""

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


class Disassembly:
    """Instructions and function names of an ELF file."""

    def __init__(self, elf: Path) -> None:
        self._code: dict[int, tuple[str, str, int]] = {}
        for line in _tool("arm-none-eabi-objdump", "-d", str(elf)).splitlines():
            found = _LINE.match(line)
            if found and not found.group(3).startswith("."):
                size = len(found.group(2).replace(" ", "")) // 2
                self._code[int(found.group(1), 16)] = (found.group(3), found.group(4), size)
        self._functions = sorted(
            (int(address, 16) & ~1, name)
            for address, kind, name in (
                line.split(" ", 2) for line in _tool("arm-none-eabi-nm", "-n", "--defined-only", str(elf)).splitlines()
            )
            if kind in "tT" and not name.startswith("$")
        )
        self._starts = [address for address, _ in self._functions]

    def block(self, pc: int, count: int) -> list[tuple[str, str]]:
        """Return mnemonic and operands of `count` instructions from `pc` on."""
        found = []
        for _ in range(count):
            mnemonic, operands, size = self._code.get(pc, ("?", "", 2))
            found.append((mnemonic, operands))
            pc += size
        return found

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
        cycles += sum(each.cycles for each in costs) * block.executions + costs[-1].taken * block.jumps
        functions[code.function(block.pc)] += block.instructions * block.executions
        for each in costs:
            classes[each.kind] += block.executions
    return Profile(instructions, cycles, dict(classes.most_common()), dict(functions.most_common()))


def _tool(name: str, *arguments: str) -> str:
    try:
        return subprocess.run([name, *arguments], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{name} failed: {error}", hint="sudo apt-get install -y binutils-arm-none-eabi") from error
