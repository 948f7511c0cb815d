# SPDX-License-Identifier: Apache-2.0
"""Which freeze plan reaches what after deployment: each plan taught a stream on the twin, beside full training on the workstation.

In: a `StudyTask` and settings. Out: a `TaskStudy`. Learning rates are chosen on a quarter of the target's training samples, which is not
taught then; the test split is only looked at with the rate that was chosen, and then all samples are taught. The learning rate falls to 0
along a cosine over the stream, on the device as on the workstation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from tinytl.bundle import Bundle
from tinytl.compiler import compile_bundle
from tinytl.data import Dataset
from tinytl.energy import full_step_nj
from tinytl.errors import BenchError
from tinytl.exporting import export_model
from tinytl.fine_tuning import accuracy, fine_tune, model_inputs
from tinytl.freeze_plans import parse_plan
from tinytl.learning import Learning
from tinytl.plan import cut
from tinytl.progress import Progress, silent
from tinytl_bench.figures import work_of
from tinytl_bench.measuring import bench
from tinytl_bench.plan_studies.outcomes import CurvePoint, HostOutcome, PlanOutcome, TaskStudy
from tinytl_bench.plan_studies.tasks import OpenTask, StudyTask
from tinytl_bench.plan_studies.twin_head import TwinHead, extract
from tinytl_bridge.boards import load_board, roomiest

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
HOST_RECIPES = tuple((rate, batch_size) for rate in (0.0003, 0.001, 0.003, 0.01, 0.03) for batch_size in (8, 32))
REPLAY_BYTES = 32 * 1024
"""Replay set in flash and replay buffer in RAM together, half and half."""
REPLAYS = 4
VALIDATION_SHARE = 0.25
DEFAULT_TARGET = "qemu:mps2-an386"
_CHECKPOINTS = (0, 10, 20, 50, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000)


@dataclass(frozen=True)
class StudySettings:
    """How plans are compared.

    Attributes:
        folder: for pretrained models and bundles. plans, samples, passes: instead of the task's.
        orders: seeded, that are averaged. rates: learning rates to choose from; host_recipes: (learning rate, batch size)
            for full training. count_on: target whose instructions of a step are
            counted, e.g. qemu:mps2-an386; None: they are not.
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

    @property
    def board(self) -> str:
        """The board whose arena and instructions are told."""
        return (self.count_on or DEFAULT_TARGET).partition(":")[2]


@dataclass(frozen=True)
class _Lessons:
    """Samples to learn, drawn from a target's train split, in the form that a learner takes."""

    x: np.ndarray
    y: np.ndarray

    def part(self, chosen: slice) -> "_Lessons":
        return _Lessons(self.x[chosen], self.y[chosen])


