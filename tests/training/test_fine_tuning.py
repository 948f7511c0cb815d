# SPDX-License-Identifier: Apache-2.0
"""Full training on the workstation: every layer learns, on a copy; equal seeds give equal weights."""

from typing import Any

import numpy as np
import pytest

from tiny_task import tiny_task
from tinytl.errors import ModelError
from tinytl.training.fine_tuning import accuracy, fine_tune, model_inputs

TARGET = tiny_task("other names", seed=11)
LABELS = (TARGET.y_train + 1) % 4


@pytest.mark.long
def test_a_copy_learns_with_all_layers(tiny_model: Any) -> None:
    before = tiny_model.get_weights()
    x = model_inputs(tiny_model, TARGET.x_train, (0.0, 1.0))
    assert x.dtype == np.float32 and 0.5 < x.max() <= 1.0
    learned, again, other = (fine_tune(tiny_model, x, LABELS, learning_rate=0.01, passes=10, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(was, now) for was, now in zip(before, tiny_model.get_weights(), strict=True))
    assert not any(np.array_equal(was, now) for was, now in zip(before, learned.get_weights(), strict=True))
    assert all(np.array_equal(one, two) for one, two in zip(learned.get_weights(), again.get_weights(), strict=True))
    assert not np.array_equal(learned.get_weights()[0], other.get_weights()[0])
    x_test, y_test = model_inputs(tiny_model, TARGET.x_test, (0.0, 1.0)), (TARGET.y_test + 1) % 4
    assert accuracy(tiny_model, x_test, y_test) < 0.2
    assert accuracy(learned, x_test, y_test) > 0.8


def test_layers_that_are_not_named_stay(tiny_model: Any) -> None:
    x = model_inputs(tiny_model, TARGET.x_train[:64], (0.0, 1.0))
    trains = {"pointwise": "bias", "classes": "all"}
    learned = fine_tune(tiny_model, x, LABELS[:64], learning_rate=0.01, trains=trains)
    pairs = zip(tiny_model.weights, learned.weights, strict=True)
    changed = ["/".join(after.path.split("/")[-2:]) for before, after in pairs if not np.array_equal(before.numpy(), after.numpy())]
    assert changed == ["pointwise/bias", "classes/kernel", "classes/bias"]


@pytest.mark.parametrize("name", ["passes", "batch_size"])
def test_refusals(tiny_model: Any, name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} is 0; expected 1 or more"):
        fine_tune(tiny_model, TARGET.x_train, LABELS, learning_rate=0.01, **{name: 0})
