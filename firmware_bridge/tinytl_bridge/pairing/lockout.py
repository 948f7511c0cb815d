# SPDX-License-Identifier: Apache-2.0
"""How wrong codes are slowed down and, in the end, no longer looked at.

In: a clock, and how attempts ended. Out: how long to wait. After the first wrong code 1 s, then twice as long each time, at most 256 s;
after ten in a row nothing is looked at until somebody makes a new code at the agent. One count for all addresses and connections.
"""

from collections.abc import Callable

MOST_FAILURES = 10
LONGEST_DELAY_S = 256.0


class Lockout:
    """The count of wrong codes in a row.

    Args:
        clock: seconds that never go back, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._failures, self._until = clock, 0, 0.0

    @property
    def failures(self) -> int:
        """Wrong codes in a row so far."""
        return self._failures

    @property
    def locked(self) -> bool:
        """Whether no code is looked at any more."""
        return self._failures >= MOST_FAILURES

    def delay_s(self) -> float:
        """Return seconds until the next code is looked at, 0.0 if one may come now."""
        return max(0.0, self._until - self._clock())

    def failed(self) -> None:
        """Count a wrong code."""
        self._failures += 1
        self._until = self._clock() + min(2.0 ** (self._failures - 1), LONGEST_DELAY_S)

    def succeeded(self) -> None:
        """Forget the wrong codes: a right one came, or somebody at the agent made a new one."""
        self._failures, self._until = 0, 0.0
