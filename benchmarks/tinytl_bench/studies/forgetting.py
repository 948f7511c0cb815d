# SPDX-License-Identifier: Apache-2.0
"""What a model forgets when it is taught five classes that it did not have, and with which settings it forgets less.

In: tasks (`forgetting_tasks`). Out: a `ForgettingStudy`: for each task the ways that `PLAIN` names, and one more, chosen from `CANDIDATES`
on validation parts. The test parts are looked at once, with what was chosen. Everything is taught on the twin, each sample once, over
seeded orders; all classes are possible answers.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.errors import BenchError, DataError
from tinytl.exporting.export import export
from tinytl.exporting.packing import balanced, replay_count
from tinytl.files import write_whole
from tinytl.head.learning import Learning
from tinytl.progress import Progress, silent
from tinytl.typed_json import convert, decode
from tinytl_bench.studies.forgetting_tasks import OldAndNew
from tinytl_bench.sweep.features.twin_head import TwinHead, extract

LIMIT = 0.04
"""Of the accuracy on the old classes, what may be lost."""
SAMPLES, ORDERS = 30, 5


@dataclass(frozen=True)
class Way:
    """How new classes are learned. replay_samples: at most; None: `export` decides. The others are as in `Learning`."""

    plan: str
    learning_rate: float = 0.01
    replays_per_step: int = 16
    replay_buffer_bytes: int = 8192
    replay_samples: int | None = None

    @property
    def learning(self) -> Learning:
        """As `export` takes it."""
        return Learning(self.learning_rate, replays_per_step=self.replays_per_step, replay_buffer_bytes=self.replay_buffer_bytes)

    @property
    def options(self) -> str:
        """As `tinytl export` takes it; what is its default is not said."""
        default, own = asdict(Way(self.plan)), asdict(self)
        said = (f"--{name.replace('_', '-')} {own[name]:g}" for name in own if own[name] != default[name])
        return " ".join((f"--plan {self.plan}", *said))


PLAIN = (Way("fc+conv1"), Way("last-dense"))
"""The defaults of `export`."""
CANDIDATES = tuple(
    Way("last-dense", rate, 64, buffer, count) for rate, buffer, count in product((0.003, 0.01, 0.03), (8192, 16384, 32768), (None, 500))
)


@dataclass(frozen=True)
class Outcome:
    """One way on one task: fractions of a test part, means over the orders and the lowest."""

    way: Way
    old_before: float
    old: float
    lowest_old: float
    new: float
    lowest_new: float

    @property
    def forgotten(self) -> float:
        """What the old classes lost."""
        return self.old_before - self.old


@dataclass(frozen=True)
class TaskOutcomes:
    """A task, how many samples of old and of new classes were tested, and an outcome a way: the chosen one is the last."""

    name: str
    title: str
    tested_old: int
    tested_new: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Candidate:
    """A way that was tried. validation: its outcomes on the validation parts, one a task, in the order of the tasks."""

    way: Way
    validation: tuple[Outcome, ...]


@dataclass(frozen=True)
class ForgettingStudy:
    """samples: of each new class, each taught once. chosen: of the candidates."""

    samples: int
    orders: int
    chosen: Way
    candidates: tuple[Candidate, ...]
    tasks: tuple[TaskOutcomes, ...]


def study_forgetting(
    tasks: Sequence[OldAndNew], *, samples: int = SAMPLES, orders: int = ORDERS, plain: Sequence[Way] = PLAIN,
    candidates: Sequence[Way] = CANDIDATES, progress: Progress | None = None,
) -> ForgettingStudy:  # fmt: skip
    """Choose a way on the validation parts of all tasks together; then measure it, and the plain ones, on their test parts.

    Args:
        tasks: one or more. samples: of each new class. orders: seeded draws of the samples and of their order.
        plain: ways that are measured beside. candidates: to choose from, one or more. progress: told before each way; None: nobody.

    Raises:
        DataError: a new class with fewer samples to teach with.
    """
    report, ways = progress or silent, (*plain, *candidates)
    total, done = len(tasks) * (len(ways) + 1), 0
    tried: dict[Way, list[Outcome]] = {way: [] for way in candidates}
    test_outcomes: list[list[Outcome]] = []
    with TemporaryDirectory() as scratch:
        prepared = [_Prepared(task, samples, _largest(ways), Path(scratch)) for task in tasks]
        for task in prepared:
            test_outcomes.append([])
            for way in ways:
                report(f"study: {task.name}, {way.options}", done, total)
                (tried[way] if way in tried else test_outcomes[-1]).append(task.taught(way, orders, validation=way in tried))
                done += 1
        best = chosen_of([Candidate(way, tuple(outcomes)) for way, outcomes in tried.items()])
        for task, outcomes in zip(prepared, test_outcomes, strict=True):
            outcomes.append(task.taught(best, orders, validation=False))
        report("study: forgetting", total, total)
    rows = tuple(
        TaskOutcomes(task.name, task.title, len(task.old.y_test), len(task.new.y_test), tuple(outcomes))
        for task, outcomes in zip(tasks, test_outcomes, strict=True)
    )
    return ForgettingStudy(samples, orders, best, tuple(Candidate(way, tuple(trials)) for way, trials in tried.items()), rows)


def chosen_of(candidates: Sequence[Candidate]) -> Way:
    """Return the way that forgets at most `LIMIT` on most tasks; of equals the most accurate over old and new classes, mean over tasks."""

    def merit(candidate: Candidate) -> tuple[int, float]:
        within = sum(outcome.forgotten <= LIMIT for outcome in candidate.validation)
        return within, fmean(outcome.old + outcome.new for outcome in candidate.validation)

    return max(candidates, key=merit).way


def write_forgetting(study: ForgettingStudy, path: Path) -> None:
    """Write a study as JSON, whole or not at all."""
    write_whole(path, (json.dumps(asdict(study), indent=1, ensure_ascii=False) + "\n").encode())


def read_forgetting(path: Path) -> ForgettingStudy:
    """Read a stored study. Raises BenchError: what is wrong in it."""
    try:
        return convert(decode(path.read_bytes()), ForgettingStudy)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} is no study of forgetting: {error}", hint="tinytl study forgetting -o FILE writes one") from None


@dataclass(frozen=True)
class _Lessons:
    """Features (N, feature_count) int8 and class numbers (N,), the new classes behind the old ones."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class _Cut:
    """A bundle of one plan and what its extractor makes of the parts."""

    bundle: Bundle
    lessons: _Lessons
    tests: tuple[_Lessons, _Lessons]
    validation: tuple[_Lessons, _Lessons]


