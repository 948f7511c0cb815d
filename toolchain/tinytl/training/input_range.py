# SPDX-License-Identifier: Apache-2.0
"""What a Keras model takes: the numbers that pixels 0 and 255 have to become, read off its first layer or measured on labelled samples.

In: a model and the dataset that it was trained on. Out: a `FoundRange`. A model that begins with Rescaling or Normalization does
its own scaling, so that a second one would spoil it; others tell nothing, but are right on their own data with one range alone.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import as_pixels, fit_samples
from tinytl.errors import ModelError
from tinytl.keras_graph import flatten
from tinytl.keras_models import ends_in_softmax

Range = tuple[float, float]
CANDIDATES: tuple[Range, ...] = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
DEFAULT: Range = CANDIDATES[0]
_SAMPLES = 500
_BATCH = 64
_USUAL = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0))
"""What a first layer that rescales is meant to give on."""
_WIDE_FIRST = tuple(reversed(CANDIDATES))
_GUESSING = 0.9
"""Of ln(classes), the loss of someone who guesses: a loss above this part of it is no knowledge."""
_SURE, _WIDE = 0.5, 100.0
"""Of ln(classes): a loss below it is knowledge that is sure of itself. A range wider than that many units is wide."""


@dataclass(frozen=True)
class FoundRange:
    """An input range, and what a person should be told about it.

    Attributes:
        value_range: (low, high) that pixels 0 and 255 become.
        warnings: sentences: what was assumed, or that another range fits better.
        unit_floats: the samples are floats in 0 … 1, and 0 and 1 become the range's ends.
    """

    value_range: Range
    warnings: tuple[str, ...] = ()
    unit_floats: bool = False


@dataclass(frozen=True)
class _Fit:
    """How a model does with one range: right answers and cross-entropy of each sample."""

    value_range: Range
    right: np.ndarray
    losses: np.ndarray

    @property
    def told(self) -> str:
        """Say «0:255 gives 98.2 %»."""
        return f"{told(self.value_range)} gives {100 * self.right.mean():.1f} %"


def told(value_range: Range) -> str:
    """Say a range as `--input-range` takes it: «0:255»."""
    return ":".join(f"{end:g}" for end in value_range)


def find_range(model: Any, dataset: Dataset, *, name: str, given: Range | None = None, seed: int = 1) -> FoundRange:
    """Find the input range of a trained model.

    Args:
        model: keras.Model, one output per class of the dataset. name: of it, for errors.
        dataset: what it was trained on. Its floats are the model's input as they are, unless a range is given: then they lie in 0 … 1.
            Int8 samples are numbers as they are.
        given: what the user says; it is taken, and compared with the others. seed: of the choice of samples.

    Returns:
        The given range, or the one with which the model knows its data.

    Raises:
        ModelError: outputs that are not the classes; no range, or more than one, with which the model knows its data.
        DataError: samples that cannot become the model's input.
    """
    check_outputs(model, name, dataset)
    unit = given is not None and has_floats(dataset)
    if given is None and has_floats(dataset):
        _expect_as_they_are(model, dataset, name, seed)
    dataset = pixels_of(dataset) if unit else dataset
    if dataset.x_train.dtype != np.uint8:
        return FoundRange(given or DEFAULT)
    ranges = CANDIDATES if given is None or given in CANDIDATES else (given, *CANDIDATES)
    fits = _measured(model, dataset, ranges, seed)
    best = _clearly_best(fits, len(dataset.classes))
    if given is not None:
        return FoundRange(given, _doubts(given, fits, best), unit)
    if best is not None:
        return FoundRange(best.value_range)
    return _declared_or_refused(model, fits, name, dataset)


def declared_range(model: Any, x: np.ndarray) -> Range | None:
    """Return the range that a model's first layer is made for, None where it says nothing.

    Args:
        model: keras.Model with one input. x: samples as the dataset holds them.

    Returns:
        Of Rescaling: the range that becomes a usual one. Of Normalization: the one whose mean and variance are the layer's.
    """
    calls = flatten(model).calls
    layer = calls[0].layer if calls else None
    if x.dtype != np.uint8:
        return None
    if type(layer).__name__ == "Rescaling":
        return _of_rescaling(layer)
    return _of_normalization(layer, model, x[:_SAMPLES]) if type(layer).__name__ == "Normalization" else None


def has_floats(dataset: Dataset) -> bool:
    """Tell whether a dataset's samples are floats."""
    return bool(dataset.x_train.dtype.kind == "f")


