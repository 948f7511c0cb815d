# SPDX-License-Identifier: Apache-2.0
"""A peer's C on the emulated board: built with tinytl's compiler flags, run once, counted by tinytl's plugin.

In: C sources and an input. Out: the answer's bytes and a `Profile` of the inference. Where tinytl's own firmware is a session behind a
UART, this one is a main of its own: the region between the marks holds the inference and nothing else.
"""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bench.counting.plugin import build_plugin, plugin_refusal
from tinytl_bench.counting.profile import Disassembly, MarkLog, Profile, profile
from tinytl_bridge.firmware.boards import Board, load_board
from tinytl_bridge.firmware.build import board_definitions, find_compiler
from tinytl_bridge.targets.qemu import PROGRAM

_MAIN = Path(__file__).with_name("main.c")
_FLAGS = ("-std=gnu11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-ffunction-sections", "-fdata-sections")
_TIMEOUT_S = 120.0
_MARKS = 2


@dataclass(frozen=True)
class PeerSources:
    """What a peer made of a model: files, where its headers lie, macros; header: the text of peer.h."""

    sources: Sequence[Path]
    include_folders: Sequence[Path]
    definitions: Sequence[str]
    header: str


def count_firmware(made: PeerSources, *, board: str, output_bytes: int, folder: Path) -> tuple[bytes, Profile]:
    """Build, run and count one inference.

    Args:
        board: whose start code, drivers and memory are used. output_bytes: of the answer. folder: for what is made, empty.

    Raises:
        BenchError: it does not compile, QEMU takes no plugin, or the run does not end.
    """
    refused = plugin_refusal()
    if refused:
        raise BenchError(f"QEMU refuses the counting plugin: {refused}", expected="a plugin: peers have no timer to count by")
    elf = _build(made, load_board(board), folder)
    answer, counts = folder / "answer", folder / "counts"
    command = [PROGRAM, "-machine", load_board(board).machine.machine, "-kernel", str(elf), "-serial", f"file:{answer}", "-nodefaults",
               "-display", "none", "-monitor", "none", "-plugin", f"{build_plugin()},out={counts}"]  # fmt: skip
    _run_until(command, answer, output_bytes)
    marks = MarkLog(counts).read_new()
    if len(marks) != _MARKS:
        raise BenchError(f"{len(marks)} marks were counted", expected=str(_MARKS))
    return answer.read_bytes(), profile(marks[1], Disassembly(elf))


def _build(made: PeerSources, board: Board, folder: Path) -> Path:
    compiler, memory = find_compiler(), board.memory
    (folder / "peer.h").write_text(made.header, encoding="ascii")
    definitions = [*board_definitions(board), *(f"-D{definition}" for definition in made.definitions)]
    includes = [f"-I{include}" for include in (folder, board.shared, *made.include_folders)]
    symbols = [f"-Wl,--defsym={name}={getattr(memory, name)}" for name in ("firmware_bytes", "ram_bytes", "stack_bytes")]
    elf = folder / "peer.elf"
    ours = [board.shared / "startup.c", board.shared / "board.c", board.shared / "ring.c", board.shared / "timer.c", _MAIN]
    command = [compiler, *board.compiler_flags, *_FLAGS, *definitions, *includes, *map(str, (*ours, *made.sources)), "-nostartfiles",
               *symbols, f"-Wl,-T,{board.shared}/link.ld", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-lc", "-lm",
               "-o", str(elf)]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BenchError(f"the peer's firmware does not compile:\n{ran.stderr.strip()[:1000]}", hint="tinytl doctor")
    return elf


def _run_until(command: list[str], answer: Path, output_bytes: int) -> None:
    """Run the emulator until the whole answer is there, then end it so that the plugin's file is complete."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + _TIMEOUT_S
        while not (answer.exists() and answer.stat().st_size >= output_bytes):
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                process.kill()
                said = (process.stderr.read() if process.stderr else "").strip()[-300:]
                reason = f"ended (exit code {process.returncode}): {said}" if ended else f"gave no whole answer in {_TIMEOUT_S:g} s"
                raise BenchError(f"the peer's firmware {reason}", expected=f"{output_bytes} bytes")
            time.sleep(0.02)
        process.terminate()
