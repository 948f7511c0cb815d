# SPDX-License-Identifier: Apache-2.0
"""A folder whose files are replaced and removed whole, and stay so when the power goes.

In: names and bytes. Out: the same bytes after any power cut that follows the call, the old ones or the new ones after one inside it.
`NAME.new` is written, its bytes are brought to the disk, it takes the name, then the folder is brought to the disk: a rename that
overtakes its bytes leaves an empty file, and one that is not on the disk itself did not happen.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from tinytl.errors import DeviceError

NEW = ".new"
"""Ends the name of a file that is being written; one that a power cut left behind counts for nothing."""
_FILE_MODE = 0o600


class DurableFolder:
    """A folder by its descriptor, so that nobody swaps it meanwhile.

    Args:
        path: of a folder that is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = -1

    def open(self) -> None:
        """Take hold of the folder; its own name, and those of the folders above, are on the disk afterwards."""
        self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        for above in self.path.absolute().parents:
            with suppress(PermissionError):
                descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    self._sync(descriptor)
                finally:
                    os.close(descriptor)

    def close(self) -> None:
        """Let go of it; harmless if it is not open."""
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = -1

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return what a file holds, nothing if it is not there.

        Raises:
            DeviceError: it is no plain file, or longer than `most_bytes`.
        """
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._folder)
        except FileNotFoundError:
            return b""
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise DeviceError(f"{self.path / name} is no plain file", expected="a slot of the agent's store", hint="move it away")
            if found.st_size > most_bytes:
                raise DeviceError(
                    f"{self.path / name} holds {found.st_size:,} bytes",
                    expected=f"at most {most_bytes:,}, a slot of this agent",
                    hint="move it away, or start the agent with slots of the size that wrote it",
                )
            return file.read()

    def replace(self, name: str, data: bytes) -> None:
        """Give a file new bytes, all or none.

        Raises:
            OSError: the disk is full or broken. The file holds what it held, or, if the very last step failed, the new bytes.
        """
        try:
            descriptor = self._create(name + NEW)
            try:
                self._write(descriptor, data)
                self._sync(descriptor)
            finally:
                os.close(descriptor)
            self._rename(name + NEW, name)
        except BaseException:
            with suppress(OSError):  # the room that it took is needed
                self._unlink(name + NEW)
            raise
        self._sync(self._folder)

    def remove(self, *names: str) -> None:
        """Remove files; one that is not there is removed already."""
        for name in names:
            with suppress(FileNotFoundError):
                self._unlink(name)
        self._sync(self._folder)

    def _create(self, name: str) -> int:
        with suppress(FileNotFoundError):
            self._unlink(name)
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE, dir_fd=self._folder)

    def _write(self, descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _rename(self, name: str, new_name: str) -> None:
        os.rename(name, new_name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _unlink(self, name: str) -> None:
        os.unlink(name, dir_fd=self._folder)
