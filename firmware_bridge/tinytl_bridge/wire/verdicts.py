# SPDX-License-Identifier: Apache-2.0
"""What a device's guard decides: whether the head that learned is kept (SPEC.md section 3, CHECK)."""

import struct
from dataclasses import dataclass
from typing import Literal

from tinytl.errors import DeviceError
from tinytl_bridge.wire.protocol import fields

Decision = Literal["committed", "undone", "waits"]
_DECISIONS: tuple[Decision, ...] = ("committed", "undone", "waits")
LEAST = 16
"""Samples held out since the last decision that it takes to judge their labels."""
_FORGETS = 0x100
_VERDICT = struct.Struct("<6HI")


@dataclass(frozen=True)
class Verdict:
    """One check.

    Attributes:
        decision: "committed": the head was saved; "undone": the kept head is back; "waits": no worse, but nothing more can be told.
        held: held-out samples. right: how many of them the head classifies rightly. kept_right: how many the kept one.
        fresh: of the held-out ones those since the last decision. fresh_right: how many of them the head classifies rightly.
        forgets: whether it has lost more than 3 % of the replay set, with classes added: then it is undone.
        sequence: of the saved head in the store, 0: there is none, the factory head is the kept one.
    """

    decision: Decision
    held: int
    right: int
    kept_right: int
    fresh: int
    fresh_right: int
    sequence: int
    forgets: bool = False

    @property
    def text(self) -> str:
        """What was decided and why, in a line."""
        counts = f"{self.right} of {self.held} held-out samples right, {self.kept_right} with the kept head"
        if self.decision == "waits":
            return f"neither saved nor undone: {self.fresh} samples held out since the last decision tell nothing"
        if self.decision == "undone" and self.forgets:
            counts += "; but more than 3 % of the replay set is lost, the classes that were there before"
        elif self.decision == "undone" and self.right >= self.kept_right and self.fresh < LEAST:
            counts = "the labels before were no better than chance, and these are too few to tell"
        elif self.decision == "undone" and self.right >= self.kept_right:
            counts = f"{self.fresh_right} of {self.fresh} new held-out samples right, no better than chance"
        return f"{self.decision}: {counts}"


def parse_verdict(payload: bytes) -> Verdict | None:
    """Return the typed answer to CHECK, or the end of one to TEACH; None where there is nothing."""
    if not payload:
        return None
    word, held, right, kept_right, fresh, fresh_right, sequence = fields(_VERDICT, payload, "CHECK")
    if not 1 <= word & 0xFF <= len(_DECISIONS):
        raise DeviceError(
            f"the device tells of verdict {word & 0xFF}", expected=f"1 to {len(_DECISIONS)}", hint="the firmware is of another version"
        )
    decision, forgets = _DECISIONS[(word & 0xFF) - 1], bool(word & _FORGETS)
    return Verdict(decision, held, right, kept_right, fresh, fresh_right, sequence, forgets)
