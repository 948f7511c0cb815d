# SPDX-License-Identifier: Apache-2.0
"""The name of a target as a person writes it, taken apart: `KIND:PLACE?OPTIONS`, such as `qemu:mps2-an386?link=uart`.

In: a name. Out: a `TargetName`. Whether there is such a target is for `targets.open_target` to say; a board's name alone is no target, but
`boards.load_board` knows it.
"""

from dataclasses import dataclass

EMULATED = "qemu"
AGENT_PORT = 7707
"""Where an agent listens unless it is told otherwise."""
EMULATED_PI = "qemu-pi"


@dataclass(frozen=True)
class TargetName:
    """A target's name.

    Attributes:
        kind: before the first colon, `host` where there is none. place: between colon and question mark: a board,
            a port; the whole name where there is no colon. options: behind the question mark, "" where there is none.
    """

    kind: str
    place: str
    options: str = ""

    @property
    def emulated_board(self) -> str | None:
        """The board that QEMU emulates, None for any other target."""
        return self.place if self.kind == EMULATED and self.place else None

    @property
    def emulated_pi(self) -> str | None:
        """The processor of a Pi that QEMU emulates, None for any other target."""
        return self.place + ("?" + self.options if self.options else "") if self.kind == EMULATED_PI else None


def parse_target(name: str) -> TargetName:
    """Take a target's name apart.

    Args:
        name: such as `host`, `qemu:mps2-an386?link=uart`, `serial:/dev/ttyACM0?baud=115200`, `socket://HOST:PORT`, or a board.
    """
    kind, colon, rest = name.partition(":")
    place, _, options = (rest if colon else name).partition("?")
    return TargetName(kind if colon else name, place, options)


def emulated_board(name: str) -> str | None:
    """Return the name of the board that a target `qemu:BOARD[?link=uart]` emulates, None for any other target."""
    return parse_target(name).emulated_board


def emulated_pi(name: str) -> str | None:
    """Return the processor of a target `qemu-pi:PROCESSOR`, None for any other target."""
    return parse_target(name).emulated_pi
