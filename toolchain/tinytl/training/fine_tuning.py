# SPDX-License-Identifier: Apache-2.0
"""Training of a whole model on the workstation: every layer learns the target, or some do, in float32. What learning on a device, and
learning on kept features, is compared with.

In: a trained Keras model and samples. Out: a copy of it that has learned them. Adam on softmax cross-entropy, cosine learning
rate, batch-norm in training mode, each sample once a pass. Same inputs, seed, versions and processor: same weights.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinytl.data.preprocess import fit_samples
from tinytl.errors import ModelError
from tinytl.keras_graph import take_weights
from tinytl.keras_models import ends_in_softmax, make_deterministic, require_keras


def fine_tune(
    model: Any, x: np.ndarray, y: np.ndarray, *, learning_rate: float, batch_size: int = 16, passes: int = 1, seed: int = 1,
    trains: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Train a copy of a model on samples.

    Args:
        model: keras.Model, one output for each class; stays as it is.
        x: (N, *input) float32, as the model takes them (`fit_samples`). y: (N,) class numbers.
        learning_rate: > 0, of the first step; falls to 0 along half a cosine. batch_size: samples a step.
        passes: over all samples, each in an order of its own. seed: of the orders and of dropout.
        trains: layer → "all" or "bias" of its weights; others are frozen, batch-norm too. None: all layers train.

    Returns:
        The trained keras.Model.

    Raises:
        ModelError: fewer than one pass or a batch of none.
    """
    for name, value in (("passes", passes), ("batch_size", batch_size)):
        if value < 1:
            raise ModelError(f"{name} is {value}", expected="1 or more")
    keras = require_keras()
    make_deterministic(seed)
    copy = keras.models.clone_model(model)
    take_weights(copy, model)
    if trains is not None:
        _freeze(copy, trains)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, passes * -(-len(x) // batch_size))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not ends_in_softmax(copy))
    copy.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, jit_compile=False)
    copy.fit(x, y, batch_size=batch_size, epochs=passes, shuffle=True, verbose=0)
    return copy


def _freeze(model: Any, trains: Mapping[str, str]) -> None:
    for layer in model.layers:
        part = trains.get(layer.name)
        layer.trainable = part is not None
        for variable in layer.trainable_variables if part == "bias" else ():
            variable.trainable = variable.name == "bias"


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Return the fraction of samples that a model gives their class.

    Args:
        model: keras.Model. x: (N, *input) float32. y: (N,) class numbers.
    """
    return float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(axis=1) == y))


def model_inputs(model: Any, x: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Bring a dataset's samples to a model's input shape and range.

    Args:
        model: keras.Model with one input. x: samples as `fit_samples` takes them. value_range: (low, high) that pixels 0 and 255 become.
    """
    return fit_samples(x, shape=model.inputs[0].shape[1:], value_range=value_range)