def _largest(ways: Sequence[Way]) -> dict[str, int]:
    return {way.plan: max(sibling.replay_samples or 0 for sibling in ways if sibling.plan == way.plan) for way in ways}


class _Prepared:
    """A task, exported once a plan with the most replayed samples that a way takes; fewer are the first ones of them."""

    def __init__(self, task: OldAndNew, samples: int, plans: dict[str, int], folder: Path) -> None:
        fewest = int(np.bincount(task.new.y_train, minlength=len(task.new.classes)).min())
        if fewest < samples:
            raise DataError(f"{task.name} has {fewest} samples of a class to teach with", expected=f"{samples}", hint="fewer --samples")
        self.name, self._samples, self._own = task.name, samples, len(task.old.classes)
        self._count = self._own + len(task.new.classes)
        self._cuts = {plan: self._cut(task, plan, replayed, folder) for plan, replayed in plans.items()}

    def _cut(self, task: OldAndNew, plan: str, replayed: int, folder: Path) -> _Cut:
        path = folder / f"{task.name}-{plan.replace(':', '-').replace('%', '')}.tinytl"
        bundle = export(task.run, dataset=task.old, plan=plan, out=path, replay_samples=replayed or None, class_capacity=self._count)

        def lessons(x: np.ndarray, y: np.ndarray, shift: int) -> _Lessons:
            return _Lessons(extract(bundle, x), y + shift)

        pairs = ((task.old, task.old_validation, 0), (task.new, task.new_validation, self._own))
        tests, validation = zip(
            *((lessons(test.x_test, test.y_test, shift), lessons(held.x_test, held.y_test, shift)) for test, held, shift in pairs),
            strict=True,
        )
        return _Cut(bundle, lessons(task.new.x_train, task.new.y_train, self._own), tests, validation)

    def taught(self, way: Way, orders: int, *, validation: bool) -> Outcome:
        """Teach a way once an order, and measure on the test parts or on the validation parts."""
        cut = self._cuts[way.plan]
        bundle, parts = _with_replayed(cut.bundle, way.replay_samples), cut.validation if validation else cut.tests
        before = TwinHead(bundle, way.learning).accuracy(parts[0].x, parts[0].y)
        old, new = zip(*self._accuracies(way, bundle, cut.lessons, parts, orders), strict=True)
        return Outcome(way, before, fmean(old), min(old), fmean(new), min(new))

    def _accuracies(
        self, way: Way, bundle: Bundle, lessons: _Lessons, parts: tuple[_Lessons, _Lessons], orders: int
    ) -> Iterator[tuple[float, float]]:
        for order in range(1, orders + 1):
            generator = np.random.default_rng(order)
            drawn = generator.permutation(balanced(lessons.y, self._samples * (self._count - self._own), generator))
            numbers = self._numbers(lessons.y[drawn])
            head = TwinHead(bundle, replace(way.learning, seed=order))
            head.teach(lessons.x[drawn], numbers[lessons.y[drawn]])
            old, new = (head.accuracy(part.x, numbers[part.y]) for part in parts)
            yield old, new

    def _numbers(self, labels: np.ndarray) -> np.ndarray:
        """Return the number that a device gives each class: new ones are numbered in the order in which they first come."""
        classes, first = np.unique(labels, return_index=True)
        numbers = np.arange(self._count)
        numbers[classes[np.argsort(first)]] = self._own + np.arange(len(classes))
        return numbers


def _with_replayed(bundle: Bundle, count: int | None) -> Bundle:
    """Return the bundle with the first samples of its replay set, which are of each class in turn; None: with as many as `export` takes."""
    if count is None:
        count = replay_count(bundle.head.feature_count)
    return replace(bundle, replay_features=bundle.replay_features[:count], replay_labels=bundle.replay_labels[:count])
