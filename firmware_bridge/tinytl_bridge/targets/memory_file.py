# SPDX-License-Identifier: Apache-2.0
"""Non-volatile memory of an emulated device or of the twin: a file mapped into memory, one user at a time."""

import mmap
from pathlib import Path

from filelock import FileLock, Timeout

from tinytl.errors import DeviceError


class MemoryFile:
    """A file of a fixed size, erased (FF) where new, mapped while open.

    Args:
        path: made if missing. size: bytes. used: bytes from the start that are erased and mapped; the rest is a hole.
        who: the target's name, for the error when somebody else uses it.
    """

    def __init__(self, path: Path, size: int, *, who: str, used: int | None = None) -> None:
        self.path, self._size, self._who = path, size, who
        self._used = size if used is None else used
        self._lock = FileLock(path.with_suffix(".lock"), timeout=0)
        self.view: mmap.mmap | None = None

    def open(self) -> mmap.mmap:
        """Lock and map the file.

        Raises:
            DeviceError: another process uses it.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise DeviceError(
                f"target {self._who!r} is in use by another process ({self.path})", hint="wait for it, or give another --state folder"
            ) from None
        if not self.path.exists() or self.path.stat().st_size != self._size:
            made = self.path.with_suffix(".new")
            with made.open("wb") as file:
                file.write(b"\xff" * self._used)
                file.truncate(self._size)
            made.replace(self.path)
        with self.path.open("r+b") as file:
            self.view = mmap.mmap(file.fileno(), self._used)
        return self.view

    def close(self) -> None:
        """Unmap and unlock; the content stays."""
        if self.view is not None:
            self.view.flush()
            self.view = None
        self._lock.release()
