# SPDX-License-Identifier: Apache-2.0
"""An emulated Raspberry Pi: `qemu-pi:cortex-a72`. tinytl's agent, run by the Pi's own Python in QEMU, on a free port of this machine.

In: a processor's name. Out: the stream of the agent's session. The Pi is set up where it is not in the cache yet. Time that passes in
there says nothing about a Pi; instructions do.
"""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tinytl.errors import DeviceError
from tinytl_bridge.emulated_pi.processors import processor_of
from tinytl_bridge.emulated_pi.set_up import set_up
from tinytl_bridge.targets.child_process import die_with_parent
from tinytl_bridge.targets.pi import PiTarget
from tinytl_bridge.targets.state_folder import FOLDER_MODE, state_folder
from tinytl_bridge.wire.link import Stream

_START = "from tinytl_cli import main; main()"
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)\n")
_START_TIMEOUT_S = 180.0
_END_TIMEOUT_S = 5.0
_TOLD_BYTES = 600


class QemuPiTarget(PiTarget):
    """An agent in an emulated Pi.

    Args:
        processor: `cortex-a53`, `cortex-a72` or `cortex-a76`. state_dir: folder that keeps what is flashed and learned there.
        emulator_arguments: more arguments for QEMU, such as a counting plugin.

    Raises:
        DeviceError: no such processor.
    """

    is_emulated = True
    timeout_s = 120.0  # emulated, a large model takes its time; that the Pi ended is told by the stream

    def __init__(self, processor: str, *, state_dir: Path | None = None, emulator_arguments: Sequence[str] = ()) -> None:
        self.processor = processor_of(processor)
        super().__init__("127.0.0.1", name=f"qemu-pi:{processor}", state_dir=state_dir)
        self._folder = state_folder(state_dir) / f"qemu-pi-{processor}"
        self._log = self._folder / "agent.log"
        self._arguments = tuple(emulator_arguments)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Stream:
        """Set the Pi up if need be, start its agent and connect.

        Raises:
            BuildError: the Pi cannot be set up. DeviceError: the agent ended, in its words, or says nothing.
        """
        pi = set_up(self.processor.name)
        self._folder.mkdir(FOLDER_MODE, exist_ok=True)
        command = pi.python("-c", _START, "agent", "--port", "0", "--state", str(self._folder), emulator_arguments=self._arguments)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=pi.environment(dict(os.environ)), preexec_fn=die_with_parent, process_group=0, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        try:
            self._port = self._told_port()
            self._place = f"{self._host}:{self._port}"
            return _PiStream(super().start(), self)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Disconnect and end the emulator, killed if it does not end by itself. What was saved stays."""
        super().stop()
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def ended(self) -> DeviceError | None:
        """Return the error of an emulator that has ended, in its own words; None: it runs."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None
        said = self._log.read_bytes()[-_TOLD_BYTES:].decode(errors="replace").strip()
        return DeviceError(
            f"the emulated Pi ended (exit code {code})" + (f": {said}" if said else ""), hint=f"connect again; its log is {self._log}"
        )

    def _told_port(self) -> int:
        """Wait for the agent's first line, which says where it listens."""
        assert self._process is not None and self._process.stdout is not None
        output, deadline, said = self._process.stdout, time.monotonic() + _START_TIMEOUT_S, b""
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([output], [], [], left)[0]:
                break
            piece = os.read(output.fileno(), 4096)
            if not piece:
                raise self.ended() or DeviceError("the emulated Pi closed its output and runs on", hint=f"its log is {self._log}")
            said += piece
            if match := _LISTENING.match(said.decode(errors="replace")):
                return int(match.group(1))
        raise DeviceError(f"the agent of {self.name!r} did not listen within {_START_TIMEOUT_S:g} s", hint=f"its log is {self._log}")


class _PiStream:
    """The agent's stream; where it breaks because the emulator ended, the error tells that."""

    def __init__(self, stream: Stream, target: QemuPiTarget) -> None:
        self._stream, self._target = stream, target

    def write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except DeviceError as error:
            raise self._target.ended() or error from error

    def read(self, timeout_s: float) -> bytes:
        try:
            return self._stream.read(timeout_s)
        except DeviceError as error:
            raise self._target.ended() or error from error

    def close(self) -> None:
        self._stream.close()
