# SPDX-License-Identifier: Apache-2.0
"""What a Pi's firmware tells of throttling. In: a folder that stands for `/`. Out: a `Throttling`; where nothing tells it is not known.

Bits: 0 … 3 hold now, 16 … 19 since start or since somebody cleared them: the kernel's under-voltage driver asks the firmware for that
every 2 s. So a bit that was set and no longer is says that the memory of the firmware was wiped between two readings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinytl_bridge.machine.tree import ROOT, program_answer, text_of

FLAGS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Names of bits 0 … 3, and of bits 16 … 19."""
_SINCE = 16
_MASK = (1 << len(FLAGS)) - 1
_SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
_ANSWER = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})")
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{1,8})")
_LEAST_READINGS = 3


@dataclass(frozen=True)
class Throttling:
    """One reading.

    Attributes:
        bits: as the firmware tells them, None where nothing tells.
        how: what told, or why nothing did.
    """

    bits: int | None
    how: str

    @property
    def now(self) -> tuple[str, ...] | None:
        """What holds now, in the words of `FLAGS`; None: not known."""
        return None if self.bits is None else _names(self.bits)

    @property
    def occurred(self) -> tuple[str, ...] | None:
        """What has occurred since start or since it was cleared; None: not known."""
        return None if self.bits is None else _names(self.bits >> _SINCE)

    @property
    def words(self) -> str:
        """The reading as one line."""
        if self.now is None or self.occurred is None:
            return f"not known: {self.how}"
        return f"now {', '.join(self.now) or 'nothing'}; has occurred {', '.join(self.occurred) or 'nothing'} ({self.how})"

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        bits = None if self.bits is None else f"0x{self.bits:x}"
        return {"bits": bits, "now": self.now, "has_occurred": self.occurred, "how": self.how}

    @staticmethod
    def happened_between(before: "Throttling", after: "Throttling", during: Sequence["Throttling"] = ()) -> "Happened":
        """Tell what happened from the first reading to the last one.

        Yes: a flag that holds now in any reading, or one that had not occurred and then has. Not known: a reading that does not tell; a
        flag that had occurred before the first reading, where fewer than 3 readings lie between. No: the rest.

        Args:
            before: reading at the beginning.
            after: reading at the end.
            during: readings between, in order.

        Returns:
            The answer, with its reason in words.
        """
        return _compared([before, *during, after])


@dataclass(frozen=True)
class Happened:
    """Whether a machine was throttled meanwhile.

    Attributes:
        happened: None where it is not known.
        flags: which, in the words of `FLAGS`; empty unless it happened.
        words: the answer as one line.
    """

    happened: bool | None
    flags: tuple[str, ...]
    words: str

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return {"happened": self.happened, "flags": self.flags, "words": self.words}


def read_throttling(root: Path = ROOT) -> Throttling:
    """Ask a Pi's firmware: `vcgencmd get_throttled`, else the file of the kernel's driver. Clears nothing.

    Args:
        root: folder that stands for `/`.

    Returns:
        One reading; one of a machine that is no Pi, or of a damaged answer, is not known.
    """
    answer, why = program_answer(root, "vcgencmd", "get_throttled")
    found = _ANSWER.fullmatch(answer) if answer is not None else None
    if found is not None:
        return Throttling(int(found[1], 16), "vcgencmd get_throttled")
    text = text_of(root, _SYSFS)
    written = _HEX.fullmatch(text) if text is not None else None
    if written is not None:
        return Throttling(int(written[1], 16), f"/{_SYSFS}")
    why = why or f"vcgencmd get_throttled said {(answer or '')[:40]!r}"
    return Throttling(None, f"{why}, and /{_SYSFS} {'is missing' if text is None else f'holds {text[:40]!r}'}")


def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for index, name in enumerate(FLAGS) if bits >> index & 1)


def _compared(readings: list[Throttling]) -> Happened:
    told = [reading.bits for reading in readings if reading.bits is not None]
    seen = 0
    for bits in told:
        seen |= bits & _MASK
    for earlier, later in pairwise(told):
        seen |= (later & ~earlier) >> _SINCE & _MASK
    if seen:
        return Happened(True, _names(seen), f"happened: {', '.join(_names(seen))}")
    silent = next((reading for reading in readings if reading.bits is None), None)
    if silent is not None:
        return Happened(None, (), f"not known: {silent.how}")
    had = _names(told[0] >> _SINCE)
    if not had:
        return Happened(False, (), f"not throttled, by {len(told)} readings ({readings[0].how})")
    if len(told) - 2 >= _LEAST_READINGS:
        return Happened(False, (), f"not throttled in any of {len(told)} readings; {', '.join(had)} had occurred before")
    return Happened(None, (), f"not known: {', '.join(had)} had occurred before already; a restart of the machine forgets it")
