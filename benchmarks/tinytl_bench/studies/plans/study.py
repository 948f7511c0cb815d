# SPDX-License-Identifier: Apache-2.0
"""Which freeze plan reaches what after deployment: each plan taught a stream on the twin, beside full training on the workstation.

In: a `StudyTask` and settings. Out: a `TaskStudy`. Learning rates are chosen on a quarter of the target's training samples, which is not
taught then; the test split is only looked at with the rate that was chosen, and then all samples are taught. The learning rate falls to 0
along a cosine over the stream, on the device as on the workstation.
"""

from dataclasses import replace

import numpy as np

from tinytl.cutting.keras_cut import cut
from tinytl.cutting.plan_names import parse_plan
from tinytl.data import Dataset
from tinytl.progress import Progress, silent
from tinytl_bench.studies.plans.on_device import REPLAYS, study_plan
from tinytl_bench.studies.plans.on_workstation import study_host
from tinytl_bench.studies.plans.outcomes import TaskStudy
from tinytl_bench.studies.plans.settings import StudySettings, check_settings
from tinytl_bench.studies.plans.tasks import StudyTask
from tinytl_bench.sweep.settings import validation_count


def study_task(task: StudyTask, settings: StudySettings, *, progress: Progress | None = None) -> TaskStudy:
    """Teach a task by every plan.

    Args:
        task: what is taught. settings: what is compared, and what stands instead of the task's own.
        progress: told before each plan; None: nobody.

    Raises:
        BenchError, BuildError: settings that cannot be used. ModelError: a plan that does not work for the model. DataError: data that is
            not there.
    """
    report = progress or silent
    check_settings(settings)
    settings.folder.mkdir(parents=True, exist_ok=True)
    opened = task.open(settings.folder, report)
    task = replace(task, plans=settings.plans or _plans_of(task, settings.weights), passes=settings.passes or task.passes)
    for plan in task.plans:
        cut(opened.model, plan)
    target = _stream(opened.target, settings.samples or task.samples, settings.seed)
    opened = replace(opened, target=target)
    outcomes = []
    for number, plan in enumerate(task.plans):
        report(f"study: {task.name}, {plan}", number, len(task.plans) + 1)
        outcomes.append(study_plan(plan, task, opened, settings))
    report(f"study: {task.name}, full training on the workstation", len(task.plans), len(task.plans) + 1)
    host = study_host(task, opened, settings)
    report(f"study: {task.name}", len(task.plans) + 1, len(task.plans) + 1)
    count = len(target.x_train)
    return TaskStudy(
        task.name, task.title, opened.model_name, count, task.passes, settings.orders, settings.seed, len(target.x_test),
        validation_count(count), settings.rates, REPLAYS if task.shares_labels else 0, settings.board, host, tuple(outcomes),
        settings.weights, settings.layer_rates,
    )  # fmt: skip


def _plans_of(task: StudyTask, weights: str) -> tuple[str, ...]:
    """Return the plans of a task that train weights, or biases too where they need not be bytes."""
    return tuple(plan for plan in task.plans if weights == "float32" or parse_plan(plan).last_trains == "all")


def _stream(target: Dataset, samples: int, seed: int) -> Dataset:
    """Return a target whose train split is what is taught, in seeded order."""
    order = np.random.default_rng(seed).permutation(len(target.x_train))[:samples]
    return replace(target, x_train=target.x_train[order], y_train=target.y_train[order])