def pixels_of(dataset: Dataset) -> Dataset:
    """Return a dataset whose floats in 0 … 1 are uint8 pixels. Raises DataError where one lies outside."""
    return replace(dataset, x_train=as_pixels(dataset.x_train), x_test=as_pixels(dataset.x_test))


def expect_unscaled(model: Any, dataset: Dataset, name: str) -> None:
    """Refuse floats in 0 … 1 for a model whose first layer scales pixels: they would be scaled twice.

    Args:
        model: keras.Model. dataset: that it is trained with. name: of the model, for the error.

    Raises:
        ModelError: with the range that the layer is made for.
    """
    if not _lies_in_unit(dataset):
        return
    declared = declared_range(model, as_pixels(dataset.x_train))
    if declared is not None and declared != DEFAULT:
        raise ModelError(
            f"float samples of {dataset.name!r} lie in 0 … 1, and the first layer of {name!r} is made for {told(declared)}",
            expected="samples that are not scaled yet",
            hint=f"--input-range {told(declared)} says what 0 and 1 become",
        )


def _lies_in_unit(dataset: Dataset) -> bool:
    return has_floats(dataset) and all(len(x) == 0 or (x.min() >= 0 and x.max() <= 1) for x in (dataset.x_train, dataset.x_test))


def _expect_as_they_are(model: Any, dataset: Dataset, name: str, seed: int) -> None:
    """Refuse floats in 0 … 1 where the model knows them as pixels of another range alone."""
    if not _lies_in_unit(dataset):
        return
    fits = _measured(model, pixels_of(dataset), CANDIDATES, seed)
    best = _clearly_best(fits, len(dataset.classes))
    if best is not None and best.value_range != DEFAULT:
        raise ModelError(
            f"float samples of {dataset.name!r} lie in 0 … 1; as they are {name!r} has {100 * fits[0].right.mean():.1f} % of them right, "
            f"where 0 and 1 become {told(best.value_range)} it has {100 * best.right.mean():.1f} %",
            expected="samples as the model was trained on",
            hint=f"--input-range {told(best.value_range)} says what 0 and 1 become",
        )


def _of_rescaling(layer: Any) -> Range | None:
    for candidate in _WIDE_FIRST:
        ends = np.array([np.asarray(end * layer.scale + layer.offset, np.float64).mean() for end in candidate])
        if any(np.allclose(ends, usual, atol=0.02) for usual in _USUAL):
            return candidate
    return None


def _of_normalization(layer: Any, model: Any, x: np.ndarray) -> Range | None:
    shape, fitting = tuple(int(side) for side in model.inputs[0].shape[1:]), []
    for candidate in _WIDE_FIRST:
        output = np.asarray(layer(fit_samples(x, shape=shape, value_range=candidate)))
        if abs(output.mean()) < 0.5 and 0.5 < output.std() < 2.0:
            fitting.append(candidate)
    return fitting[0] if len(fitting) == 1 else None


def check_outputs(model: Any, name: str, dataset: Dataset) -> None:
    """Refuse a model whose outputs are not the dataset's classes.

    Args:
        model: keras.Model. name: of it, for the error. dataset: whose classes count.

    Raises:
        ModelError: another number of outputs.
    """
    outputs = tuple(model.outputs[0].shape[1:]) if len(model.outputs) == 1 else ()
    if outputs == (len(dataset.classes),):
        return
    description = f"{outputs[0]} outputs" if len(outputs) == 1 else f"output shape {outputs}"
    raise ModelError(
        f"model {name!r} has {description}; dataset {dataset.name!r} has {len(dataset.classes)} classes",
        expected="one output for each class",
    )