def study_task(task: StudyTask, settings: StudySettings, *, progress: Progress | None = None) -> TaskStudy:
    """Teach a task by every plan.

    Raises:
        BenchError: too few samples, no rates. ModelError: a plan that does not work for the model. DataError: data that is not there.
    """
    report = progress or silent
    _check(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    opened = task.open(settings.folder, report)
    task = replace(task, plans=settings.plans or task.plans, passes=settings.passes or task.passes)
    for plan in task.plans:
        cut(opened.model, plan)
    target = _stream(opened.target, settings.samples or task.samples, settings.seed)
    opened = replace(opened, target=target)
    outcomes = []
    for number, plan in enumerate(task.plans):
        report(f"study: {task.name}, {plan}", number, len(task.plans) + 1)
        outcomes.append(_study_plan(plan, task, opened, settings))
    report(f"study: {task.name}, full training on the workstation", len(task.plans), len(task.plans) + 1)
    host = _study_host(task, opened, settings)
    report(f"study: {task.name}", len(task.plans) + 1, len(task.plans) + 1)
    count = len(target.x_train)
    return TaskStudy(
        task.name, task.title, opened.model_name, count, task.passes, settings.orders, settings.seed, len(target.x_test),
        _validation_count(count), settings.rates, REPLAYS if task.shares_labels else 0, settings.board, host, tuple(outcomes),
    )  # fmt: skip


def _check(settings: StudySettings) -> None:
    for name, value, least in (("samples", settings.samples, 8), ("passes", settings.passes, 1), ("orders", settings.orders, 1)):
        if value is not None and value < least:
            raise BenchError(f"{name} {value}", expected=f"{least} or more")
    if not settings.rates:
        raise BenchError("no learning rates to choose from", expected="one or more", hint="--rates 0.003,0.01,0.03")
    for plan in settings.plans:
        parse_plan(plan)
    if settings.count_on is not None and not settings.count_on.startswith("qemu:"):
        what = f"steps cannot be counted on {settings.count_on!r}"
        raise BenchError(what, expected="an emulated board", hint=f"--count-on {DEFAULT_TARGET}")
    load_board(settings.board)


def _stream(target: Dataset, samples: int, seed: int) -> Dataset:
    """Return a target whose train split is what is taught, in seeded order."""
    chosen = np.random.default_rng(seed).permutation(len(target.x_train))[:samples]
    return replace(target, x_train=target.x_train[chosen], y_train=target.y_train[chosen])


def _validation_count(count: int) -> int:
    return max(round(VALIDATION_SHARE * count), 1)


def _best(rates: Sequence[Any], accuracy_of: Callable[[Any], float]) -> Any:
    """Return what is most accurate on the validation part; of equals the first."""
    return max(rates, key=accuracy_of) if len(rates) > 1 else rates[0]


def _study_plan(plan: str, task: StudyTask, opened: OpenTask, settings: StudySettings) -> PlanOutcome:
    bundle, path = _exported(plan, task, opened, settings)
    target, source = opened.target, opened.source
    lessons, tests = (_Lessons(extract(bundle, x), y) for x, y in ((target.x_train, target.y_train), (target.x_test, target.y_test)))
    known = _Lessons(extract(bundle, source.x_test), source.y_test) if task.shares_labels else None
    held_out = _validation_count(len(lessons.y))
    validation, taught = lessons.part(slice(held_out)), lessons.part(slice(held_out, None))

    def validated(rate: float) -> float:
        return _taught(bundle, taught, validation, rate=rate, passes=task.passes, seed=settings.seed)[0][-1].accuracy

    rate = _best(sorted(settings.rates), validated)
    curves, diverged, changes = [], 0, []
    for order in range(settings.orders):
        seed = settings.seed + order
        curve, head, lost = _taught(bundle, lessons, tests, rate=rate, passes=task.passes, seed=seed, checkpoints=_CHECKPOINTS)
        curves.append(curve)
        diverged += lost
        if known is not None:
            changes.append(head.accuracy(known.x, known.y) - _factory(bundle).accuracy(known.x, known.y))
    ends = [curve[-1].accuracy for curve in curves]
    board = load_board(settings.board)
    image = compile_bundle(bundle, family=board.family)
    return PlanOutcome(
        plan, rate, curves[0][0].accuracy, fmean(ends), min(ends), fmean(changes) if changes else None, _mean_curve(curves), diverged,
        image.arena_bytes, image.arena_bytes <= board.memory.arena_bytes,
        image.replay_set_bytes + bundle.head.learning.replay_buffer_bytes,
        _step_instructions(path, source, settings.board) if settings.count_on else None, full_step_nj(work_of(bundle, image)),
    )  # fmt: skip


def _exported(plan: str, task: StudyTask, opened: OpenTask, settings: StudySettings) -> tuple[Bundle, Path]:
    """Export a bundle whose replay set and buffer share `REPLAY_BYTES`."""
    features = cut(opened.model, plan).head.feature_count
    half = REPLAY_BYTES // 2 if task.shares_labels else 0
    learning = Learning(replays_per_step=REPLAYS if task.shares_labels else 0, replay_buffer_bytes=half)
    path = settings.folder / f"{task.name}-{plan.replace(':', '-').replace('%', '')}.tinytl"
    bundle = export_model(
        opened.model, opened.source, plan=plan, out=path, model_name=opened.model_name, value_range=opened.value_range,
        learning=learning, replay_samples=half // (features + 2),
        channel_dataset=opened.target if parse_plan(plan).percent else None, seed=settings.seed,
    )  # fmt: skip
    return bundle, path


def _taught(
    bundle: Bundle, lessons: _Lessons, tests: _Lessons, *, rate: float, passes: int, seed: int, checkpoints: Sequence[int] = ()
) -> tuple[tuple[CurvePoint, ...], TwinHead, int]:
    """Teach all lessons `passes` times, each pass in an order of its own.

    Returns:
        The curve on `tests`, the head after it, samples that diverged.
    """
    total = passes * len(lessons.y)
    learning = replace(bundle.head.learning, learning_rate=rate, schedule="cosine", schedule_steps=total, schedule_factor=0.0)
    head, generator = TwinHead(bundle, learning), np.random.default_rng(seed)
    order = np.concatenate([generator.permutation(len(lessons.y)) for _ in range(passes)])
    curve, diverged, done = [], 0, 0
    for stop in (*(each for each in checkpoints if each < total), total):
        diverged += head.teach(lessons.x[order[done:stop]], lessons.y[order[done:stop]])
        done = stop
        curve.append(CurvePoint(stop, head.accuracy(tests.x, tests.y)))
    return tuple(curve), head, diverged


def _factory(bundle: Bundle) -> TwinHead:
    return TwinHead(bundle, bundle.head.learning)


def _mean_curve(curves: Sequence[Sequence[CurvePoint]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(points[0].samples, fmean(point.accuracy for point in points)) for points in zip(*curves, strict=True))


def _step_instructions(path: Path, source: Dataset, board: str) -> int:
    """Count a step on the board, or on the same machine with all its memory, which counts the same."""
    counted = bench(path, target=f"qemu:{roomiest(board)}", dataset=source, samples=1)
    return int(counted.figures["instructions_per_teach_step"].value)


def _study_host(task: StudyTask, opened: OpenTask, settings: StudySettings) -> HostOutcome:
    """Train all layers on the workstation, with the learning rate and the batch that are best on the validation part."""
    model, target, source = opened.model, opened.target, opened.source
    x_train, x_test = (model_inputs(model, x, opened.value_range) for x in (target.x_train, target.x_test))
    held_out = _validation_count(len(x_train))

    def trained(x: np.ndarray, y: np.ndarray, recipe: tuple[float, int], seed: int) -> Any:
        return fine_tune(model, x, y, learning_rate=recipe[0], batch_size=recipe[1], passes=task.passes, seed=seed)

    def validated(recipe: tuple[float, int]) -> float:
        learned = trained(x_train[held_out:], target.y_train[held_out:], recipe, settings.seed)
        return accuracy(learned, x_train[:held_out], target.y_train[:held_out])

    recipe = _best(settings.host_recipes, validated)
    ends, changes = [], []
    known = model_inputs(model, source.x_test, opened.value_range) if task.shares_labels else None
    for order in range(settings.orders):
        learned = trained(x_train, target.y_train, recipe, settings.seed + order)
        ends.append(accuracy(learned, x_test, target.y_test))
        if known is not None:
            changes.append(accuracy(learned, known, source.y_test) - accuracy(model, known, source.y_test))
    return HostOutcome(recipe[0], recipe[1], fmean(ends), min(ends), fmean(changes) if changes else None)
