# SPDX-License-Identifier: Apache-2.0
"""How freeze plans are compared: settings, and the samples that are held out of the target's train split to choose by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tinytl.cutting.plan_names import parse_plan
from tinytl.errors import BenchError
from tinytl_bridge.firmware.boards import load_board
from tinytl_bridge.target_names import emulated_board

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
HOST_RECIPES = tuple((rate, batch_size) for rate in (0.0003, 0.001, 0.003, 0.01, 0.03) for batch_size in (8, 32))
DEFAULT_TARGET = "qemu:mps2-an386"
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class StudySettings:
    """How plans are compared.

    Attributes:
        folder: for pretrained models and bundles. plans, samples, passes: instead of the task's.
        orders: seeded, that are averaged. rates: learning rates to choose from; host_recipes: (learning rate, batch size)
            for full training. count_on: target whose instructions of a step are counted, e.g. qemu:mps2-an386; None: they are not.
        weights, layer_rates: of what trains on the device, as in `Learning`.
    """

    folder: Path
    plans: tuple[str, ...] = ()
    samples: int | None = None
    passes: int | None = None
    orders: int = 3
    rates: tuple[float, ...] = RATES
    host_recipes: tuple[tuple[float, int], ...] = HOST_RECIPES
    count_on: str | None = None
    seed: int = 1
    weights: str = "float32"
    layer_rates: str = "balanced"

    @property
    def board(self) -> str:
        """The board whose arena and instructions are told."""
        return emulated_board(self.count_on or DEFAULT_TARGET) or self.count_on or ""


def check_settings(settings: StudySettings) -> None:
    """Refuse before the long part what would be refused after it.

    Raises:
        BenchError: too few samples, passes or orders, no rates, a target that counts nothing. ModelError: no such plan. BuildError: no
            such board.
    """
    for name, value, least in (("samples", settings.samples, 8), ("passes", settings.passes, 1), ("orders", settings.orders, 1)):
        if value is not None and value < least:
            raise BenchError(f"{name} {value}", expected=f"{least} or more")
    if not settings.rates:
        raise BenchError("no learning rates to choose from", expected="one or more", hint="--rates 0.003,0.01,0.03")
    for plan in settings.plans:
        parse_plan(plan)
    if settings.count_on is not None and emulated_board(settings.count_on) is None:
        what = f"steps cannot be counted on {settings.count_on!r}"
        raise BenchError(what, expected="an emulated board", hint=f"--count-on {DEFAULT_TARGET}")
    load_board(settings.board)


def best(choices: Sequence[Choice], accuracy_of: Callable[[Choice], float]) -> Choice:
    """Return what is most accurate on the validation part; of equals the first."""
    return max(choices, key=accuracy_of) if len(choices) > 1 else choices[0]
