# SPDX-License-Identifier: Apache-2.0
"""The epochs of pretraining: a network learns in place, and after each epoch there is a `Training` from which it could go on.

Adam on softmax cross-entropy, cosine learning rate, seeded augmentation. Invariant: a training that is stopped and goes on from its last
`Training` ends with the same weights as one that was not stopped. Layers that draw from TensorFlow's global generator, in place of a
`SeedGenerator` as Keras's own do, are the exception: nothing can set that generator to where it was.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinytl import keras_models
from tinytl.data.augment import Augmentation, augment
from tinytl.data.dataset import Dataset
from tinytl.errors import ModelError
from tinytl.progress import Progress

RANGES = Augmentation()
AUGMENT_BLOCK = 1024  # images at a time: bounds memory on large datasets
ROW = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
"""One number of each an epoch."""


@dataclass(frozen=True)
class Settings:
    """What decides a training beside network and samples. Fields as of `tinytl.training.pretraining.pretrain`."""

    epochs: int
    seed: int
    batch_size: int
    learning_rate: float
    augment: bool
    patience: int

    def check(self) -> None:
        """Refuse what no training can have. Raises ModelError."""
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}", expected="1 or more")
        if not 0 < self.learning_rate < math.inf:
            raise ModelError(f"learning_rate is {self.learning_rate}", expected="a positive number")


@dataclass(frozen=True)
class Training:
    """Where a training stands after an epoch.

    Attributes:
        epoch: epochs done. kept: the one whose weights are the best, from 1.
        history: by `ROW`, one number an epoch.
        variables: all of the network, states of its seed generators among them. optimizer: all of Adam. best: weights of the kept epoch.
        generator: state of the generator of orders and augmentation, as NumPy gives it.
        stopped: a person stopped it before its end.
    """

    epoch: int
    kept: int
    history: dict[str, list[float]]
    variables: tuple[np.ndarray, ...]
    optimizer: tuple[np.ndarray, ...]
    best: tuple[np.ndarray, ...]
    generator: dict[str, Any]
    stopped: bool = False

    def goes_on(self, settings: Settings) -> bool:
        """Tell whether another epoch follows: none behind the last one, and none that no good one came before for long."""
        return self.epoch < settings.epochs and (self.epoch == 0 or self.epoch - self.kept < settings.patience)


def train(network: Any, data: Dataset, settings: Settings, progress: Progress, *, start: Training | None = None) -> Training:
    """Train in place; the network is left with the best weights.

    Args:
        network: keras.Model, built. data: samples as it takes them; the test split is what decides which epoch is the best.
        settings: that their `check` does not refuse. progress: called once an epoch.
        start: what to go on from, of a training with the same network, data and settings.

    Returns:
        The state after the last epoch; `stopped`, after the last whole one, where Ctrl-C came (KeyboardInterrupt).

    Raises:
        ModelError: a diverged training, a `start` of another network. KeyboardInterrupt: Ctrl-C before an epoch was done.
    """
    trainer = _Trainer(network, data, settings, progress)
    state = trainer.begin(start)
    try:
        while state.goes_on(settings):
            state = trainer.epoch(state)
    except KeyboardInterrupt:
        if state.epoch == 0:
            raise
        state = replace(state, stopped=True)
    network.set_weights(list(state.best))
    return state


class _Trainer:
    def __init__(self, network: Any, data: Dataset, settings: Settings, progress: Progress) -> None:
        keras = keras_models.require_keras()
        self._network, self._data, self._settings, self._progress = network, data, settings, progress
        self._steps = -(-len(data.y_train) // settings.batch_size)
        self._rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * self._steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not keras_models.ends_in_softmax(network))
        network.compile(optimizer=keras.optimizers.Adam(self._rate), loss=loss, metrics=["accuracy"], jit_compile=False)
        network.optimizer.build(network.trainable_variables)
        self._generator = np.random.default_rng(settings.seed)

    def begin(self, start: Training | None) -> Training:
        if start is None:
            return self._state(0, 0, {name: [] for name in ROW}, ())
        for role, variables, values in (
            ("network", self._network.variables, start.variables),
            ("optimizer", self._network.optimizer.variables, start.optimizer),
            ("network", self._network.weights, start.best),
        ):
            if [tuple(tensor.shape) for tensor in variables] != [value.shape for value in values]:
                raise ModelError(f"the {role} has other variables than the one whose training was stopped", expected="the same model")
        for variables, values in (
            (self._network.variables, start.variables),
            (self._network.optimizer.variables, start.optimizer),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._generator.bit_generator.state = start.generator
        return replace(start, stopped=False)

    def epoch(self, state: Training) -> Training:
        number, settings = state.epoch + 1, self._settings
        learning_rate = float(self._rate(state.epoch * self._steps))
        trained = self._train()
        if not math.isfinite(trained["loss"]):
            hint = f"learning_rate below {learning_rate:.2g}"
            raise ModelError(f"training diverged in epoch {number}: loss {trained['loss']}", hint=hint)
        tested = self._network.evaluate(self._data.x_test, self._data.y_test, batch_size=256, verbose=0, return_dict=True)
        row = {**trained, "val_loss": tested["loss"], "val_accuracy": tested["accuracy"], "learning_rate": learning_rate}
        history = {name: [*state.history[name], round(float(row[name]), 6)] for name in ROW}
        good = _as_good_as_the_best(history["val_accuracy"], len(self._data.y_test))
        best = tuple(self._network.get_weights()) if good else state.best
        reached = self._state(number, number if good else state.kept, history, best)
        self._progress(f"pretrain: loss {trained['loss']:.3f}, held-out accuracy {tested['accuracy']:.1%}", number, settings.epochs)
        return reached

    def _state(self, epoch: int, kept: int, history: dict[str, list[float]], best: tuple[np.ndarray, ...]) -> Training:
        variables, optimizer = (
            tuple(np.array(variable) for variable in owner.variables) for owner in (self._network, self._network.optimizer)
        )
        best = best or tuple(self._network.get_weights())
        return Training(epoch, kept, history, variables, optimizer, best, dict(self._generator.bit_generator.state))

    def _train(self) -> dict[str, float]:
        """Run one epoch over the training samples in a new order."""
        data, settings = self._data, self._settings
        order = self._generator.permutation(len(data.y_train))
        x = data.x_train[order]
        if settings.augment and x.ndim == 4:
            for start in range(0, len(x), AUGMENT_BLOCK):
                block = slice(start, start + AUGMENT_BLOCK)
                x[block] = augment(x[block], generator=self._generator, ranges=RANGES)
        trained = self._network.fit(x, data.y_train[order], batch_size=settings.batch_size, shuffle=False, verbose=0).history
        return {"loss": trained["loss"][0], "accuracy": trained["accuracy"][0]}


def _as_good_as_the_best(accuracies: list[float], samples: int) -> bool:
    """Tell whether the last epoch's held-out accuracy is within one standard error of the best so far."""
    best = max(accuracies)
    return accuracies[-1] >= best - math.sqrt(best * (1 - best) / samples)
