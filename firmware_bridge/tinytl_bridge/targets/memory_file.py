# SPDX-License-Identifier: Apache-2.0
"""Non-volatile memory of an emulated device or of the twin: a file mapped into memory, one user at a time."""

import mmap
import os
from pathlib import Path

from filelock import FileLock, Timeout

from tinytl.errors import DeviceError
from tinytl_bridge.targets.state_folder import refuse_link, unusable

_FILE_MODE = 0o600


class MemoryFile:
    """A file of a fixed size, erased (FF) where new, mapped while open.

    Args:
        path: made if missing. size: bytes. used: bytes from the start that are erased and mapped; the rest is a hole.
        who: the target's name, for the error when somebody else uses it.
    """

    def __init__(self, path: Path, size: int, *, who: str, used: int | None = None) -> None:
        self.path, self._size, self._who = path, size, who
        self._used = size if used is None else used
        self._made = path.with_suffix(".new")
        self._lock = FileLock(path.with_suffix(".lock"), timeout=0, mode=_FILE_MODE)
        self.view: mmap.mmap | None = None

    def open(self) -> mmap.mmap:
        """Lock and map the file.

        Raises:
            DeviceError: another process uses it, the disk is full, or something else lies in its place.
        """
        for path in (self.path, self._made, Path(self._lock.lock_file)):
            refuse_link(path, f"memory of target {self._who!r},")
        try:
            self._lock.acquire()
        except Timeout:
            raise DeviceError(
                f"target {self._who!r} is in use by another process ({self.path})", hint="wait for it, or give another --state folder"
            ) from None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self.view = self._mapped()
        except OSError as error:
            self._lock.release()
            raise self._unusable(error) from error
        return self.view

    def erased(self, offset: int, count: int) -> None:
        """Do nothing: the buffer is the file."""

    def written(self, offset: int, count: int) -> None:
        """Do nothing: the buffer is the file."""

    def _mapped(self) -> mmap.mmap:
        if not self.path.exists() or self.path.stat().st_size != self._size:
            self._erase()
        with self.path.open("r+b") as file:
            return mmap.mmap(file.fileno(), self._used)

    def _erase(self) -> None:
        """Write the file anew, whole or not at all: all its bytes are on the disk before it takes its name."""
        self._made.unlink(missing_ok=True)
        try:
            with open(os.open(self._made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE), "wb") as file:
                file.write(b"\xff" * self._used)
                file.truncate(self._size)
            self._made.replace(self.path)
        finally:
            self._made.unlink(missing_ok=True)

    def _unusable(self, error: OSError) -> DeviceError:
        return unusable(f"memory of target {self._who!r}, {self._used:,} bytes, cannot be kept in {self.path}", error)

    def close(self) -> None:
        """Unmap and unlock; the content stays."""
        if self.view is not None:
            self.view.flush()
            self.view = None
        self._lock.release()
