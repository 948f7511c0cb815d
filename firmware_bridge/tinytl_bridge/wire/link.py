# SPDX-License-Identifier: Apache-2.0
"""Commands over a stream of bytes that may lose, damage or repeat some: each is executed once and answered, or an error says why not.

In: command and payload. Out: the answer's payload. One command is outstanding; a timeout sends the same frame again, and the
device answers a frame that it has executed already with the same bytes.
"""

import secrets
import time
from typing import Protocol

from tinytl.errors import DeviceError
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command, Frame
from tinytl_bridge.wire.statuses import status_name, status_text


class Stream(Protocol):
    """Bytes to and from a device."""

    def write(self, data: bytes) -> None:
        """Send all bytes."""

    def read(self, timeout_s: float) -> bytes:
        """Return the bytes that are there, waiting at most so long for the first; b"" if none came."""

    def close(self) -> None:
        """Give the connection back."""


class Refusal(DeviceError):
    """The device refused a command: the runtime's status by name, with its two numbers."""

    def __init__(self, status: str, text: str, *, got: int, wanted: int, hint: str = "") -> None:
        """Make the refusal's text.

        Args:
            status: name of the runtime's status. text: that status in words. got, wanted: its two numbers. hint: what to do next.
        """
        super().__init__(f"the device refused: {text}", hint=hint)
        self.status, self.got, self.wanted = status, got, wanted


_HINTS = {
    "no_model": "tinytl flash BUNDLE, with the same --target",
    "no_head": "flash a bundle; a plain .tflite has nothing to train",
    "arena_too_small": "tinytl inspect BUNDLE shows what needs how much; a smaller model, plan or --replay-buffer-bytes fits",
    "slot_too_small": "tinytl inspect BUNDLE shows what needs how much; fewer --replay-samples make it smaller",
    "bad_family": "compile for a family of this device: tinytl info",
    "bad_version": "update the firmware or tinytl, so that both are of one version",
    "nothing_saved": "tinytl rollback --to factory",
    "no_room": "tinytl export --class-capacity N reserves rows for more classes",
    "frozen_rows": "a freeze plan that trains the last layer's weights, such as last-dense",
    "no_guard": "tinytl export --guard-buffer-bytes 8192 makes a bundle with one",
    "store_failed": "what was saved before is kept; on an agent: is its disk full? Its log says why",
    "diverged": "a smaller --learning-rate at export; tinytl rollback goes back",
}

_MOST_PATIENCE = 4
_ERROR_BYTES = 12
LONGEST_RUN_BYTES = 20_000
"""Of a frame on the wire, and more: without a zero for so long, what comes is noise."""
MOST_HEARD_BYTES = 512 << 10
"""Heard while one command waits for its answer: more than any repeats make."""


class Link:
    """The host's side of a session.

    Args:
        stream: to the device. timeout_s: until a command is repeated; doubles from try to try, up to 4 times as long.
        retries: repetitions before giving up.

    Attributes:
        repeated: frames sent again so far.
    """

    def __init__(self, stream: Stream, *, timeout_s: float = 1.0, retries: int = 8) -> None:
        self._stream, self._timeout_s, self._retries = stream, timeout_s, retries
        self._session, self._sequence, self._waiting, self._heard = 0, 0, bytearray(), 0
        self.repeated = 0

    def open(self) -> bytes:
        """Open a session; returns the answer to HELLO."""
        self._session, self._sequence = secrets.randbelow(2**32 - 1) + 1, 0
        return self._exchange(Frame(Command.HELLO, 0, self._session), self._retries + 1)

    def command(self, command: Command, payload: bytes = b"", *, takes_long: bool = False) -> bytes:
        """Have one command executed.

        Args:
            command: what is asked. payload: of its frame, as SPEC.md section 3 has it.
            takes_long: the device may be busy for longer than the timeout; gives it as many tries again. A command that is repeated
                meanwhile does no harm: it is answered again, not executed again.

        Raises:
            Refusal: the device refused it. DeviceError: no answer, or the device restarted in the meantime.
        """
        self._sequence = (self._sequence + 1) & 0xFFFF
        tries = (self._retries + 1) * (2 if takes_long else 1)
        return self._exchange(Frame(command, self._sequence, self._session, payload), tries)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _exchange(self, frame: Frame, tries: int) -> bytes:
        data, self._heard = protocol.encode(frame), 0
        for attempt in range(tries):
            self.repeated += attempt > 0
            self._stream.write(data)
            answer = self._wait(frame, self._timeout_s * min(2**attempt, _MOST_PATIENCE))
            if answer is not None:
                return self._payload(answer, frame)
        raise DeviceError(
            f"the device does not answer {Command(frame.type).name} ({tries} tries)",
            hint="is it powered and does it run tinytl's firmware? `tinytl doctor` looks at the rest",
        )

    def _wait(self, sent: Frame, timeout_s: float) -> Frame | None:
        deadline = time.monotonic() + timeout_s
        while True:
            run, delimiter, rest = self._waiting.partition(b"\0")
            if not delimiter:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._hear(self._stream.read(left), sent)
                continue
            self._waiting = rest
            frame = protocol.decode(bytes(run)) if run else None
            if frame is not None and self._answers(frame, sent):
                return frame

    def _hear(self, data: bytes, sent: Frame) -> None:
        """Keep what came, within bounds.

        Raises:
            DeviceError: bytes without end, and no answer among them.
        """
        self._heard += len(data)
        if self._heard > MOST_HEARD_BYTES:
            raise DeviceError(
                f"the device sends without end: {self._heard:,} bytes, and no answer to {Command(sent.type).name}",
                expected=f"an answer within {MOST_HEARD_BYTES:,}", hint="does it run tinytl's firmware, and is the baud rate right?",
            )  # fmt: skip
        self._waiting += data
        if len(self._waiting) > LONGEST_RUN_BYTES and b"\0" not in self._waiting:
            self._waiting.clear()

    def _answers(self, frame: Frame, sent: Frame) -> bool:
        expected = frame.type in (protocol.ERROR, protocol.ANSWER | sent.type)
        return expected and frame.sequence == sent.sequence and frame.session == sent.session

    def _payload(self, answer: Frame, sent: Frame) -> bytes:
        if answer.type != protocol.ERROR:
            return answer.payload
        if len(answer.payload) != _ERROR_BYTES:
            raise DeviceError(
                f"the error that {Command(sent.type).name} is answered with has {len(answer.payload)} bytes", expected=str(_ERROR_BYTES),
                hint="the firmware is of another version",
            )  # fmt: skip
        status, got, wanted = (int.from_bytes(answer.payload[a:b], "little") for a, b in ((0, 2), (4, 8), (8, 12)))
        name = status_name(status)
        if name == "no_session" and wanted:
            raise DeviceError(
                f"another program opened a session with the device before {Command(sent.type).name}",
                hint="one program at a time: close the other and connect again; what was learned is still there",
            )
        if name == "no_session":
            raise DeviceError(
                f"the device restarted before {Command(sent.type).name}: what it learned since its last save is gone",
                hint="connect again; teach again from the last save on",
            )
        raise Refusal(name, status_text(status, got, wanted), got=got, wanted=wanted, hint=_HINTS.get(name, ""))
