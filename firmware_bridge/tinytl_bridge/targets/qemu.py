# SPDX-License-Identifier: Apache-2.0
"""A board in QEMU: non-volatile memory, mailbox and a ring of frames in a file that both sides map, and an emulated UART.

The UART is one end of a socket pair, handed over by its descriptor: nobody listens, nobody else can connect. Frames travel in the ring,
with the UART as doorbell, or over the UART alone.
"""

import math
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl_bridge.firmware.boards import RING_BYTES, Board, load_board
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.targets.base import Target
from tinytl_bridge.targets.child_process import die_with_parent
from tinytl_bridge.targets.memory_file import MemoryFile
from tinytl_bridge.targets.ring import RingStream, choose_ring
from tinytl_bridge.targets.state_folder import state_folder
from tinytl_bridge.wire.link import Stream

LINKS = ("ring", "uart")

PROGRAM = "qemu-system-arm"
_START_TIMEOUT_S = 20.0
_EXIT_TIMEOUT_S = 10.0
_LONGEST_WAIT_S = 60.0
_USUAL = (": info: ", "warning: nic ")


class _SocketStream:
    def __init__(self, connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        self._connection, self._process = connection, process
        self._answered = False

    def write(self, data: bytes) -> None:
        try:
            self._connection.settimeout(_START_TIMEOUT_S)
            self._connection.sendall(data)
        except OSError as error:
            raise self._ended() from error

    def read(self, timeout_s: float) -> bytes:
        try:
            if not select.select([self._connection], [], [], min(max(timeout_s, 0), _LONGEST_WAIT_S))[0]:
                return b""
            data = self._connection.recv(65536)
        except OSError as error:
            raise self._ended() from error
        if not data:
            raise self._ended()
        self._answered = True
        return data

    def close(self) -> None:
        self._connection.close()

    def _ended(self) -> DeviceError:
        """Return what happened, in QEMU's words: the stream ends a little before the process does, so its exit is waited for."""
        try:
            code = self._process.wait(timeout=_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return DeviceError("the emulator closed the UART and runs on", hint="connect again; the last save is kept")
        stderr = self._process.stderr
        said = _complaints(stderr.read().decode(errors="replace")) if stderr and not stderr.closed else ""
        text = f"(exit code {code})" + (f": {said[-300:]}" if said else "")
        if self._answered:
            return DeviceError(f"the emulator ended {text}", hint="connect again; the last save is kept")
        return DeviceError(f"QEMU ended before the device answered {text}", hint="qemu-system-arm --version; 7.2 or newer is known to work")


def _complaints(stderr: str) -> str:
    """Leave out what QEMU says at every start: that it waited for us, and what the machine lacks that nobody uses."""
    return "\n".join(line for line in stderr.strip().splitlines() if not any(usual in line for usual in _USUAL))


class QemuTarget(Target):
    """A board in QEMU.

    Args:
        board: name of a folder of `boards/`. state_dir: folder of its non-volatile memory.
        extra_arguments: more arguments for QEMU, such as a counting plugin.
        link: where frames travel: `ring`, which loses nothing, so that an answer is waited for as long as the emulator lives; or `uart`.

    Raises:
        BuildError: there is no such board. DeviceError: there is no such link.
    """

    def __init__(self, board: str, *, state_dir: Path | None = None, extra_arguments: Sequence[str] = (), link: str = "ring") -> None:
        self.board: Board = load_board(board)
        if link not in LINKS:
            raise DeviceError(f"link {link!r} of an emulated board is unknown", expected=", ".join(LINKS), hint=f"qemu:{board}?link=uart")
        self.name = f"qemu:{board}" + ("" if link == "ring" else f"?link={link}")
        self.link, self.timeout_s = link, math.inf if link == "ring" else 2.0
        self._arguments = tuple(extra_arguments)
        path, qemu = state_folder(state_dir) / f"qemu-{board}.nv", self.board.machine
        self._file = MemoryFile(path, qemu.psram_bytes, who=self.name, used=qemu.used_bytes)
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: Stream | None = None

    def start(self) -> Stream:
        """Build the firmware if need be and start the emulator.

        Raises:
            DeviceError: QEMU is missing; that it ended at once is told by the stream. BuildError: no firmware.
        """
        program = shutil.which(PROGRAM)
        if program is None:
            raise DeviceError(f"{PROGRAM} was not found", expected="QEMU in the PATH", hint="sudo apt-get install -y qemu-system-arm")
        firmware = build_firmware(self.board.name)
        self._file.open()
        try:
            self._stream = self._launch(program, firmware.elf)
        except BaseException:
            self.stop()
            raise
        return self._stream

    def _launch(self, program: str, elf: Path) -> Stream:
        """Start QEMU with one end of a socket pair. A QEMU that ends at once is found by the first read, which tells why."""
        ring = self._part(self.board.machine.ring_offset, RING_BYTES)
        choose_ring(ring, chosen=self.link == "ring")
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [program, *self._machine(elf, theirs.fileno())], pass_fds=[theirs.fileno()], preexec_fn=die_with_parent, process_group=0,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        uart = _SocketStream(ours, self._process)
        return RingStream(ring, uart) if self.link == "ring" else uart

    def _machine(self, elf: Path, descriptor: int) -> list[str]:
        qemu = self.board.machine
        chardev = f"socket,id=uart0,fd={descriptor}"
        memory = f"memory-backend-file,id=nv,size={qemu.psram_bytes},mem-path={self._file.path},share=on"
        return ["-machine", f"{qemu.machine},memory-backend=nv", "-object", memory, "-kernel", str(elf), "-chardev", chardev,
                "-serial", "chardev:uart0", "-nodefaults", "-display", "none", "-monitor", "none", *self._arguments]  # fmt: skip

    def stop(self) -> None:
        """Stop the emulator at once, as a power cut does; asks nobody."""
        self._end(signal.SIGKILL)

    def quit(self) -> None:
        """Stop the emulator so that its plugins can write what they counted."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stderr:
                self._process.stderr.close()
            self._process = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._file.close()

    def mailbox(self) -> memoryview | None:
        """Return the part of the board's PSRAM that is the mailbox."""
        qemu = self.board.machine
        return self._part(qemu.mailbox_offset, qemu.mailbox_bytes) if self._file.view is not None else None

    def _part(self, start: int, size: int) -> memoryview:
        view = self._file.view
        if view is None:
            raise DeviceError(f"the memory of {self.name!r} is not mapped", expected="a started target")
        return memoryview(view)[start : start + size]
