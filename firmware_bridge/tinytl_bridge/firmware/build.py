# SPDX-License-Identifier: Apache-2.0
"""Firmware of a board from the runtime's sources: compiled once for every content of the sources, kept in the user's cache.

In: a board. Out: an ELF file with its sizes. A user needs the cross compiler only for this; models change without it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from tinytl.errors import BuildError
from tinytl_bridge.firmware.boards import Board, load_board
from tinytl_bridge.paths import runtime_dir

COMPILER = "arm-none-eabi-gcc"
_INSTALL = "sudo apt-get install -y gcc-arm-none-eabi libnewlib-arm-none-eabi"
_SOURCES = ("ground/*.c", "image/*.c", "kernels/portable/*.c", "learn/*.c", "learn/*/*.c", "link/*.c", "store/*.c")
_FAMILY_SOURCES = {
    "portable": ("kernels/portable_family.c",),
    "mve": ("kernels/mve/*.c", "kernels/mve/armv81m/*.c", "kernels/mve/armv81m/*.S"),
    "dsp": ("kernels/dsp/*.c", "kernels/dsp/armv7em/*.S"),
}
_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic")
# No contraction: fused multiply-adds only where the source says fmaf, which is one VFMA with these flags.
_FLAGS = (
    "-std=c99",
    "-O2",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-tree-loop-distribute-patterns",
)
STACK_PAINT = 0xA5C3A5C3


@dataclass(frozen=True)
class Firmware:
    """A board's firmware.

    Attributes:
        elf: the file that QEMU loads and that is flashed.
        text_bytes: code and constants. data_bytes: initialised data. bss_bytes: cleared data. Arena and stack are not in them.
    """

    board: str
    elf: Path
    text_bytes: int
    data_bytes: int
    bss_bytes: int


def build_firmware(board: str) -> Firmware:
    """Build a board's firmware, or take it from the cache.

    Raises:
        BuildError: unknown board, one without drivers, no cross compiler, or a compile error with its text.
    """
    description = load_board(board)
    if not {".c", ".ld"} <= {path.suffix for path in description.files}:
        raise BuildError(
            f"board {board} has no drivers: no linker script and no C file beside its board.toml",
            hint='PORTING.md tells what to write; sources = "mps_drivers" takes those of the emulated boards',
        )
    compiler = find_compiler()
    folder = _cache() / f"{board}-{_key(description, compiler)}"
    elf = folder / f"{board}.elf"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=300):
        if not elf.exists():
            _compile(description, compiler, elf)
    return _sizes(board, elf)


def find_compiler() -> str:
    """Return the path of the cross compiler.

    Raises:
        BuildError: it is not installed, or has no C library.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise BuildError(f"{COMPILER} was not found", expected="the Arm cross compiler in the PATH", hint=_INSTALL)
    library = subprocess.run([compiler, "-print-file-name=libc.a"], capture_output=True, text=True, check=True).stdout.strip()
    if library == "libc.a":
        raise BuildError(f"{COMPILER} has no C library", expected="newlib", hint=_INSTALL)
    return compiler


def _cache() -> Path:
    folder = os.environ.get("TINYTL_CACHE_DIR")
    return (Path(folder) if folder else user_cache_path("tinytl")) / "firmware"


def _sources(board: Board) -> list[Path]:
    runtime = runtime_dir()
    patterns = (*_SOURCES, *_FAMILY_SOURCES[board.family])
    return [path for pattern in patterns for path in sorted(runtime.glob(pattern))] + [path for path in board.files if path.suffix == ".c"]


def _key(board: Board, compiler: str) -> str:
    digest = hashlib.sha256(subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout)
    facts = replace(board, folder=Path(board.folder.name), shared=Path(board.shared.name))  # where the sources lie must not matter
    digest.update(repr((_FLAGS, _FAMILY_SOURCES, _WARNINGS, STACK_PAINT, facts)).encode())
    root = runtime_dir()
    for path in (*sorted(path for path in root.rglob("*") if path.is_file()), *board.files):
        name = path.relative_to(root).as_posix() if root in path.parents else path.name
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def board_definitions(board: Board) -> list[str]:
    """Preprocessor definitions that a board's own C files ask for: sizes, addresses and the name of `board`."""
    memory, qemu = board.memory, board.qemu
    numbers = {
        "ARENA_BYTES": memory.arena_bytes, "MODEL_SLOT_BYTES": memory.model_slot_bytes, "HEAD_SLOT_BYTES": memory.head_slot_bytes,
        "SECTOR_BYTES": memory.sector_bytes, "PROGRAM_BYTES": memory.program_bytes, "CLOCK_HZ": board.clock_hz, "STACK_PAINT": STACK_PAINT,
    }  # fmt: skip
    if qemu is not None:
        numbers |= {
            "TICK_HZ": qemu.tick_hz, "NV_ADDRESS": qemu.psram_address, "MAILBOX_OFFSET": qemu.mailbox_offset,
            "MAILBOX_BYTES": qemu.mailbox_bytes, "RING_OFFSET": qemu.ring_offset, "UART_ADDRESS": qemu.uart_address,
            "UART_INTERRUPT": qemu.uart_interrupt,
        }  # fmt: skip
    return [f"-DBOARD_{name}={value}u" for name, value in numbers.items()] + [f'-DBOARD_NAME="{board.name}"']


def _compile(board: Board, compiler: str, elf: Path) -> None:
    runtime = runtime_dir()
    with tempfile.TemporaryDirectory(dir=elf.parent) as scratch:
        objects = []
        for number, source in enumerate(_sources(board)):
            object_file = Path(scratch) / f"{number}.o"
            # A board's own files use GNU extensions (naked functions, section attributes); the runtime's are strict C99.
            warnings = _WARNINGS if runtime in source.parents else ("-Wall", "-Wextra")
            folders = [f"-I{folder}" for folder in (f"{runtime}/include", runtime, board.shared)]
            _run([compiler, *board.compiler_flags, *_FLAGS, *warnings, *board_definitions(board), *folders,
                  "-c", str(source), "-o", str(object_file)])  # fmt: skip
            objects.append(str(object_file))
        memory = board.memory
        symbols = [f"-Wl,--defsym={name}={getattr(memory, name)}" for name in ("firmware_bytes", "ram_bytes", "stack_bytes")]
        link_script = next(path for path in board.files if path.suffix == ".ld")
        linked = Path(scratch) / elf.name
        _run([compiler, *board.compiler_flags, "-nostartfiles", *symbols, f"-Wl,-T,{link_script}", "-Wl,--gc-sections",
              "-Wl,--no-warn-rwx-segments", *objects, "-lc", "-lm", "-o", str(linked)])  # fmt: skip
        linked.replace(elf)


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BuildError(f"the firmware does not compile:\n{ran.stderr.strip()[:2000]}", hint="tinytl doctor")


def _sizes(board: str, elf: Path) -> Firmware:
    listed = subprocess.run(["arm-none-eabi-size", "-A", str(elf)], capture_output=True, text=True, check=True).stdout
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)", listed, flags=re.MULTILINE)}
    text = sizes.get(".text", 0) + sizes.get(".ARM.exidx", 0)
    return Firmware(board, elf, text, sizes.get(".data", 0), sizes.get(".bss", 0))
