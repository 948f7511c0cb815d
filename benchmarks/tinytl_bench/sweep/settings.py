# SPDX-License-Identifier: Apache-2.0
"""What a sweep tries, and what the pick has to fit: data, checked before anything takes long."""

from dataclasses import dataclass
from pathlib import Path

from tinytl.cutting.plan_names import parse_plan
from tinytl.errors import BenchError
from tinytl.head.learning import WEIGHTS
from tinytl_bridge.firmware.boards import load_board

TWIN, HOST = "twin", "host"
PLACES = (TWIN, HOST)
"""Where a cell learns: on the twin, as a device does, or on the workstation in float."""
VALIDATION_SHARE = 0.25


@dataclass(frozen=True)
class Budget:
    """What the pick may take; None: no limit.

    Attributes:
        ram_bytes: arena. flash_bytes: image. energy_nj: of one taught sample, extractor and step (model: full).
        board: whose memory is the limit, and which has to be able to save the head; also whose kernels are compiled.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    energy_nj: float | None = None
    board: str | None = None


@dataclass(frozen=True)
class SweepSettings:
    """How a sweep is done.

    Attributes:
        folder: for results, bundles, heads, page and plot. cache: for features; None: in the folder.
        plans: freeze plans; none: all that work for the model. weights: of what trains on the device, "float32", "int8".
        places: "twin", "host", or both. budget: what the pick has to fit.
        seeds: orders of the samples that are averaged, ≥ 1; seed: the first.
        samples: of the target's training split, at most; None: all. passes: over them. batch_size: on the host; a device learns one by one.
        rates: learning rates to choose from on the twin; host_rates: on the host.
        replays: source samples after each taught one, where target and source share their labels.
        workers: processes; 1: this one alone. count: whether instructions are counted where the board is an emulated one.
    """

    folder: Path
    cache: Path | None = None
    plans: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("float32",)
    places: tuple[str, ...] = PLACES
    budget: Budget = Budget()
    seeds: int = 3
    seed: int = 1
    samples: int | None = None
    passes: int = 3
    batch_size: int = 16
    rates: tuple[float, ...] = (0.003, 0.01, 0.03)
    host_rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    replays: int = 4
    workers: int = 2
    count: bool = True

    def __post_init__(self) -> None:
        least = (("seeds", 1), ("passes", 1), ("batch_size", 1), ("workers", 1), ("replays", 0), ("seed", 0))
        for name, lowest in least:
            if getattr(self, name) < lowest:
                raise BenchError(f"{name} {getattr(self, name)}", expected=f"{lowest} or more")
        if self.samples is not None and self.samples < 8:
            raise BenchError(f"samples {self.samples}", expected="8 or more")
        for name, known in (("weights", WEIGHTS), ("places", PLACES)):
            given = getattr(self, name)
            if not given or not set(given) <= set(known):
                raise BenchError(f"{name} {', '.join(given) or 'of no kind'}", expected=f"some of {', '.join(known)}")
        for name in ("rates", "host_rates"):
            if not getattr(self, name) or not all(0 < rate < 1e6 for rate in getattr(self, name)):
                raise BenchError(f"{name} {getattr(self, name)}", expected="one or more numbers above 0")
        for plan in self.plans:
            parse_plan(plan)
        if self.budget.board is not None:
            load_board(self.budget.board)

    @property
    def features(self) -> Path:
        """Where features are kept."""
        return self.cache or self.folder / "features"


def validation_count(count: int) -> int:
    """Return how many of `count` samples are held out to choose by, the first ones."""
    return max(round(VALIDATION_SHARE * count), 1)
