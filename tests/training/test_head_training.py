# SPDX-License-Identifier: Apache-2.0
"""A head that trains alone on kept features does what `Model.fit` does to the layers of the whole model that train."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_heads import HEADS

from thinning import thinned
from tiny_task import tiny_task
from tinytl.errors import ModelError
from tinytl.head.forward import logits
from tinytl.head.layers import Head
from tinytl.training.fine_tuning import model_inputs

pytest.importorskip("tensorflow", reason="needs tinytl[host]")
TARGET = tiny_task("other", seed=11, train=96)
PASSES, RATE = 12, 0.01


def features_of(head: Head, count: int = 6) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, head.feature_count)).astype(np.float32)


@pytest.mark.parametrize(
    "name", thinned(["conv, lopsided padding", "average pool, overlapping", "depthwise first, with strides", "dense block"], every=2)
)
def test_logits_are_those_of_the_head(name: str) -> None:
    from tinytl.training.head_training import HeadTrainer

    head = HEADS[name]
    x, ends = features_of(head), np.cumsum([int(np.prod(shape)) for shape in head.feature_shapes])[:-1]
    assert np.allclose(HeadTrainer(head).logits(x), logits(head, np.split(x, ends, axis=1)), atol=1e-5)


def frozen_fit(model: Any, trained: tuple[str, ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Train some layers of a copy, all samples a step, so that their order does not matter; return these layers' parameters."""
    import keras

    from tinytl.keras_graph import take_weights

    copy = keras.models.clone_model(model)
    take_weights(copy, model)
    for layer in copy.layers:
        layer.trainable = layer.name in trained
    rate = keras.optimizers.schedules.CosineDecay(RATE, PASSES)
    copy.compile(optimizer=keras.optimizers.Adam(rate), loss=keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    copy.fit(x, y, batch_size=len(x), epochs=PASSES, verbose=0)
    return np.concatenate(
        [part.ravel() for name in trained for part in (copy.get_layer(name).kernel.numpy().T, copy.get_layer(name).bias.numpy())]
    )


def test_learning_is_that_of_fit_on_the_frozen_model(tiny_model: Any) -> None:
    from tinytl.cutting.keras_cut import cut
    from tinytl.training.head_training import HeadTrainer

    parts = cut(tiny_model, "fc")
    x = model_inputs(tiny_model, TARGET.x_train, (0.0, 1.0))
    features = np.asarray(parts.extractor(x)).reshape(len(x), -1)
    trainer = HeadTrainer(parts.head)
    before = trainer.parameters
    trainer.fit(features, TARGET.y_train, learning_rate=RATE, batch_size=len(x), passes=PASSES)
    expected = frozen_fit(tiny_model, ("hidden", "classes"), x, TARGET.y_train)
    moved = np.abs(trainer.parameters - before).max()
    assert moved > 0.03
    assert np.abs(trainer.parameters - expected).max() < 1e-3 * moved
    again = HeadTrainer(parts.head)
    again.load(trainer.parameters)
    assert np.array_equal(again.logits(features), trainer.logits(features))


def test_equal_seeds_give_equal_parameters() -> None:
    from tinytl.training.head_training import HeadTrainer

    head = HEADS["biases and the last dense"]
    x, y = features_of(head, 40), np.arange(40) % head.shapes[-1][2]
    learned = []
    for seed in (1, 1, 2):
        trainer = HeadTrainer(head)
        trainer.fit(x, y, learning_rate=0.01, batch_size=7, passes=2, seed=seed)
        learned.append(trainer.parameters)
    assert np.array_equal(learned[0], learned[1]) and not np.array_equal(learned[0], learned[2])
    assert learned[0].shape == (head.trained_count,)


def test_refusals() -> None:
    from tinytl.training.head_training import HeadTrainer

    with pytest.raises(
        ModelError, match="a head with dropout or another loss is not trained alone; expected softmax_cross_entropy, no Dropout"
    ):
        HeadTrainer(HEADS["dropout"])
    head = HEADS["dense block"]
    with pytest.raises(ModelError, match="a head with dropout or another loss"):
        HeadTrainer(replace(head, learning=replace(head.learning, loss="squared_error")))
    trainer = HeadTrainer(head)
    for name in ("passes", "batch_size"):
        with pytest.raises(ModelError, match=f"{name} is 0; expected 1 or more"):
            trainer.fit(features_of(head), np.zeros(6, int), learning_rate=0.01, **{name: 0})
    with pytest.raises(ModelError, match=r"parameters \(3,\); expected \(\d+,\), this head's"):
        trainer.load(np.zeros(3, np.float32))
