# SPDX-License-Identifier: Apache-2.0
"""The twin: the device's own session (`link/session.c`) in this process, its non-volatile memory in a file.

Bytes go in and come out as they would over a wire, so everything that a device does, the twin does with the same code.
"""

import ctypes
import mmap
import time
from collections.abc import Callable
from pathlib import Path

from tinytl.errors import BuildError
from tinytl_bridge.targets.base import Target
from tinytl_bridge.targets.extraction import CALLBACK, Extraction, Extractor
from tinytl_bridge.targets.memory import Memory
from tinytl_bridge.targets.memory_file import MemoryFile
from tinytl_bridge.targets.state_folder import state_folder
from tinytl_bridge.twin import aligned_bytes, library
from tinytl_bridge.wire.link import Stream

MODEL_SLOT_BYTES = 16 << 20
HEAD_SLOT_BYTES = 8 << 20
ARENA_BYTES = 64 << 20
MAILBOX_BYTES = 64 << 20

_ERASE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
_SEND = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)


class _Platform(ctypes.Structure):
    """`tinytl_platform` of tinytl_session.h, field by field."""

    _fields_ = (
        ("context", ctypes.c_void_p),
        ("board_name", ctypes.c_char_p),
        ("clock_hz", ctypes.c_uint32),
        ("tick_hz", ctypes.c_uint32),
        ("static_bytes", ctypes.c_uint32),
        ("arena", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_uint32),
        ("nv_base", ctypes.c_void_p),
        ("model_slot_bytes", ctypes.c_uint32),
        ("head_slot_bytes", ctypes.c_uint32),
        ("program_bytes", ctypes.c_uint32),
        ("nv_erase", _ERASE),
        ("nv_write", _WRITE),
        ("mailbox", ctypes.c_void_p),
        ("mailbox_bytes", ctypes.c_uint32),
        ("send", _SEND),
        ("ticks", ctypes.c_void_p),
        ("mark", ctypes.c_void_p),
        ("stack_bytes", ctypes.c_void_p),
        ("count_loop", ctypes.c_void_p),
        ("extract", CALLBACK),
    )


class PowerCut(Exception):
    """The twin's power went: raised by a guard before or in the middle of a store.

    Args:
        done_bytes: how many bytes of the erase or write were still done.
    """

    def __init__(self, done_bytes: int = 0) -> None:
        super().__init__(f"after {done_bytes} bytes")
        self.done_bytes = done_bytes


class _TwinStream:
    """The session behind the interface of a stream."""

    def __init__(self, target: "HostTarget") -> None:
        self._target = target

    def write(self, data: bytes) -> None:
        self._target.receive(data)

    def read(self, timeout_s: float) -> bytes:
        answer = self._target.take()
        if not answer:
            time.sleep(timeout_s)  # the twin answers while it is written to: nothing more will come
        return answer

    def close(self) -> None:
        self._target.take()


