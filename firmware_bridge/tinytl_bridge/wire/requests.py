# SPDX-License-Identifier: Apache-2.0
"""What a host asks of a device, typed: how a sample is taught, what is measured, which head comes back.

In: choices by name. Out: the numbers that stand for them in a frame (SPEC.md section 3). What a device answers is `results`.
"""

from dataclasses import dataclass
from typing import Literal

from tinytl.errors import DeviceError

OnlyWhen = Literal["always", "wrong", "unsure"]
ONLY_WHEN: tuple[OnlyWhen, ...] = ("always", "wrong", "unsure")
Measured = Literal["inference", "step", "loop"]
MEASURES: dict[Measured, int] = {"inference": 0, "step": 1, "loop": 2}
"""What MEASURE takes, by name."""
ROLLBACKS = {"saved": 0, "previous": 1, "factory": 2}
"""What ROLLBACK goes back to, by name."""


@dataclass(frozen=True)
class TeachFlags:
    """How one sample is taught.

    Attributes:
        trace: with the head's CRC-32 in the answer. guard: with the model's guard, if it has one.
        only_when: "always"; "wrong": only what the head has wrong; "unsure": also what it has right with a probability below
            `unsure_below`, which the device takes in steps of 1/256.
    """

    trace: bool = False
    guard: bool = True
    only_when: OnlyWhen = "always"
    unsure_below: float = 0.9

    def __post_init__(self) -> None:
        if self.only_when not in ONLY_WHEN:
            raise DeviceError(f"samples taught only when {self.only_when!r}", expected=", ".join(ONLY_WHEN))
        if not 0 < self.unsure_below < 1:
            raise DeviceError(f"unsure_below {self.unsure_below:g}", expected="a probability above 0 and below 1")

    @property
    def word(self) -> int:
        """The flags of TEACH and GROW."""
        word = int(self.trace) | int(not self.guard) << 1
        if self.only_when == "unsure":
            return word | 8 | min(max(round(256 * self.unsure_below), 1), 255) << 8
        return word | (4 if self.only_when == "wrong" else 0)


PLAIN = TeachFlags()
