# SPDX-License-Identifier: Apache-2.0
"""What an agent answers itself, before its C session sees it: facts of the machine, files that came with a model, measurements.

In: frames of type CALL, whose payload is a JSON object with the name of a call, and of type DATA, bytes of a file. Out: frames of the same
type plus 0x80. A microcontroller answers these types with `bad_command`. SPEC.md section 5.2 has the calls.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from tinytl.errors import DeviceError, TinytlError
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.agent_link import CALL, DATA, PIECE_BYTES
from tinytl_bridge.wire.protocol import Frame

CALLS = (CALL, DATA)
MOST_FILE_BYTES = 96 << 20
MOST_REPLY_BYTES = 15_000
"""Of a reply's JSON: one frame holds it."""
_OFFSET = struct.Struct("<I")

Call = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class AgentCalls:
    """The calls by name, and the file that is on its way.

    Args:
        calls: what answers each name. An error of ours that one raises travels to the caller.
        keep: called with a file's name and its bytes once they are whole and their SHA-256 is right.
    """

    def __init__(self, calls: Mapping[str, Call], keep: Callable[[str, bytes], None]) -> None:
        self._calls = {"file-begin": self._begin, "file-end": self._end, "rest": self._rest, **calls}
        self._keep = keep
        self._file, self._expected, self._name = bytearray(), 0, ""
        self._long = b""

    def answer(self, frame: Frame) -> bytes:
        """Return the bytes that answer a frame of type CALL or DATA."""
        try:
            payload = self._data(frame.payload) if frame.type == DATA else self._fitting(_packed(self._called(frame.payload)))
        except TinytlError as error:
            payload = _packed({"error": {"what": error.what, "expected": error.expected, "hint": error.hint}})
            return protocol.encode(Frame(protocol.ANSWER | CALL, frame.sequence, frame.session, payload))
        return protocol.encode(Frame(protocol.ANSWER | frame.type, frame.sequence, frame.session, payload))

    def _called(self, payload: bytes) -> dict[str, Any]:
        try:
            request = json.loads(payload)
        except ValueError:
            request = None
        name = request.get("call") if isinstance(request, dict) else None
        if not isinstance(name, str) or name not in self._calls:
            raise DeviceError(
                f"the agent knows no call {name!r}", expected=", ".join(sorted(self._calls)), hint="both sides need the same tinytl"
            )
        return {"result": dict(self._calls[name](request))}

    def _fitting(self, answer: bytes) -> bytes:
        """Return an answer as it is, or, where no frame holds it, how long it is: it is fetched by `rest` then."""
        if len(answer) <= MOST_REPLY_BYTES:
            return answer
        self._long = answer
        return _packed({"bytes": len(answer)})

    def _rest(self, request: Mapping[str, Any]) -> dict[str, Any]:
        offset = request.get("offset")
        if not isinstance(offset, int) or not 0 <= offset < len(self._long):
            raise DeviceError(f"bytes {offset!r} on of an answer of {len(self._long):,}", expected="some that there are")
        return {"piece": self._long[offset : offset + PIECE_BYTES].decode("ascii")}

    def _begin(self, request: Mapping[str, Any]) -> dict[str, Any]:
        size, name = request.get("bytes"), request.get("file")
        if not isinstance(size, int) or not 0 < size <= MOST_FILE_BYTES or not isinstance(name, str):
            raise DeviceError(f"file {name!r} of {size!r} bytes", expected=f"a name, and 1 to {MOST_FILE_BYTES:,} bytes")
        self._file, self._expected, self._name = bytearray(), size, name
        return {}

    def _data(self, payload: bytes) -> bytes:
        offset = _OFFSET.unpack_from(payload)[0] if len(payload) >= _OFFSET.size else -1
        piece = payload[_OFFSET.size :]
        if offset + len(piece) > self._expected or offset > len(self._file):
            raise DeviceError(f"bytes {offset} on of file {self._name!r}", expected=f"{len(self._file)} on, {self._expected} in all")
        if offset == len(self._file):  # a piece that came before is not taken twice
            self._file += piece
        return _OFFSET.pack(len(self._file))

    def _end(self, request: Mapping[str, Any]) -> dict[str, Any]:
        data, self._file, expected, self._expected = bytes(self._file), bytearray(), self._expected, 0
        found = hashlib.sha256(data).hexdigest()
        if len(data) != expected or not data or found != request.get("sha256"):
            raise DeviceError(
                f"file {self._name!r} arrived with {len(data):,} bytes and SHA-256 {found[:12]}…",
                expected=f"{expected:,} bytes, {str(request.get('sha256'))[:12]}…", hint="send it again",
            )  # fmt: skip
        self._keep(self._name, data)
        return {"sha256": found}


def _packed(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
