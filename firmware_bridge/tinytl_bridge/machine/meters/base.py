# SPDX-License-Identifier: Apache-2.0
"""What every meter is: a name, words, a rate, and `sample`."""

from typing import Protocol, TypeAlias

Watts: TypeAlias = float


class Meter(Protocol):
    """Reads power now.

    Attributes:
        name: short, e.g. `ina219 (hwmon)`.
        how: what is measured and what is not, in words.
        rate_hz: samples a second that are worth taking.
        resolution_w: smallest step of its numbers, in W; 0 where it is not known.
    """

    name: str
    how: str
    rate_hz: float
    resolution_w: float

    def sample(self) -> Watts:
        """Read the power now, in W.

        Raises:
            BenchError: the meter does not answer, or not with a number.
        """
        ...
