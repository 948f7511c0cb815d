# SPDX-License-Identifier: Apache-2.0
"""Pretraining: a zoo model or the user's own, and a source task, become a run folder.

In: a `Dataset`. Out: a `Run`. A tenth of the training samples is held out to stop by, so the test split stays unseen until the last line;
kept are the weights of the latest epoch that is as good as the best within one standard error. Same inputs, seed, versions and processor:
same weights, also where Ctrl-C stopped the training and it went on later.
"""

import platform
from pathlib import Path
from typing import Any

import numpy as np

import tinytl_models
from tinytl import keras_models
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.data.split import split_dataset
from tinytl.errors import ModelError
from tinytl.model_kind import KERAS, kind_of
from tinytl.progress import Progress, silent
from tinytl.tflite.conversion import check_convertible
from tinytl.training.epochs import Settings, train
from tinytl.training.input_range import check_outputs, declared_range, expect_unscaled, has_floats, pixels_of
from tinytl.training.run_folder import Run, check_target, load_run, write_run
from tinytl.training.stopped import TRAINING_FILE, facts_of, read_training, write_training
from tinytl.version import __version__

__all__ = ["Run", "load_model", "load_run", "pretrain"]

VALIDATION_FRACTION = 0.1


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
    resume: bool = False,
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
        resume: go on with a training that was stopped in `out`; model, dataset and settings are those of before.
        progress: called once an epoch.

    Returns:
        The run, as `load_run` gives it. Ctrl-C (KeyboardInterrupt) ends it after the last whole epoch: the run then holds what was learned
        so far, and `settings["stopped_after"]`.

    Raises:
        ModelError: no such model, an unreadable file, a model that could not be converted (`check_convertible`), outputs that are not the
            dataset's classes, a diverged training, an output folder that holds something else, nothing to go on with.
        DataError: samples that cannot become the model's input.
        KeyboardInterrupt: Ctrl-C before an epoch was done; nothing is written.
    """
    out = Path(out)
    settings = Settings(epochs, seed, batch_size, learning_rate, augment, patience)
    settings.check()
    check_target(out)
    if model not in tinytl_models.list_models() and (Path(model).suffix == ".keras" or Path(model).exists()):
        kind_of(Path(model), taken=(KERAS,))
    keras_models.make_deterministic(seed)
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
    facts = facts_of(name, data, settings, value_range)
    start = read_training(out, facts) if resume else None
    training = train(network, data, settings, progress or silent, start=start)
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
        history=training.history,
        environment=_environment(),
        settings={**vars(settings), "kept_epoch": training.kept, "validation_samples": len(data.y_test)}
        | ({"stopped_after": training.epoch} if training.stopped else {}),
        origin=dataset.origin,
        split_seed=dataset.seed,
        unit_floats=unit_floats,
        resize=dataset.resize,
    )

    def save(path: Path) -> None:
        network.save(path)
        if training.stopped:
            write_training(path.with_name(TRAINING_FILE), training, facts)

    return write_run(run, save)


def load_model(run: Run) -> Any:
    """Load the Keras model of a run. Raises ModelError where its file cannot be read."""
    return keras_models.load_model(run.model_path)


def _model(model: str | Path, dataset: Dataset, seed: int) -> tuple[Any, str, tuple[float, float]]:
    """Return the network, its name and its value range."""
    if model not in tinytl_models.list_models():
        path = Path(model)
        if path.suffix == ".keras" or path.exists():
            return keras_models.load_model(path), path.stem, (0.0, 1.0)
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


def _environment() -> dict[str, str]:
    import keras
    import tensorflow

    versions = {package.__name__: str(package.__version__) for package in (tensorflow, keras, np)}
    return {
        "tinytl": __version__,
        **versions,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
