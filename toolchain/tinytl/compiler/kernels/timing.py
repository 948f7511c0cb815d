# SPDX-License-Identifier: Apache-2.0
"""Time of a kernel on a Cortex-M4, modelled: what `--optimize speed` takes the least of.

cycles = those of the inner loops, counted from their assembly, + CYCLES_ELSEWHERE an instruction of all else + wait states of the flash
lines that the loops read. Loads make the difference: an LDM of four words is one instruction and five cycles (Cortex-M4 Technical
Reference Manual, table 3-1), and 16-bit weights are twice as many words as bytes are.
"""

from dataclasses import dataclass

CYCLES_ELSEWHERE = 1.5
"""Outside the inner loops: the mean over the layers of five published models, as `tinytl bench` counts them."""


@dataclass(frozen=True)
class FlashTiming:
    """Of a board's flash. wait_states: cycles more, each time that a line of line_bytes is read."""

    wait_states: int = 0
    line_bytes: int = 16


@dataclass(frozen=True)
class InnerLoops:
    """What the inner loops of a kernel take in one inference: instructions, cycles, and bytes of weights that they read from flash."""

    instructions: int = 0
    cycles: int = 0
    flash_bytes: int = 0

    def __mul__(self, times: int) -> "InnerLoops":
        return InnerLoops(self.instructions * times, self.cycles * times, self.flash_bytes * times)


NO_INNER_LOOPS = InnerLoops()
ZERO_WAIT_FLASH = FlashTiming()


def modelled_cycles(instructions: int, inner: InnerLoops, flash: FlashTiming) -> float:
    """Return cycles of one inference.

    Args:
        instructions: of the whole kernel, inner loops among them. inner: none of a kernel that reads few constants. flash: of the board.
    """
    waiting = inner.flash_bytes / flash.line_bytes * flash.wait_states
    return inner.cycles + waiting + CYCLES_ELSEWHERE * (instructions - inner.instructions)
