# SPDX-License-Identifier: Apache-2.0
"""How far samples lie from what a bundle was made with: the drift that a device tells of each, over whole test splits.

In: a bundle and datasets, as they are or changed. Out: a row each: the mean and the span of nine samples in ten. The scores are the twin's,
which are a device's to the bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.compiler import compile_bundle
from tinytl.data import Dataset, prepare_samples
from tinytl.errors import BenchError
from tinytl.progress import Progress, silent
from tinytl_bridge.twin import TwinModel

NOISE_LEVELS = 60
_AS_IT_IS = "as it is"


@dataclass(frozen=True)
class DriftRow:
    """Drift of single samples; about 1 where they are like the source task's.

    Attributes:
        dataset: its name. change: what was done to its images, "as it is" or one of `CHANGES`. samples: looked at.
        mean, low, high: of their scores; one in twenty is below `low`, one in twenty above `high`.
    """

    dataset: str
    change: str
    samples: int
    mean: float
    low: float
    high: float


def _noisy(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.clip(np.rint(x + generator.normal(0.0, NOISE_LEVELS, x.shape)), 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "half as bright": lambda x, _: x // 2,
    f"noise of {NOISE_LEVELS} levels": _noisy,
    "inverted": lambda x, _: 255 - x,
}
"""What can happen to a camera, for images of uint8."""


def study_drift(
    bundle: Path, datasets: Sequence[Dataset], *, samples: int = 1000, changed: bool = False, seed: int = 1,
    progress: Progress | None = None,
) -> tuple[DriftRow, ...]:  # fmt: skip
    """Score the test splits of datasets with a bundle.

    Args:
        bundle: a file with statistics of its source task. datasets: with samples that the bundle takes; uint8 images if `changed`.
        samples: at most so many of each, the first ones. changed: also with each of `CHANGES`. seed: of the noise.
        progress: told before each row; None: nobody.

    Raises:
        BenchError: a bundle that has no statistics of its source task; images that cannot be changed.
    """
    report, read = progress or silent, read_bundle(bundle)
    for dataset in datasets:
        if changed and dataset.x_test.dtype != np.uint8:
            raise BenchError(f"dataset {dataset.name!r} holds {dataset.x_test.dtype}", expected="uint8 images, which can be changed")
    twin = TwinModel(compile_bundle(read).data)
    rows: list[DriftRow] = []
    for dataset in datasets:
        x, generator = dataset.x_test[:samples], np.random.default_rng(seed)
        images = {_AS_IT_IS: x} | ({name: change(x, generator) for name, change in CHANGES.items()} if changed else {})
        for change, those in images.items():
            report(f"study: drift of {dataset.name}, {change}", len(rows), len(datasets) * len(images))
            rows.append(_row(dataset.name, change, _scores(twin, read, bundle, those)))
    report("study: drift", len(rows), len(rows))
    return tuple(rows)


def _row(dataset: str, change: str, scores: np.ndarray) -> DriftRow:
    low, high = (float(end) for end in np.percentile(scores, (5, 95)))
    return DriftRow(dataset, change, len(scores), float(scores.mean()), low, high)


def _scores(twin: TwinModel, read: Bundle, bundle: Path, x: np.ndarray) -> np.ndarray:
    scores = []
    for sample in prepare_samples(x, read.manifest["input"], read.manifest["preprocessing"]):
        twin.invoke(sample[None])
        scores.append(twin.drift())
    if scores and min(scores) < 0:
        raise BenchError(
            f"{bundle.name} has no statistics of its source task",
            expected="a replay set with two samples of each class or more",
            hint="tinytl export --replay-samples 200",
        )
    return np.array(scores)
