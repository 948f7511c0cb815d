# SPDX-License-Identifier: Apache-2.0
"""One cell of a sweep: a plan's head learns with one rate, in one order, in one place, and is judged.

In: a `Job` with paths, which can go to another process. Out: what it reached; the head's parameters lie in a file. A cell sees no test
sample: `look` judges a head that was kept, once all is chosen.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.errors import BenchError
from tinytl.files import write_whole
from tinytl.head.learning import Learning
from tinytl_bench.sweep.features.extraction import FeatureFile
from tinytl_bench.sweep.features.twin_head import TwinHead
from tinytl_bench.sweep.metrics import Quality, quality
from tinytl_bench.sweep.preparing import file_name
from tinytl_bench.sweep.settings import TWIN

_AT_ONCE = 1024
"""Samples whose features are copied into memory together."""


@dataclass(frozen=True)
class Cell:
    """What is tried. place: "twin" or "host". rate: learning rate of the first step. seed: of the order."""

    place: str
    plan: str
    weights: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """Of its row and of its head's file."""
        return f"{self.place}-{file_name(self.plan)}-{self.weights}-{self.rate:g}-{self.seed}"


@dataclass(frozen=True)
class Job:
    """A cell with all that another process needs.

    Attributes:
        bundle_path: of its plan. features: of the target's training split, the first `held_out` the validation part; labels: (N,).
        passes: over what is taught. batch_size: on the host. heads: folder that keeps the head.
    """

    cell: Cell
    bundle_path: Path
    features: FeatureFile
    labels: np.ndarray
    held_out: int
    passes: int
    batch_size: int
    heads: Path

    @property
    def head_path(self) -> Path:
        """Where the head's parameters lie once it has learned."""
        return self.heads / f"{self.cell.name}.npy"


def learning_of(bundle: Bundle, rate: float, steps: int) -> Learning:
    """Return how a cell's head learns on a device: as its bundle says, with a rate that falls to 0 along half a cosine.

    Args:
        bundle: of the plan. rate: of the first step. steps: taught samples until it is 0, ≥ 1.
    """
    return replace(bundle.head.learning, learning_rate=rate, schedule="cosine", schedule_steps=steps, schedule_factor=0.0)


def stream_order(count: int, passes: int, *, seed: int) -> np.ndarray:
    """Return the order in which a device is taught: (passes × count,) sample numbers, each pass in an order of its own.

    Args:
        count: samples. passes: over them, ≥ 1. seed: of the orders.
    """
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.permutation(count) for _ in range(passes)])


def run_cell(job: Job) -> dict[str, Any]:
    """Teach what is not held out, judge on what is; keep the head.

    Returns:
        accuracy, loss, macro_f1 on the validation part; diverged: samples that changed nothing; seconds.
    """
    start = perf_counter()
    held_out = slice(job.held_out)
    taught, labels = job.features.rows(slice(job.held_out, None)), job.labels[job.held_out :]
    head = _head_of(job, steps=job.passes * len(labels))
    diverged = 0
    if isinstance(head, TwinHead):
        order = stream_order(len(labels), job.passes, seed=job.cell.seed)
        parts = (order[start : start + _AT_ONCE] for start in range(0, len(order), _AT_ONCE))
        diverged = sum(head.teach(taught[rows], labels[rows]) for rows in parts)
    else:
        settings = {"batch_size": job.batch_size, "passes": job.passes, "seed": job.cell.seed}
        head.fit(taught, labels, learning_rate=job.cell.rate, **settings)
    reached = quality(head.logits(job.features.rows(held_out)), job.labels[held_out])
    stream = io.BytesIO()
    np.save(stream, head.parameters)
    write_whole(job.head_path, stream.getvalue())
    return {**vars(reached), "diverged": diverged, "seconds": perf_counter() - start}


def look(job: Job, sets: Sequence[tuple[FeatureFile, np.ndarray]]) -> list[tuple[Quality, Quality]]:
    """Judge the head that a cell has left, and the factory's.

    Args:
        job: the cell's. sets: features and labels of the samples to judge by.

    Returns:
        Before and after learning, for each set.

    Raises:
        BenchError: the head is not there or not whole.
    """
    head = _head_of(job, steps=1)
    before = [quality(head.logits(features.rows(slice(None))), labels) for features, labels in sets]
    try:
        head.load(np.load(job.head_path))
    except (OSError, ValueError) as error:
        hint = "delete results.jsonl beside it: its cells are done again"
        raise BenchError(f"{job.head_path} cannot be read: {error}", hint=hint) from error
    return [
        (first, quality(head.logits(features.rows(slice(None))), labels)) for first, (features, labels) in zip(before, sets, strict=True)
    ]


def _head_of(job: Job, *, steps: int) -> Any:
    """Return the factory's head in the cell's place: a `TwinHead` or a `HeadTrainer`."""
    bundle = read_bundle(job.bundle_path)
    if job.cell.place == TWIN:
        return TwinHead(bundle, learning_of(bundle, job.cell.rate, steps))
    from tinytl.training.head_training import HeadTrainer

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each cell traces its own functions, which it finds worth a warning
    return HeadTrainer(bundle.head)
