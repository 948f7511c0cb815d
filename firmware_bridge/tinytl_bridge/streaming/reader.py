# SPDX-License-Identifier: Apache-2.0
"""The thread that reads a source into a queue, and who takes out of it.

In: a source. Out: arrivals, one by one, until the source ends, is lost, or somebody says stop.
"""

import threading
from typing import Self

from tinytl_bridge.streaming.bounded_queue import MOST_SAMPLES, BoundedQueue
from tinytl_bridge.streaming.records import Arrival, Source

_LIVE_SAMPLES = 2
"""Of a source at its own pace: what waits longer is old."""
_JOIN_S = 2.0


class Reader:
    """A source that is being read. Use it as a context manager.

    Args:
        source: closed at the end. most_samples: that may wait; None: as the source's kind needs.

    Attributes:
        queue: what waits.
    """

    def __init__(self, source: Source, *, most_samples: int | None = None) -> None:
        self._source = source
        self.queue = BoundedQueue(most_samples=most_samples or (_LIVE_SAMPLES if source.live else MOST_SAMPLES))
        self._thread = threading.Thread(target=self._run, name="stream reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.stopped = True
        self._thread.join(_JOIN_S)  # a driver that hangs does not hold the end up: the thread is a daemon
        self._source.close()

    def take(self, timeout_s: float) -> Arrival | None:
        """As `BoundedQueue.get`."""
        return self.queue.get(timeout_s)

    def _run(self) -> None:
        try:
            for arrival in self._source.arrivals():
                if self.queue.stopped or (arrival is not None and not self.queue.put(arrival)):
                    break
            self.queue.end()
        except BaseException as error:  # told to who takes, in the thread that can do something about it
            self.queue.end(error)
