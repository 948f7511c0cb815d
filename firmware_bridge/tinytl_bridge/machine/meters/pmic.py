# SPDX-License-Identifier: Apache-2.0
"""Power of a Raspberry Pi 5 by its power management chip. In: `vcgencmd pmic_read_adc`. Out: W, the sum of current × voltage of all rails.

Lines: `VDD_CORE_A current(7)=1.50000000A`, `VDD_CORE_V volt(15)=0.75000000V`. A rail counts that has both; EXT5V and BATT have no current.
"""

import re
from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.base import Watts
from tinytl_bridge.machine.tree import ROOT, program_answer

_LINE = re.compile(r"\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=(\d+(?:\.\d+)?)([AV])\s*")


def rails_of(text: str) -> dict[str, tuple[float, float]]:
    """Read the answer of `vcgencmd pmic_read_adc`.

    Args:
        text: all its lines; lines of another form are left out.

    Returns:
        Rail → (A, V), of rails that have both.
    """
    values: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None and found[2] == found[4]:
            values.setdefault(found[1], {})[found[2]] = float(found[3])
    return {rail: (both["A"], both["V"]) for rail, both in values.items() if both.keys() == {"A", "V"}}


class PmicMeter:
    """The power management chip of a Pi 5, asked through its firmware.

    Args:
        root: folder that stands for `/`.
    """

    name = "Raspberry Pi 5 PMIC"
    how = (
        "vcgencmd pmic_read_adc, sum of current × voltage of its rails; not in it: what hangs on 5 V (USB, fan, HATs) and the loss of the"
        " regulators, so that a plug meter shows more; each reading starts a program, whose power is in it"
    )
    rate_hz = 10.0
    resolution_w = 0.0

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def sample(self) -> Watts:
        """Read the power now, in W.

        Raises:
            BenchError: no answer, or no rail in it.
        """
        answer, why = program_answer(self._root, "vcgencmd", "pmic_read_adc")
        rails = rails_of(answer or "")
        if not rails:
            what = why or f"`vcgencmd pmic_read_adc` said {(answer or '')[:40]!r}"
            raise BenchError(f"PMIC: {what}", expected="current and voltage of rails, as a Raspberry Pi 5 tells them")
        return sum(amperes * volts for amperes, volts in rails.values())
