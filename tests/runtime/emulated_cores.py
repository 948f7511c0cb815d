# SPDX-License-Identifier: Apache-2.0
"""Cores that QEMU runs, with compiler and linker flags of a bare program on each: text goes to the console, `main` ends it."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_STARTUP = Path(__file__).resolve().parents[1] / "learn/firmware"
_STDIO = Path(__file__).parent / "cores/stdio_console.c"
_ARM_LINK = ("-nostartfiles", "-T", str(_STARTUP / "mps2.ld"))
_PICOLIBC = ("--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted")
_VIRT = {"__flash": 0x80000000, "__flash_size": 0x400000, "__ram": 0x80400000, "__ram_size": 0x400000}


@dataclass(frozen=True)
class Core:
    """One core.

    Attributes:
        compiler, flags: of each file. link: further flags. console: its console's sources.
        emulator: program and machine; empty for this machine itself.
        trial_address: where a loader may put data. arena_bytes: that it has room for.
    """

    compiler: str
    flags: tuple[str, ...]
    link: tuple[str, ...]
    console: Path
    emulator: tuple[str, ...]
    trial_address: int = 0
    arena_bytes: int = 128 * 1024

    def build(self, sources: Sequence[Path], include: Sequence[Path], output: Path, *more: str) -> Path:
        """Compile and link a program; skip the test where a tool is missing. more: flags for all but the console."""
        for program in (self.compiler, *self.emulator[:1]):
            if shutil.which(program) is None:
                pytest.skip(f"needs {program}")
        if _PICOLIBC[0] in self.flags and not _found(self.compiler, "picolibc.specs"):
            pytest.skip("needs picolibc-riscv64-unknown-elf")
        console = output.with_suffix(".o")
        places = (f"-DTRIAL_ADDRESS={self.trial_address:#x}u", f"-DARENA_BYTES={self.arena_bytes}u")
        flags = [self.compiler, *self.flags, *places, "-std=c99", "-ffp-contract=off", "-ffunction-sections", f"-I{_STARTUP}"]
        end = [str(console), *self.link, "-Wl,--gc-sections", "-lm", "-o", str(output)]
        _run([*flags, "-c", str(self.console), "-o", str(console)])
        _run([*flags, *more, *(f"-I{path}" for path in include), *map(str, sources), *end])
        return output

    def command(self, program: Path, trial: Path | None = None) -> list[str]:
        """Return the command that runs a program. trial: file for the loader."""
        if not self.emulator:
            return [str(program)]
        quiet = ["-display", "none", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
        loader = ["-device", f"loader,file={trial},addr={self.trial_address:#x},force-raw=on"] if trial else []
        return [*self.emulator, "-kernel", str(program), *loader, *quiet]

    def lines(self, program: Path, trial: Path | None = None) -> list[str]:
        """Run a program; return what it printed."""
        ran = subprocess.run(self.command(program, trial), capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return [line.strip() for line in (ran.stdout + ran.stderr).splitlines()]


def _found(compiler: str, name: str) -> bool:
    """A compiler answers with the bare name where it has no such file."""
    return subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip() != name


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr


def _arm(machine: str, *flags: str, link: tuple[str, ...] = (), trial: int = 0x21000000, arena: int = 128 * 1024) -> Core:
    emulator = ("qemu-system-arm", "-machine", machine)
    return Core("arm-none-eabi-gcc", (*flags, "-mthumb", "-O2"), (*_ARM_LINK, *link), _STARTUP / "startup.c", emulator, trial, arena)


HOST = Core("gcc", ("-O2",), (), _STDIO, ())
CORTEX_M4F = _arm("mps2-an386", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
CORTEX_M55 = _arm("mps3-an547", "-mcpu=cortex-m55", "-mfloat-abi=hard", trial=0x60000000)
CORTEX_M0 = _arm("microbit", "-mcpu=cortex-m0", link=("-Wl,--defsym=ram_bytes=16384",), trial=0x10000, arena=12 * 1024)
"""With the nRF51's 16 KB of RAM; trials lie in its 256 KB of flash, 64 KB from its start."""
CORTEX_M0_WIDE = _arm("mps2-an385", "-mcpu=cortex-m0")
"""Code for a Cortex-M0 on a Cortex-M3, which runs all of it: for what does not fit 16 KB."""
RISCV32 = Core(
    "riscv64-unknown-elf-gcc",
    ("-march=rv32imac", "-mabi=ilp32", "-O2", *_PICOLIBC),
    tuple(f"-Wl,--defsym={name}={value:#x}" for name, value in _VIRT.items()),
    _STDIO,
    ("qemu-system-riscv32", "-machine", "virt", "-bios", "none"),
    0x81000000,
)