class HostTarget(Target):
    """The workstation's twin.

    Args:
        state_dir: folder of its non-volatile memory. model_slot_bytes, head_slot_bytes, arena_bytes: a device's limits, to
            see what it would refuse. program_bytes: what its flash programs at once, 1, 2, 4, 8, 16 or 32.
        mailbox: whether it has the fast lane.
        before_store: called with (offset, data) before every erase (data None) and write; raises `PowerCut` to cut the
            power there.
        memory: its non-volatile memory, of the size of its slots; None: a mapped file in the state folder.
        board: what it calls its board, at most 23 characters of ASCII.
        extract: gives the features of its bundle's samples in place of the runtime's kernels; None: the kernels run.
    """

    def __init__(
        self, *, state_dir: Path | None = None, arena_bytes: int = ARENA_BYTES, model_slot_bytes: int = MODEL_SLOT_BYTES,
        head_slot_bytes: int = HEAD_SLOT_BYTES, program_bytes: int = 1, mailbox: bool = True,
        before_store: Callable[[int, bytes | None], None] | None = None, memory: Memory | None = None,
        extract: Extractor | None = None, board: str = "host",
    ) -> None:  # fmt: skip
        self.name, self._board = "host", board.encode("ascii")
        self._sizes = (arena_bytes, model_slot_bytes, head_slot_bytes)
        self._program_bytes = program_bytes
        self._with_mailbox, self._before_store = mailbox, before_store
        size = 2 * model_slot_bytes + 2 * head_slot_bytes
        self._store = memory or MemoryFile(state_folder(state_dir) / f"host-{size:x}.nv", size, who="host")
        self._interruption: BaseException | None = None
        self._memory: mmap.mmap | None = None
        self._base, self._out, self._dead = 0, bytearray(), False
        self._platform: _Platform | None = None
        self.extract = extract

    @property
    def extract(self) -> Extractor | None:
        """The extractor beside the runtime's kernels; it may be set while the session runs, from the next sample on."""
        return None if self.extraction is None else self.extraction.extractor

    @extract.setter
    def extract(self, extractor: Extractor | None) -> None:
        self.extraction = None if extractor is None else Extraction(extractor)
        if self._platform is not None:
            self._platform.extract = self._callback()

    def _callback(self) -> object:
        return CALLBACK() if self.extraction is None else self.extraction.callback

    def start(self) -> Stream:
        """Bring the session up on what the file holds."""
        self._memory = self._store.open()
        self._base = ctypes.addressof(ctypes.c_uint8.from_buffer(self._memory))
        self._dead, self._out = False, bytearray()
        arena_bytes, model_slot_bytes, head_slot_bytes = self._sizes
        self._arena = aligned_bytes(arena_bytes)
        self._mailbox = aligned_bytes(MAILBOX_BYTES if self._with_mailbox else 16)
        self._callbacks = (_ERASE(self._erase), _WRITE(self._write), _SEND(self._send))
        self._platform = _Platform(
            board_name=self._board, arena=self._arena.ctypes.data, arena_bytes=arena_bytes, nv_base=self._base,
            model_slot_bytes=model_slot_bytes, head_slot_bytes=head_slot_bytes, program_bytes=self._program_bytes,
            nv_erase=self._callbacks[0], nv_write=self._callbacks[1], mailbox=self._mailbox.ctypes.data if self._with_mailbox else None,
            mailbox_bytes=len(self._mailbox) if self._with_mailbox else 0, send=self._callbacks[2], extract=self._callback(),
            mark=ctypes.cast(library().tinytl_twin_mark, ctypes.c_void_p),
        )  # fmt: skip
        loaded = library()
        _expect_same_platform(loaded)
        loaded.tinytl_twin_session_bytes.restype = ctypes.c_size_t
        self._session = aligned_bytes(loaded.tinytl_twin_session_bytes())
        loaded.tinytl_session_init(ctypes.c_void_p(self._session.ctypes.data), ctypes.byref(self._platform))
        return _TwinStream(self)

    def stop(self) -> None:
        """Drop the session; the file stays."""
        self._dead = True
        self._memory = None
        self._store.close()

    def mailbox(self) -> memoryview | None:
        """Return the memory shared with the session."""
        return self._mailbox.data if self._with_mailbox else None

    def receive(self, data: bytes) -> None:
        """Feed bytes to the session."""
        if not self._dead:
            library().tinytl_session_receive(ctypes.c_void_p(self._session.ctypes.data), data, ctypes.c_uint32(len(data)))
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            raise interruption

    def take(self) -> bytes:
        """Return and forget what the session sent."""
        output, self._out = bytes(self._out), bytearray()
        return output

    def _send(self, _context: int, data: int, count: int) -> None:
        if not self._dead:
            self._out += ctypes.string_at(data, count)

    def _allowed(self, offset: int, data: bytes | None, count: int) -> int:
        """Ask the guard how many of `count` bytes get done: fewer if the power goes meanwhile, none once it is gone."""
        if self._dead:
            return 0
        try:
            if self._before_store is not None:
                self._before_store(offset, data)
        except PowerCut as cut:
            self._dead = True
            return min(cut.done_bytes, count)
        return count

    def _kept(self, tell: Callable[[int, int], None], offset: int, count: int) -> int:
        """Tell the memory; 0 if it kept the change. ctypes would take an exception for a 0: it waits until the session has refused."""
        if self._dead:
            return -1
        try:
            tell(offset, count)
        except OSError:
            return -1
        except BaseException as interruption:
            self._interruption = interruption
            return -1
        return 0

    def _erase(self, _context: int, offset: int, count: int) -> int:
        ctypes.memset(self._base + offset, 0xFF, self._allowed(offset, None, count))
        return self._kept(self._store.erased, offset, count)

    def _write(self, _context: int, offset: int, data: int, count: int) -> int:
        new, old = ctypes.string_at(data, count), ctypes.string_at(self._base + offset, count)
        if offset % self._program_bytes or count % self._program_bytes or old != b"\xff" * count:
            return -1
        ctypes.memmove(self._base + offset, new, self._allowed(offset, new, count))
        return self._kept(self._store.written, offset, count)


def _expect_same_platform(loaded: ctypes.CDLL) -> None:
    """Refuse a library of another tinytl: it would call back past the end of what it is given."""
    size = getattr(loaded, "tinytl_twin_platform_bytes", None)
    if size is None or size() != ctypes.sizeof(_Platform):
        raise BuildError(
            "the twin library is of another tinytl",
            expected="one that was built with this Python code",
            hint="make setup",
        )
