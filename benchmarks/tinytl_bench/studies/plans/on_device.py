# SPDX-License-Identifier: Apache-2.0
"""One freeze plan of a study: exported, taught on the twin, evaluated along the stream, and what it costs on a board."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler import compile_bundle
from tinytl.cutting.keras_cut import cut
from tinytl.cutting.plan_names import parse_plan
from tinytl.data import Dataset
from tinytl.energy import full_step_nj
from tinytl.exporting.export import export_model
from tinytl.head.learning import Learning
from tinytl_bench.figures import work_of
from tinytl_bench.studies.plans.outcomes import CurvePoint, PlanOutcome
from tinytl_bench.studies.plans.settings import StudySettings, best
from tinytl_bench.studies.plans.tasks import OpenTask, StudyTask
from tinytl_bench.sweep.cells import learning_of, stream_order
from tinytl_bench.sweep.features.twin_head import TwinHead, extract
from tinytl_bench.sweep.preparing import REPLAY_BYTES, count_instructions
from tinytl_bench.sweep.settings import validation_count
from tinytl_bridge.firmware.boards import load_board

REPLAYS = 4
_CHECKPOINTS = (0, 10, 20, 50, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000)


@dataclass(frozen=True)
class _Lessons:
    """Features (N, feature_count) int8 and labels (N,)."""

    x: np.ndarray
    y: np.ndarray

    def part(self, chosen: slice) -> "_Lessons":
        return _Lessons(self.x[chosen], self.y[chosen])


@dataclass(frozen=True)
class _Taught:
    """One stream. head: after it. diverged: samples that changed nothing."""

    curve: tuple[CurvePoint, ...]
    head: TwinHead
    diverged: int


def study_plan(plan: str, task: StudyTask, opened: OpenTask, settings: StudySettings) -> PlanOutcome:
    """Teach a plan with the learning rate that is best on the validation part; then all samples, once an order.

    Args:
        plan: freeze plan. task: whose passes count. opened: its model and data. settings: rates to choose from, orders, seed, board.
    """
    bundle, path = _exported(plan, task, opened, settings)
    target, source = opened.target, opened.source
    lessons = _Lessons(extract(bundle, target.x_train), target.y_train)
    tests = _Lessons(extract(bundle, target.x_test), target.y_test)
    rate = _chosen_rate(bundle, lessons, task.passes, settings)
    streams = [
        _teach(bundle, lessons, tests, rate=rate, passes=task.passes, seed=settings.seed + order, checkpoints=_CHECKPOINTS)
        for order in range(settings.orders)
    ]
    ends = [stream.curve[-1].accuracy for stream in streams]
    board = load_board(settings.board)
    image = compile_bundle(bundle, family=board.family)
    return PlanOutcome(
        plan=plan,
        learning_rate=rate,
        before=streams[0].curve[0].accuracy,
        after=fmean(ends),
        lowest=min(ends),
        source_change=_change(bundle, source, streams) if task.shares_labels else None,
        curve=_mean_curve([stream.curve for stream in streams]),
        diverged=sum(stream.diverged for stream in streams),
        arena_bytes=image.arena_bytes,
        fits=image.arena_bytes <= board.memory.arena_bytes,
        replay_bytes=image.replay_set_bytes + bundle.head.learning.replay_buffer_bytes,
        step_instructions=count_instructions(path, source, settings.board)[0] if settings.count_on else None,
        step_nj=full_step_nj(work_of(bundle, image)),
    )


def _exported(plan: str, task: StudyTask, opened: OpenTask, settings: StudySettings) -> tuple[Bundle, Path]:
    """Export a bundle whose replay set and buffer share `REPLAY_BYTES`."""
    features = cut(opened.model, plan).head.feature_count
    half = REPLAY_BYTES // 2 if task.shares_labels else 0
    replays = REPLAYS if task.shares_labels else 0
    learning = Learning(replays_per_step=replays, replay_buffer_bytes=half, weights=settings.weights, layer_rates=settings.layer_rates)
    words = (task.name, plan.replace(":", "-").replace("%", ""), settings.weights, settings.layer_rates)
    path = settings.folder / f"{'-'.join(words)}.tinytl"
    bundle = export_model(
        opened.model, opened.source, plan=plan, out=path, model_name=opened.model_name, value_range=opened.value_range,
        learning=learning, replay_samples=half // (features + 2),
        channel_dataset=opened.target if parse_plan(plan).percent else None, seed=settings.seed,
    )  # fmt: skip
    return bundle, path


def _chosen_rate(bundle: Bundle, lessons: _Lessons, passes: int, settings: StudySettings) -> float:
    held_out = validation_count(len(lessons.y))
    validation, taught = lessons.part(slice(held_out)), lessons.part(slice(held_out, None))

    def validated(rate: float) -> float:
        return _teach(bundle, taught, validation, rate=rate, passes=passes, seed=settings.seed).curve[-1].accuracy

    return best(sorted(settings.rates), validated)


def _teach(
    bundle: Bundle, lessons: _Lessons, tests: _Lessons, *, rate: float, passes: int, seed: int, checkpoints: Sequence[int] = ()
) -> _Taught:
    """Teach all lessons `passes` times, each pass in an order of its own, and evaluate on `tests` at checkpoints and at the end."""
    total = passes * len(lessons.y)
    head, order = TwinHead(bundle, learning_of(bundle, rate, total)), stream_order(len(lessons.y), passes, seed=seed)
    curve, diverged, done = [], 0, 0
    for stop in (*(checkpoint for checkpoint in checkpoints if checkpoint < total), total):
        diverged += head.teach(lessons.x[order[done:stop]], lessons.y[order[done:stop]])
        done = stop
        curve.append(CurvePoint(stop, head.accuracy(tests.x, tests.y)))
    return _Taught(tuple(curve), head, diverged)


def _change(bundle: Bundle, source: Dataset, streams: Sequence[_Taught]) -> float:
    """Return the accuracy on the source's test split after the streams minus that of the factory head."""
    features = extract(bundle, source.x_test)
    factory = TwinHead(bundle, bundle.head.learning).accuracy(features, source.y_test)
    return fmean(stream.head.accuracy(features, source.y_test) for stream in streams) - factory


def _mean_curve(curves: Sequence[Sequence[CurvePoint]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(points[0].samples, fmean(point.accuracy for point in points)) for points in zip(*curves, strict=True))
