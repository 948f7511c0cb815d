# SPDX-License-Identifier: Apache-2.0
"""Calls to an agent over the stream that carries its session: a JSON question, a JSON answer; files in pieces (SPEC.md section 5.2).

In: the name of a call with its fields, or a file. Out: what the agent answers. The stream loses nothing, so nothing is sent twice.
"""

import hashlib
import json
import secrets
import struct
import time
from typing import Any

from tinytl.errors import DeviceError
from tinytl.progress import Progress
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.link import LONGEST_RUN_BYTES, Stream
from tinytl_bridge.wire.protocol import Frame

CALL, DATA = 0x60, 0x61
PIECE_BYTES = 8192
MOST_ANSWER_BYTES = 16 << 20
_OFFSET = struct.Struct("<I")
_READ_S = 0.5
_VERSIONS = "bring tinytl on both sides to one version"


class AgentLink:
    """Calls over a stream, one at a time.

    Args:
        stream: to an agent; a device that is none answers no call.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream, self._number, self._waiting = stream, secrets.randbelow(2**32), bytearray()

    def call(self, name: str, *, timeout_s: float = 30.0, **fields: Any) -> dict[str, Any]:
        """Ask the agent.

        Args:
            name: of the call. timeout_s: until no answer is an error. fields: what JSON knows.

        Raises:
            DeviceError: what the agent refused, in its words; or it does not answer.
        """
        answer = self._exchange(CALL, json.dumps({"call": name, **fields}).encode(), timeout_s, name)
        return _result(self._whole(answer.payload), name)

    def _whole(self, payload: bytes) -> bytes:
        """Return an answer that no frame holds, fetched piece by piece; any other as it is."""
        document = _object(payload)
        if set(document) != {"bytes"}:
            return payload
        size, text = document["bytes"], ""
        if not isinstance(size, int) or size > MOST_ANSWER_BYTES:
            raise DeviceError(f"an answer of {size!r} bytes of the agent", expected=f"at most {MOST_ANSWER_BYTES:,}", hint=_VERSIONS)
        while len(text) < size:
            request = {"call": "rest", "offset": len(text)}
            piece = _result(self._exchange(CALL, json.dumps(request).encode(), 30.0, "rest").payload, "rest").get("piece")
            if not isinstance(piece, str) or not piece:
                raise DeviceError("a long answer of the agent ends early", expected=f"{size:,} bytes", hint="try again")
            text += piece
        return text.encode()

    def send_file(self, name: str, data: bytes, *, progress: Progress) -> None:
        """Have the agent keep a file.

        Args:
            name: that the agent knows it by. data: its bytes. progress: told of bytes sent.

        Raises:
            DeviceError: the agent refused it; it keeps the one before.
        """
        self.call("file-begin", file=name, bytes=len(data))
        for offset in range(0, len(data), PIECE_BYTES):
            answer = self._exchange(DATA, _OFFSET.pack(offset) + data[offset : offset + PIECE_BYTES], 30.0, name)
            if answer.type == protocol.ANSWER | CALL:
                _result(answer.payload, name)
            progress(f"send {name}", min(offset + PIECE_BYTES, len(data)), len(data))
        self.call("file-end", sha256=hashlib.sha256(data).hexdigest(), timeout_s=60.0)

    def _exchange(self, kind: int, payload: bytes, timeout_s: float, name: str) -> Frame:
        self._number = (self._number + 1) % 2**32
        self._stream.write(protocol.encode(Frame(kind, 0, self._number, payload)))
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            run, delimiter, rest = self._waiting.partition(b"\0")
            if not delimiter:
                self._waiting += self._stream.read(_READ_S)
                if len(self._waiting) > LONGEST_RUN_BYTES and b"\0" not in self._waiting:
                    self._waiting.clear()
                continue
            self._waiting = rest
            frame = protocol.decode(bytes(run)) if run else None
            if frame is None or frame.session != self._number:
                continue  # a late answer to the session's own commands
            if frame.type == protocol.ERROR:
                raise DeviceError(f"this device knows no call {name!r}", expected="tinytl's agent", hint="`tinytl agent` runs one on Linux")
            return frame
        raise DeviceError(f"the agent does not answer {name!r} within {timeout_s:g} s", hint="what does its log say?")


def _result(payload: bytes, name: str) -> dict[str, Any]:
    document = _object(payload)
    error, result = document.get("error"), document.get("result")
    if isinstance(error, dict):
        raise DeviceError(str(error.get("what")), expected=str(error.get("expected", "")), hint=str(error.get("hint", "")))
    if not isinstance(result, dict):
        raise DeviceError(f"the agent's answer to {name!r} is {payload[:40]!r}", expected="a JSON object", hint="is it of this version?")
    return result


def _object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload, an empty one where it is none."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
