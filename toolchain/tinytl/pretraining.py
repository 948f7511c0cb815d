# SPDX-License-Identifier: Apache-2.0
"""Pretraining: a zoo model or the user's own, and a source task, become a run folder.

In: a `Dataset`. Out: a `Run`. Adam on softmax cross-entropy, cosine learning rate, seeded augmentation. A tenth of the training samples
is held out to stop by, so the test split stays unseen until the last line; kept are the weights of the latest epoch that is as good as
the best within one standard error. Same inputs, seed, versions and processor: same weights.
"""

import math
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinytl_models
from tinytl import keras_graph
from tinytl.conversion import check_convertible
from tinytl.data.augment import Augmentation, augment
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.data.split import split_dataset
from tinytl.errors import ModelError
from tinytl.input_range import check_outputs, declared_range, expect_unscaled, has_floats, pixels_of
from tinytl.model_kind import KERAS, kind_of
from tinytl.progress import Progress, silent
from tinytl.run_folder import Run, check_target, load_run, write_run

__all__ = ["Run", "load_model", "load_run", "pretrain"]

VALIDATION_FRACTION = 0.1
RANGES = Augmentation()
AUGMENT_BLOCK = 1024  # images at a time: bounds memory on large datasets


@dataclass(frozen=True)
class _Settings:
    epochs: int
    seed: int
    batch_size: int
    learning_rate: float
    augment: bool
    patience: int


