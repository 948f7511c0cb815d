# SPDX-License-Identifier: Apache-2.0
"""What the twin's session needs of a non-volatile memory: bytes that it reads in place, and word of every erase and write."""

import mmap
from typing import Protocol


class Memory(Protocol):
    """A non-volatile memory behind a writable buffer.

    The session changes the buffer itself and tells it afterwards, before it goes on: what `written` has returned from is kept.
    """

    def open(self) -> mmap.mmap:
        """Lock it and return its bytes, as they were left; DeviceError if they cannot be had."""

    def erased(self, offset: int, count: int) -> None:
        """Hear that `count` bytes from `offset` are FF now. An OSError becomes the session's refusal `store_failed`."""

    def written(self, offset: int, count: int) -> None:
        """Hear that `count` bytes from `offset` were written. An OSError becomes the session's refusal `store_failed`."""

    def close(self) -> None:
        """Let go of the buffer and unlock; what was kept stays."""
