# SPDX-License-Identifier: Apache-2.0
"""What a study of freeze plans finds, as data: a `TaskStudy` of `PlanOutcome`s, written to and read from JSON.

Accuracies are fractions, changes of accuracies differences of fractions; tables multiply by 100.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinytl.errors import BenchError
from tinytl.files import write_whole

FORMAT = "tinytl-plan-study"


@dataclass(frozen=True)
class CurvePoint:
    """samples: taught so far, each pass counted. accuracy: on the target's test split then, mean over the orders."""

    samples: int
    accuracy: float


@dataclass(frozen=True)
class PlanOutcome:
    """What a freeze plan reached; means over the orders.

    Attributes:
        learning_rate: chosen on the validation part. before, after: accuracy on the target's test split; lowest: of the orders, after.
        source_change: accuracy on the source's test split after minus before, below 0 where it forgot; None where labels are not shared.
        curve: before learning, at checkpoints, at the end. diverged: samples that changed nothing, of all orders.
        arena_bytes: on a Cortex-M4; fits: whether it fits the board's arena. replay_bytes: set in flash and buffer in RAM.
        step_instructions: of a step with its replays, counted; None: not counted. step_nj: its energy (model: full).
    """

    plan: str
    learning_rate: float
    before: float
    after: float
    lowest: float
    source_change: float | None
    curve: tuple[CurvePoint, ...]
    diverged: int
    arena_bytes: int
    fits: bool
    replay_bytes: int
    step_instructions: int | None
    step_nj: float

    @property
    def samples_to_90(self) -> int:
        """Samples taught until the curve is at nine tenths of the accuracy at its end."""
        return samples_to(self.curve, 0.9)


@dataclass(frozen=True)
class HostOutcome:
    """Full training on the workstation, float32: the same samples, the same passes. Means over the orders."""

    learning_rate: float
    batch_size: int
    after: float
    lowest: float
    source_change: float | None


@dataclass(frozen=True)
class TaskStudy:
    """One task: what each plan reached, beside full training on the workstation.

    Attributes:
        samples: of the target that are taught; passes: over them. orders: seeded, that are averaged. test_samples: of the target.
        rates: that were tried for each plan. board: whose arena, and where instructions were counted.
        weights, layer_rates: of what trains on the device, as in `Learning`.
    """

    task: str
    title: str
    model: str
    samples: int
    passes: int
    orders: int
    seed: int
    test_samples: int
    validation_samples: int
    rates: tuple[float, ...]
    replays_per_step: int
    board: str
    host: HostOutcome
    plans: tuple[PlanOutcome, ...]
    weights: str = "float32"
    layer_rates: str = "balanced"

    @property
    def special(self) -> tuple[str, ...]:
        """Say which of its settings are not the default: "int8 weights", "equal rates"."""
        return tuple(
            words for words, is_so in (("int8 weights", self.weights == "int8"), ("equal rates", self.layer_rates == "equal")) if is_so
        )

    @property
    def name(self) -> str:
        """Of its file: digits, digits-int8, digits-equal."""
        return "-".join((self.task, *(words.partition(" ")[0] for words in self.special)))


def samples_to(curve: Sequence[CurvePoint], share: float) -> int:
    """Return the samples of the first point of a curve whose accuracy is `share` of the last one's, or more."""
    goal = share * curve[-1].accuracy
    return next(point.samples for point in curve if point.accuracy >= goal)


def write_study(study: TaskStudy, path: Path) -> None:
    """Write a study as JSON."""
    document = {"format": FORMAT, **asdict(study)}
    write_whole(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def read_study(path: Path) -> TaskStudy:
    """Read a study.

    Raises:
        BenchError: no such file, or something else in it.
    """
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError("another format")
        plans = tuple(
            PlanOutcome(**{**plan, "curve": tuple(CurvePoint(**point) for point in plan["curve"])}) for plan in fields.pop("plans")
        )
        return TaskStudy(**{**fields, "rates": tuple(fields["rates"]), "host": HostOutcome(**fields["host"]), "plans": plans})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchError(f"{path} is no study of freeze plans: {error}", hint="tinytl study plans -o FOLDER writes them") from error
