# SPDX-License-Identifier: Apache-2.0
"""A queue between the thread that reads and the one that teaches, bounded in samples and in bytes.

In: arrivals. Out: the same, in order. Who puts into a full one waits, and so stops reading: the sender of a pipe or a TCP connection is
then held up by the system. No lock is held where a signal's handler could want it: `stopped` is a plain flag.
"""

import threading
import time
from collections import deque

from tinytl_bridge.streaming.records import Arrival, size_of

MOST_SAMPLES = 256
MOST_BYTES = 32 << 20
_TICK_S = 0.1


class BoundedQueue:
    """Arrivals on their way.

    Args:
        most_samples: that may wait. most_bytes: that they may take; one alone may take more.

    Attributes:
        stopped: set by who takes; puts then return False. largest, largest_bytes: most that waited at once.
    """

    def __init__(self, *, most_samples: int = MOST_SAMPLES, most_bytes: int = MOST_BYTES) -> None:
        self._most_samples, self._most_bytes = most_samples, most_bytes
        self._waiting: deque[tuple[Arrival, int]] = deque()
        self._changed = threading.Condition()
        self._bytes, self._ended, self._error = 0, False, None  # type: int, bool, BaseException | None
        self.stopped = False
        self.largest = self.largest_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether a put would wait now."""
        return len(self._waiting) >= self._most_samples or self._bytes >= self._most_bytes

    def put(self, arrival: Arrival) -> bool:
        """Add one, waiting for room. Returns whether it was added: not once `stopped` is set."""
        size = size_of(arrival.record)
        with self._changed:
            while not self.stopped and self._waiting and (self.full or self._bytes + size > self._most_bytes):
                self._changed.wait(_TICK_S)
            if self.stopped:
                return False
            self._waiting.append((arrival, size))
            self._bytes += size
            self.largest, self.largest_bytes = max(self.largest, len(self._waiting)), max(self.largest_bytes, self._bytes)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes. error: why, where that was not meant; `get` raises it behind what still waits."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def get(self, timeout_s: float) -> Arrival | None:
        """Take the next one; None where nothing came in so many seconds.

        Raises:
            EOFError: nothing more comes. BaseException: what `end` was told.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._waiting:
                if self._ended:
                    raise self._error or EOFError
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, _TICK_S))
            arrival, size = self._waiting.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return arrival