def _measured(model: Any, dataset: Dataset, ranges: tuple[Range, ...], seed: int) -> list[_Fit]:
    """Run a model on samples under each range: of the test split, of both where that is small."""
    generator, x, y = np.random.default_rng(seed), dataset.x_test, dataset.y_test
    if len(y) < _SAMPLES:
        x, y = np.concatenate([x, dataset.x_train]), np.concatenate([y, dataset.y_train])
    numbers = generator.permutation(len(y))[:_SAMPLES]
    x, y, softmax = x[numbers], y[numbers], ends_in_softmax(model)
    shape = tuple(int(side) for side in model.inputs[0].shape[1:])
    fits = []
    for value_range in ranges:
        real = fit_samples(x, shape=shape, value_range=value_range)
        parts = [np.asarray(model(real[at : at + _BATCH], training=False), np.float64) for at in range(0, len(real), _BATCH)]
        answers = np.concatenate(parts)
        fits.append(_Fit(value_range, answers.argmax(axis=1) == y, _cross_entropy(answers, y, softmax=softmax)))
    return fits


def _cross_entropy(answers: np.ndarray, labels: np.ndarray, *, softmax: bool) -> np.ndarray:
    """Return −ln p of each sample's class, p ≥ 10⁻⁷. answers: (N, classes) probabilities, or logits."""
    if not softmax:
        answers = np.exp(answers - answers.max(axis=1, keepdims=True))
        answers = answers / answers.sum(axis=1, keepdims=True)
    return -np.log(np.clip(answers[np.arange(len(labels)), labels], 1e-7, 1.0))


def _clearly_best(fits: list[_Fit], classes: int) -> _Fit | None:
    """Return the one range with which the model knows its data, None where there are several or none.

    A range 255 times as wide multiplies what a network says, so that its right answers look surer and stay right. Nobody trains to that
    sureness: where a narrow range makes the model sure and right, the wide one is not it. Where it is right and not sure, both may be.
    """
    most, guess = max(fits, key=lambda fit: fit.right.mean()), math.log(classes)
    right = [fit for fit in fits if not _more(most.right, fit.right, 2.0)]
    sure = [fit for fit in right if not _wide(fit) and fit.losses.mean() < _SURE * guess]
    among = sure or right
    best = min(among, key=lambda fit: fit.losses.mean())
    if best.losses.mean() >= _GUESSING * guess or any(_wide(fit) != _wide(best) for fit in among):
        return None
    return best if all(fit is best or _more(fit.losses, best.losses, 3.0) for fit in among) else None


def _more(one: np.ndarray, other: np.ndarray, errors: float) -> bool:
    """Tell whether the mean of one is larger than that of another, by so many standard errors of the paired difference."""
    difference = one.astype(np.float64) - other.astype(np.float64)
    return bool(difference.mean() > errors * difference.std() / math.sqrt(len(difference)))


def _wide(fit: _Fit) -> bool:
    return fit.value_range[1] - fit.value_range[0] > _WIDE


def _doubts(given: Range, fits: list[_Fit], best: _Fit | None) -> tuple[str, ...]:
    own = next(fit for fit in fits if fit.value_range == given)
    if best is None or best is own:
        return ()
    return (f"--input-range {own.told} of {len(own.right)} samples right, {best.told}",)


def _declared_or_refused(model: Any, fits: list[_Fit], name: str, dataset: Dataset) -> FoundRange:
    listed = ", ".join(fit.told for fit in fits)
    declared = declared_range(model, dataset.x_train)
    if declared is not None:
        return FoundRange(
            declared, (f"input range {told(declared)} is assumed, as the model's first layer is made for it: {listed} right",)
        )
    raise ModelError(
        f"the input range of {name!r} cannot be told from {len(fits[0].right)} samples of {dataset.name!r}: {listed} right",
        expected="one that is clearly best",
        hint="--input-range LOW:HIGH says what pixels 0 and 255 become, as when the model was trained",
    )
