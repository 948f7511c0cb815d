# SPDX-License-Identifier: Apache-2.0
"""What the demo is told, and what it sees: the facts that its story is made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinytl_bridge.wire.results import Evaluation, TaughtSample


@dataclass(frozen=True)
class DemoSettings:
    """What the demo does.

    Attributes:
        out: folder for everything it makes. target: an emulated board, or `host`.
        samples: target samples to teach, in one pass. epochs: of pretraining. seed: of everything random.
    """

    out: Path
    target: str = "qemu:mps2-an386"
    samples: int = 898
    epochs: int = 60
    seed: int = 1


@dataclass(frozen=True)
class Point:
    """Accuracies of the device after so many taught samples; source None where it was not evaluated."""

    samples: int
    target: Evaluation
    source: Evaluation | None


@dataclass(frozen=True)
class Taught:
    """What was seen on the device. points: first before teaching, last after; head: its parameters after the last."""

    points: tuple[Point, ...]
    steps: tuple[TaughtSample, ...]
    head: np.ndarray
    after_power_cycle: Evaluation
    head_after_power_cycle: np.ndarray
    static_bytes: int
    stack_bytes: int
