# SPDX-License-Identifier: Apache-2.0
"""Full training on the workstation, the study's measure: all layers, float32, the samples and the passes that the plans have."""

from statistics import fmean
from typing import Any

import numpy as np

from tinytl.training.fine_tuning import accuracy, fine_tune, model_inputs
from tinytl_bench.studies.plans.outcomes import HostOutcome
from tinytl_bench.studies.plans.settings import StudySettings, best
from tinytl_bench.studies.plans.tasks import OpenTask, StudyTask
from tinytl_bench.sweep.settings import validation_count


def study_host(task: StudyTask, opened: OpenTask, settings: StudySettings) -> HostOutcome:
    """Train with the learning rate and the batch that are best on the validation part; then on all samples, once an order.

    Args:
        task: whose passes count. opened: its model and data. settings: recipes to choose from, orders, seed.
    """
    model, target, source = opened.model, opened.target, opened.source
    x_train, x_test = (model_inputs(model, x, opened.value_range) for x in (target.x_train, target.x_test))
    held_out = validation_count(len(x_train))

    def trained(x: np.ndarray, y: np.ndarray, recipe: tuple[float, int], seed: int) -> Any:
        return fine_tune(model, x, y, learning_rate=recipe[0], batch_size=recipe[1], passes=task.passes, seed=seed)

    def validated(recipe: tuple[float, int]) -> float:
        learned = trained(x_train[held_out:], target.y_train[held_out:], recipe, settings.seed)
        return accuracy(learned, x_train[:held_out], target.y_train[:held_out])

    recipe = best(settings.host_recipes, validated)
    models = [trained(x_train, target.y_train, recipe, settings.seed + order) for order in range(settings.orders)]
    ends = [accuracy(learned, x_test, target.y_test) for learned in models]
    change = None
    if task.shares_labels:
        known = model_inputs(model, source.x_test, opened.value_range)
        change = fmean(accuracy(learned, known, source.y_test) for learned in models) - accuracy(model, known, source.y_test)
    return HostOutcome(*recipe, fmean(ends), min(ends), change)