def pretrain(
    model: str | Path,
    dataset: Dataset,
    out: str | Path,
    *,
    epochs: int = 60,
    seed: int = 1,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    augment: bool = True,
    patience: int = 12,
    value_range: tuple[float, float] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a model on a dataset and write a run folder.

    Args:
        model: zoo name (`tinytl_models.list_models`), or the path of a .keras file whose training goes on.
        dataset: the source task; images are resized to the model's input.
        out: folder to write; an earlier run there is replaced.
        epochs: at most. patience: epochs clearly worse than the best before it stops.
        seed: of weights, order, augmentation and the held-out tenth.
        batch_size: samples a step. learning_rate: Adam's, of the first step; falls to 0 along a cosine.
        augment: shift, rotate and zoom images; vectors never are.
        value_range: (low, high) that pixels 0 and 255 become, of float samples 0 and 1; if None floats are taken as they are, and of
            pixels it is the zoo card's, what a first layer Rescaling or Normalization is
            made for, or (0, 1).
        progress: called once an epoch.

    Returns:
        The run, as `load_run` gives it.

    Raises:
        ModelError: no such model, an unreadable file, a model that could not be converted (`check_convertible`), outputs that are not the
            dataset's classes, a diverged training, an output folder that holds something else.
        DataError: samples that cannot become the model's input.
    """
    out = Path(out)
    settings = _Settings(epochs, seed, batch_size, learning_rate, augment, patience)
    _check(settings)
    check_target(out)
    if model not in tinytl_models.list_models() and (Path(model).suffix == ".keras" or Path(model).exists()):
        kind_of(Path(model), taken=(KERAS,))
    keras = keras_graph.require_keras()
    keras_graph.make_deterministic(seed)
    network, name, card_range = _model(model, dataset, seed)
    check_convertible(network)
    shape = tuple(int(side) for side in network.inputs[0].shape[1:])
    check_outputs(network, name, dataset)
    unit_floats = value_range is not None and has_floats(dataset)
    if unit_floats:
        dataset = pixels_of(dataset)
    elif value_range is None:
        expect_unscaled(network, dataset, name)
    value_range = value_range or declared_range(network, dataset.x_train) or card_range
    data = _prepared(dataset, shape, value_range, seed)
    history, kept = _fit(keras, network, data, settings, progress or silent)
    x_test = fit_samples(dataset.x_test, shape=shape, value_range=value_range)
    predicted = network.predict(x_test, batch_size=256, verbose=0).argmax(axis=1)
    run = Run(
        path=out,
        model=name,
        dataset=dataset.name,
        classes=dataset.classes,
        input_shape=shape,
        value_range=(float(value_range[0]), float(value_range[1])),
        accuracy=float(np.mean(predicted == dataset.y_test)),
        history=history,
        environment=_environment(),
        settings={**vars(settings), "kept_epoch": kept, "validation_samples": len(data.y_test)},
        origin=dataset.origin,
        split_seed=dataset.seed,
        unit_floats=unit_floats,
    )
    return write_run(run, network.save)


def load_model(run: Run) -> Any:
    """Load the Keras model of a run. Raises ModelError where its file cannot be read."""
    return keras_graph.load_model(run.model_path)


def _check(settings: _Settings) -> None:
    for name in ("epochs", "batch_size", "patience"):
        if getattr(settings, name) < 1:
            raise ModelError(f"{name} is {getattr(settings, name)}", expected="1 or more")
    if not 0 < settings.learning_rate < math.inf:
        raise ModelError(f"learning_rate is {settings.learning_rate}", expected="a positive number")


def _model(model: str | Path, dataset: Dataset, seed: int) -> tuple[Any, str, tuple[float, float]]:
    """Return the network, its name and its value range."""
    if model not in tinytl_models.list_models():
        path = Path(model)
        if path.suffix == ".keras" or path.exists():
            return keras_graph.load_model(path), path.stem, (0.0, 1.0)
    try:
        card = tinytl_models.card(str(model))
        sample = dataset.sample_shape if len(dataset.sample_shape) != 2 else (*dataset.sample_shape, 1)
        shape = tinytl_models.input_shape_for(card.name, sample)
        return tinytl_models.build(card.name, input_shape=shape, classes=len(dataset.classes), seed=seed), card.name, card.value_range
    except LookupError as error:
        raise ModelError(error.args[0], hint="or give the path of a .keras file") from error
    except ValueError as error:
        raise ModelError(f"dataset {dataset.name!r}: {error}") from error


def _prepared(dataset: Dataset, shape: tuple[int, ...], value_range: tuple[float, float], seed: int) -> Dataset:
    """Return the training samples as the model takes them; the held-out tenth is the test split of this one."""
    x = fit_samples(dataset.x_train, shape=shape, value_range=value_range)
    held_out = max(round(len(x) * VALIDATION_FRACTION), len(dataset.classes))
    return split_dataset(dataset.name, x, dataset.y_train, dataset.classes, seed=seed, test_samples=held_out)


def _fit(keras: Any, network: Any, data: Dataset, settings: _Settings, progress: Progress) -> tuple[dict[str, list[float]], int]:
    """Train in place, restore the best weights; return the history and the number of the epoch kept (from 1)."""
    steps = -(-len(data.y_train) // settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not keras_graph.ends_in_softmax(network))
    network.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"], jit_compile=False)
    generator = np.random.default_rng(settings.seed)
    history: dict[str, list[float]] = {name: [] for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")}
    kept, weights = 0, network.get_weights()
    for epoch in range(1, settings.epochs + 1):
        learning_rate = float(rate((epoch - 1) * steps))
        trained = _train_epoch(network, data, settings, generator)
        if not math.isfinite(trained["loss"]):
            raise ModelError(f"training diverged in epoch {epoch}: loss {trained['loss']}", hint=f"learning_rate below {learning_rate:.2g}")
        tested = network.evaluate(data.x_test, data.y_test, batch_size=256, verbose=0, return_dict=True)
        row = {**trained, "val_loss": tested["loss"], "val_accuracy": tested["accuracy"], "learning_rate": learning_rate}
        for name, value in row.items():
            history[name].append(round(float(value), 6))
        if _as_good_as_the_best(history["val_accuracy"], len(data.y_test)):
            kept, weights = epoch, network.get_weights()
        progress(f"pretrain: loss {trained['loss']:.3f}, held-out accuracy {tested['accuracy']:.1%}", epoch, settings.epochs)
        if epoch - kept >= settings.patience:
            break
    network.set_weights(weights)
    return history, kept


def _as_good_as_the_best(accuracies: list[float], samples: int) -> bool:
    """Tell whether the last epoch's held-out accuracy is within one standard error of the best so far."""
    best = max(accuracies)
    return accuracies[-1] >= best - math.sqrt(best * (1 - best) / samples)


def _train_epoch(network: Any, data: Dataset, settings: _Settings, generator: np.random.Generator) -> dict[str, float]:
    order = generator.permutation(len(data.y_train))
    x = data.x_train[order]
    if settings.augment and x.ndim == 4:
        for start in range(0, len(x), AUGMENT_BLOCK):
            block = slice(start, start + AUGMENT_BLOCK)
            x[block] = augment(x[block], generator=generator, ranges=RANGES)
    trained = network.fit(x, data.y_train[order], batch_size=settings.batch_size, shuffle=False, verbose=0).history
    return {"loss": trained["loss"][0], "accuracy": trained["accuracy"][0]}


def _environment() -> dict[str, str]:
    import keras
    import tensorflow

    import tinytl

    versions = {package.__name__: str(package.__version__) for package in (tinytl, tensorflow, keras, np)}
    return {**versions, "python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
