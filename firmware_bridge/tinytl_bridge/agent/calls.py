# SPDX-License-Identifier: Apache-2.0
"""What an agent answers itself, before its C session sees it: facts of the machine, files that came with a model, measurements.

In: frames of type CALL, whose payload is a JSON object with the name of a call, and of type DATA, bytes of a file. Out: frames of the same
type plus 0x80. A microcontroller answers these types with `bad_command`. SPEC.md section 5.2 has the calls. One file is on its way at a
time; what a sender left behind goes with it.
"""

import hashlib
import json
import logging
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from tinytl.errors import DeviceError, TinytlError
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.agent_link import CALL, DATA, PIECE_BYTES
from tinytl_bridge.wire.protocol import Frame

CALLS = (CALL, DATA)
MOST_FILE_BYTES = 96 << 20
MOST_REPLY_BYTES = 15_000
"""Of a reply's JSON: one frame holds it."""
_MOST_WORDS = 800
"""Characters of each part of an error; JSON makes up to twelve bytes of one."""
_OFFSET = struct.Struct("<I")

ALWAYS = ("about", "rest")
"""Calls that change nothing: they are answered while another program holds the session."""

log = logging.getLogger("tinytl.agent")
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
        self._asking: object = None  # whose frame is answered: all of this runs in one thread
        self._sender: object = None  # whose file is on its way
        self._file, self._expected, self._name = bytearray(), 0, ""
        self._long: dict[object, bytes] = {}

    def answer(self, frame: Frame, sender: object, *, is_taken: bool = False) -> bytes:
        """Return the bytes that answer a frame of type CALL or DATA.

        Args:
            frame: the question. sender: who asks, by identity. is_taken: whether another one holds the session; then only `ALWAYS` are
                answered, and the rest refused.
        """
        self._asking = sender
        kind = frame.type
        try:
            payload = self._data(frame.payload) if kind == DATA else self._fitting(_packed(self._called(frame.payload, is_taken)))
        except TinytlError as error:
            kind, payload = CALL, _refused(error.what, error.expected, error.hint)
        except Exception as error:  # a fault of ours costs this answer, not the connection
            log.exception("a call failed")
            kind, payload = CALL, _refused(f"the agent failed: {type(error).__name__}: {error}", "", "its log has more")
        return protocol.encode(Frame(protocol.ANSWER | kind, frame.sequence, frame.session, payload))

    def leave(self, sender: object) -> None:
        """Forget what belongs to a sender that is gone: half a file, a long answer."""
        self._long.pop(sender, None)
        if self._sender is sender:
            self._forget_file()

    def _called(self, payload: bytes, is_taken: bool) -> dict[str, Any]:
        try:
            request = json.loads(payload)
        except (ValueError, RecursionError):
            request = None
        name = request.get("call") if isinstance(request, dict) else None
        if not isinstance(name, str) or name not in self._calls:
            raise DeviceError(
                f"the agent knows no call {name!r}", expected=", ".join(sorted(self._calls)), hint="both sides need the same tinytl"
            )
        if is_taken and name not in ALWAYS:
            raise DeviceError(f"another program holds the agent's session, so {name!r} waits", hint="try again once that program is done")
        return {"result": dict(self._calls[name](request))}

    def _fitting(self, answer: bytes) -> bytes:
        """Return an answer as it is, or, where no frame holds it, how long it is: it is fetched by `rest` then."""
        if len(answer) <= MOST_REPLY_BYTES:
            return answer
        self._long[self._asking] = answer
        return _packed({"bytes": len(answer)})

    def _rest(self, request: Mapping[str, Any]) -> dict[str, Any]:
        offset, answer = request.get("offset"), self._long.get(self._asking, b"")
        if not _is_whole(offset) or not 0 <= offset < len(answer):
            raise DeviceError(f"bytes {offset!r} on of an answer of {len(answer):,}", expected="some that there are")
        return {"piece": answer[offset : offset + PIECE_BYTES].decode("ascii")}

    def _begin(self, request: Mapping[str, Any]) -> dict[str, Any]:
        size, name = request.get("bytes"), request.get("file")
        if not _is_whole(size) or not 0 < size <= MOST_FILE_BYTES or not isinstance(name, str):
            raise DeviceError(f"file {name!r} of {size!r} bytes", expected=f"a name, and 1 to {MOST_FILE_BYTES:,} bytes")
        self._file, self._expected, self._name, self._sender = bytearray(), size, name, self._asking
        return {}

    def _forget_file(self) -> None:
        self._file, self._expected, self._name, self._sender = bytearray(), 0, "", None

    def _expect_file(self) -> None:
        if self._sender is None or self._sender is not self._asking:
            raise DeviceError("no file of this program is on its way", expected="file-begin before", hint="send it again")

    def _data(self, payload: bytes) -> bytes:
        self._expect_file()
        offset = _OFFSET.unpack_from(payload)[0] if len(payload) >= _OFFSET.size else -1
        piece = payload[_OFFSET.size :]
        if offset < 0 or offset + len(piece) > self._expected or offset > len(self._file):
            raise DeviceError(f"bytes {offset} on of file {self._name!r}", expected=f"{len(self._file)} on, {self._expected} in all")
        if offset == len(self._file):  # a piece that came before is not taken twice
            self._file += piece
        return _OFFSET.pack(len(self._file))

    def _end(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._expect_file()
        data, expected, name = bytes(self._file), self._expected, self._name
        self._forget_file()
        found = hashlib.sha256(data).hexdigest()
        if len(data) != expected or found != request.get("sha256"):
            raise DeviceError(
                f"file {name!r} arrived with {len(data):,} bytes and SHA-256 {found[:12]}…",
                expected=f"{expected:,} bytes, {str(request.get('sha256'))[:12]}…", hint="send it again",
            )  # fmt: skip
        self._keep(name, data)
        return {"sha256": found}


def _is_whole(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _refused(what: str, expected: str, hint: str) -> bytes:
    """Return an error as an answer, short enough for a frame whatever is quoted in it."""
    return _packed({"error": {name: text[:_MOST_WORDS] for name, text in (("what", what), ("expected", expected), ("hint", hint))}})


def _packed(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
