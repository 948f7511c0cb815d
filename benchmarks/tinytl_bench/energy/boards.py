# SPDX-License-Identifier: Apache-2.0
"""Boards whose makers measured them: pJ per multiply-accumulate of the whole board, from `boards.toml`, which cites each figure.

In: a board's name. Out: a `BoardEnergy`. Its pJ per MAC is the energy of all measured models over all their MACs; the lowest and the
highest of one model say how far such a figure carries.
"""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from tinytl.energy import Calibration
from tinytl.errors import BenchError

_FILE = Path(__file__).with_name("boards.toml")
_PJ_PER_UJ = 1e6


@dataclass(frozen=True)
class BoardEnergy:
    """One measured board.

    Attributes:
        name, core, chip, clock_mhz: of the board as it ran. source: whose measurement, with repository and version.
        pj_per_mac: energy of all models over all their MACs. lowest, highest: of one model alone, in pJ per MAC.
        models: names of the models that were measured.
    """

    name: str
    core: str
    chip: str
    clock_mhz: int
    source: str
    pj_per_mac: float
    lowest: float
    highest: float
    models: tuple[str, ...]

    @property
    def calibration(self) -> Calibration:
        """The figure as `tinytl.energy` takes it, with its source."""
        return Calibration(round(self.pj_per_mac, 1), f"{self.core} at {self.clock_mhz} MHz, {self.source}")


@cache
def list_energy_boards() -> tuple[BoardEnergy, ...]:
    """Return all measured boards, by name."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(_read(name, board, document["macs"]) for name, board in sorted(document["boards"].items()))


def find_energy_board(name: str) -> BoardEnergy:
    """Return a measured board.

    Args:
        name: as `list_energy_boards` tells it.

    Raises:
        BenchError: no such board; lists those that there are.
    """
    boards = {board.name: board for board in list_energy_boards()}
    if name not in boards:
        near = get_close_matches(name, boards, 1)
        raise BenchError(
            f"no published energy of board {name!r} is stored", expected=", ".join(boards),
            hint=f"--model board:{near[0]}" if near else "your own measurement: tinytl bench BUNDLE --pj-per-mac N --pj-source WHOSE",
        )  # fmt: skip
    return boards[name]


def _read(name: str, board: dict[str, Any], macs: dict[str, int]) -> BoardEnergy:
    measured: dict[str, float] = board["measured_uj"]
    each = [microjoules * _PJ_PER_UJ / macs[model] for model, microjoules in measured.items()]
    return BoardEnergy(
        name, board["core"], board["chip"], board["clock_mhz"], f"MLPerf Tiny {board['version']}, {board['repository']}",
        sum(measured.values()) * _PJ_PER_UJ / sum(macs[model] for model in measured), min(each), max(each), tuple(measured),
    )  # fmt: skip
