# SPDX-License-Identifier: Apache-2.0
"""Classes that a model never saw, taught with few samples: how well they are told from all others, and what becomes of the old ones.

In: an int8 .tflite, recordings of what it knows, recordings of new classes. Out: a row for each number of samples: accuracy on the new
classes by speakers who taught nothing, and on the known ones before and after, over all classes as answers. Everything runs on the twin, in
seeded orders; a board can count what a sample costs. No sample that is tested was taught, replayed, or chosen settings with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.errors import DataError
from tinytl.exporting.export import export
from tinytl.exporting.packing import balanced
from tinytl.head.learning import Learning
from tinytl.measurement import Figure
from tinytl.progress import Progress, silent
from tinytl_bench.measuring import bench
from tinytl_bench.studies.recordings import Parts, Recordings, as_dataset, split_by_speaker, without_copies
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.wire.requests import TeachFlags

COUNTS = (5, 20, 100)
SETTINGS = Learning(learning_rate=0.02, replays_per_step=64, replay_buffer_bytes=8192)
REPLAY_SAMPLES = 400
"""Chosen on validation speakers, see docs/measured.md."""
_FIGURES = (
    "ram_bytes", "arena_bytes", "image_bytes", "instructions_per_inference", "instructions_per_teach_step",
    "instructions_per_taught_sample", "taught_sample_milliseconds_model",
)  # fmt: skip


@dataclass(frozen=True)
class Taught:
    """Means over the draws, and the lowest of them.

    Attributes:
        samples: of each new class, taught once. new, lowest_new: accuracy on the new classes, fractions.
        known_before, known, lowest_known: accuracy on the known ones, before and after.
    """

    samples: int
    new: float
    lowest_new: float
    known_before: float
    known: float
    lowest_known: float


@dataclass(frozen=True)
class NewClasses:
    """What a study found.

    Attributes:
        rows: one for each number of samples. classes: names of the new ones.
        tested_new, tested_known: samples. speakers: how many the new ones are of.
        left_out: known samples that are recordings of new classes too.
        figures: of one sample on a board, where one counted.
    """

    rows: tuple[Taught, ...]
    classes: tuple[str, ...]
    tested_new: int
    tested_known: int
    speakers: int
    left_out: int
    figures: dict[str, Figure]


def study_new_classes(
    model: Path, known: Recordings, new: Recordings, *, counts: Sequence[int] = COUNTS, orders: int = 5, learning: Learning = SETTINGS,
    replay_samples: int = REPLAY_SAMPLES, validation: bool = False, board: str | None = None, seed: int = 1,
    progress: Progress | None = None,
) -> NewClasses:  # fmt: skip
    """Export a .tflite with room for new classes, and teach them with few samples.

    Args:
        model: int8 .tflite. known: of its task. new: of classes that it does not have.
        counts: samples of each new class. orders: seeded draws of who teaches, what is replayed, which samples and in which order.
        learning: settings of the head. replay_samples: known ones that travel in the bundle.
        validation: measure on the validation parts, to choose settings by, and not on the test parts.
        board: emulated board on which a sample is counted, e.g. qemu:mps2-an386; None: none is. seed: of parts, exports and draws.
        progress: told after each count of each order; None: nobody.

    Raises:
        DataError: a class that both have, or one with fewer samples to teach with than asked for.
    """
    report = progress or silent
    distinct, names = without_copies(known, new), (*known.classes, *new.classes)
    _check(known, new, split_by_speaker(new, seed=seed), max(counts))
    outcomes: dict[int, list[tuple[float, float, float]]] = {count: [] for count in counts}
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as scratch, connect("host", state_dir=Path(scratch)) as device:
        for draw in range(orders):
            old, fresh = (split_by_speaker(recordings, seed=seed, draw=draw) for recordings in (distinct, new))
            measured = [split.validation if validation else split.test for split in (old, fresh)]
            tested = _Tested(measured[0], measured[1], names)
            path, source = Path(scratch) / "new-classes.tinytl", as_dataset(old.teaching, old.validation)
            bundle = export(
                model, dataset=source, out=path, learning=learning, replay_samples=replay_samples, class_capacity=len(names),
                seed=seed + draw,
            )  # fmt: skip
            if board and not figures:
                figures = bench(path, target=board, dataset=source, samples=1).figures
            device.flash(bundle)
            before = tested.known_on(device)
            for place, count in enumerate(counts):
                _teach(device, fresh.teaching, count, names, np.random.default_rng((seed, draw)))
                outcomes[count].append((before, *tested.on(device)))
                report("study", draw * len(counts) + place + 1, len(counts) * orders)
    rows = tuple(_row(count, outcomes[count]) for count in counts)
    return NewClasses(
        rows, new.classes, len(tested.new), len(tested.known), len(np.unique(tested.new.speakers)), len(known) - len(distinct),
        {name: figures[name] for name in _FIGURES if name in figures},
    )  # fmt: skip


@dataclass(frozen=True)
class _Tested:
    """What accuracy is measured on; names: of all classes, the known ones first."""

    known: Recordings
    new: Recordings
    names: tuple[str, ...]

    def on(self, device: Device) -> tuple[float, float]:
        """Return the accuracy on the known and on the new classes, once these are taught."""
        shift = len(self.names) - len(self.new.classes)
        return self.known_on(device), device.evaluate(self.new.x, self.new.y + shift, classes=self.names).accuracy

    def known_on(self, device: Device) -> float:
        """Return the accuracy on the known classes."""
        return device.evaluate(self.known.x, self.known.y, classes=self.names).accuracy


def _teach(device: Device, pool: Recordings, count: int, names: tuple[str, ...], generator: np.random.Generator) -> None:
    """Teach the factory head `count` samples of each new class, in random order."""
    lessons = pool[generator.permutation(balanced(pool.y, count * len(pool.classes), generator))]
    device.rollback("factory")
    labels = lessons.y + len(names) - len(pool.classes)
    device.teach(lessons.x, labels, classes=names, new_classes=True, flags=TeachFlags(guard=False))


def _row(count: int, outcomes: Sequence[tuple[float, float, float]]) -> Taught:
    before, known, new = zip(*outcomes, strict=True)
    return Taught(count, fmean(new), min(new), fmean(before), fmean(known), min(known))


def _check(known: Recordings, new: Recordings, fresh: Parts, count: int) -> None:
    both = sorted(set(known.classes) & set(new.classes))
    if both:
        raise DataError(f"class {', '.join(map(repr, both))} is known and new", expected="new classes that the model does not have")
    fewest = int(np.bincount(fresh.teaching.y, minlength=len(new.classes)).min())
    if fewest < count:
        raise DataError(f"{new.name} has {fewest} samples of a class to teach with", expected=f"{count}", hint="fewer --samples")
