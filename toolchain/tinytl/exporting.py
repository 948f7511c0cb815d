# SPDX-License-Identifier: Apache-2.0
"""Export: from a trained run to a bundle file.

In: a `Run` (or its folder) and a freeze plan. Out: the `Bundle`, written: extractor, head, a class-balanced replay
set of source features, and check vectors answered by LiteRT's reference kernels, with which any device can be proved
equal. Invariant: equal inputs give equal bytes.
"""

from dataclasses import asdict, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from tinytl import __version__
from tinytl.bundle import Bundle, head_fields, write_bundle
from tinytl.channel_energy import gradient_energy
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples, quantize_samples
from tinytl.errors import BundleError, ModelError
from tinytl.interpreter import Interpreter
from tinytl.keras_graph import load_model, require_keras
from tinytl.learning import Learning
from tinytl.manifest import FORMAT, FORMAT_VERSION, check_head
from tinytl.plan import Cut, cut
from tinytl.progress import Progress, silent
from tinytl.quantization import Extractor, quantize
from tinytl.run_folder import Run, load_run
from tinytl.signature import TensorSpec

CHECK_SAMPLES = 24
CHECK_NOISE = 8
REPLAY_SAMPLES = 200
REPLAY_BYTES = 160 * 1024
"""Of a replay set where nobody says how large: flash is plentiful, but features of convolutions are large."""


def export(
    run: Run | str | Path,
    *,
    plan: str = "last-dense",
    out: Path,
    dataset: Dataset | None = None,
    learning: Learning | None = None,
    replay_samples: int | None = None,
    class_capacity: int | None = None,
    dropout: bool = False,
    channel_dataset: Dataset | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Bundle:
    """Cut, quantize and pack a run into one bundle.

    Args:
        run: from `tinytl.pretrain`, or its folder.
        plan: freeze plan, as `tinytl.plan.cut` names them.
        out: `.tinytl` file to write; its stem becomes the bundle's name.
        dataset: the source task, where it is not the one that the run names.
        learning: how the head learns on the device; default `Learning()`.
        replay_samples: source samples whose features travel along, spread evenly over the classes; 0 for none; default as many as
            fit into 160 KB of flash, at most 200.
        class_capacity: rows reserved for classes, ≥ the model's classes; default as many.
        dropout: keep the Dropout layers of the head; they act while a device learns.
        channel_dataset: its training samples choose the channels of "fc+conv1:P%", by `gradient_energy`: the target, where some of it is
            at hand; default the source task.
        seed: of every draw.

    Returns:
        The bundle with its `bundle_id`.

    Raises:
        ModelError, DataError, BundleError: what cannot be cut, quantized or written.
    """
    found = load_run(run) if isinstance(run, (str, Path)) else run
    return export_model(
        load_model(found.model_path),
        dataset or found.load_dataset(),
        plan=plan,
        out=out,
        model_name=found.model,
        value_range=found.value_range,
        learning=learning,
        replay_samples=replay_samples,
        class_capacity=class_capacity,
        dropout=dropout,
        channel_dataset=channel_dataset,
        seed=seed,
        progress=progress,
    )


def export_model(
    model: Any,
    dataset: Dataset,
    *,
    plan: str = "last-dense",
    out: Path,
    model_name: str,
    value_range: tuple[float, float],
    learning: Learning | None = None,
    replay_samples: int | None = None,
    class_capacity: int | None = None,
    dropout: bool = False,
    channel_dataset: Dataset | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Bundle:
    """Do the same for a trained Keras model that has no run folder.

    Args:
        model: trained functional or sequential keras.Model, one output per class of the dataset.
        dataset: the source task.
        model_name: how the bundle calls the architecture. value_range: (low, high) of the model's real input.
        plan, out, learning, replay_samples, class_capacity, dropout, channel_dataset, seed, progress: as for `export`.

    Returns, Raises: as for `export`.
    """
    report, out = progress or silent, Path(out)
    parts, choosing = _cut(model, plan, dropout, learning), channel_dataset or dataset
    _check_wishes(parts, dataset, class_capacity, out)
    if channel_dataset is not None and parts.channels is None:
        raise ModelError(f"plan {plan!r} trains all channels and got a dataset to choose some with", expected="a plan like fc+conv1:25%")
    if parts.channels is not None:
        report("export: choose the channels that train", 0, 1)
        energy = gradient_energy(model, plan, choosing, value_range=value_range, seed=seed)
        parts = _cut(model, plan, dropout, learning, energy)
    extractor = quantize(parts, dataset, value_range=value_range, seed=seed, progress=progress)
    report("export: replay set and check vectors", 0, 1)
    generator = np.random.default_rng(seed)
    oracle = Interpreter(extractor.tflite)
    fitting = min(REPLAY_SAMPLES, REPLAY_BYTES // parts.head.feature_count)
    chosen = balanced(dataset.y_train, fitting if replay_samples is None else replay_samples, generator)
    check_inputs = _check_inputs(dataset, extractor.input, value_range, generator)
    bundle = Bundle(
        manifest=_manifest(parts, extractor, dataset, out.stem, model_name, value_range, class_capacity) | _channels(parts, choosing),
        extractor=extractor.tflite,
        head=parts.head,
        replay_features=_features(oracle, _int8(dataset.x_train[chosen], extractor.input, value_range)),
        replay_labels=dataset.y_train[chosen].astype(np.uint16),
        check_inputs=check_inputs.reshape(len(check_inputs), -1),
        check_features=_features(oracle, check_inputs),
    )
    report("export: replay set and check vectors", 1, 1)
    return write_bundle(bundle, out)


def balanced(labels: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw samples so that the classes differ by at most one, as far as each class has samples.

    Args:
        labels: (N,) class numbers. count: ≥ 0 wanted. generator: of the draw.

    Returns:
        Sample numbers, in turn one of each class, at most `count`.
    """
    order = generator.permutation(len(labels))
    turn = np.empty(len(labels), np.int64)  # the how-manieth of its class a sample is
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    return np.lexsort((labels, turn))[:count]


def _cut(model: Any, plan: str, dropout: bool, learning: Learning | None, channel_energy: np.ndarray | None = None) -> Cut:
    parts = cut(model, plan, dropout=dropout, channel_energy=channel_energy)
    return replace(parts, head=replace(parts.head, learning=learning or Learning()))


def _check_wishes(parts: Cut, dataset: Dataset, class_capacity: int | None, out: Path) -> None:
    """Refuse before the long part what would be refused after it."""
    if not out.parent.is_dir():
        raise BundleError(f"folder {out.parent} does not exist", expected=f"a folder to write {out.name} to")
    check_head(head_fields(parts.head), label=out.name)
    outputs, classes = prod(parts.head.shapes[-1]), len(dataset.classes)
    if outputs != classes:
        raise ModelError(
            f"the model has {outputs} outputs and dataset {dataset.name!r} has {classes} classes",
            expected="as many of both",
        )
    if class_capacity is not None and class_capacity < classes:
        raise ModelError(f"class_capacity {class_capacity}", expected=f"at least {classes}, the model's classes")


def _int8(x: np.ndarray, tensor: TensorSpec, value_range: tuple[float, float]) -> np.ndarray:
    real = fit_samples(x, shape=tensor.shape[1:], value_range=value_range)
    return quantize_samples(real, scale=tensor.scale, zero_point=tensor.zero_point)


def _features(oracle: Interpreter, x_s8: np.ndarray) -> np.ndarray:
    """Return (N, feature_count) int8, all outputs of a sample side by side."""
    if not len(x_s8):
        return np.empty((0, sum(prod(each.shape) for each in oracle.outputs)), np.int8)
    return np.concatenate([answer.reshape(len(x_s8), -1) for answer in oracle.run(x_s8)], axis=1)


def _check_inputs(
    dataset: Dataset, tensor: TensorSpec, value_range: tuple[float, float], generator: np.random.Generator
) -> np.ndarray:
    """Return real samples, then noise, which reaches corners that real samples leave out."""
    chosen = balanced(dataset.y_test, CHECK_SAMPLES, generator)
    noise = generator.integers(-128, 128, (CHECK_NOISE + CHECK_SAMPLES - len(chosen), *tensor.shape[1:]), np.int8)
    return np.concatenate([_int8(dataset.x_test[chosen], tensor, value_range), noise])


def _manifest(
    parts: Cut,
    extractor: Extractor,
    dataset: Dataset,
    name: str,
    model_name: str,
    value_range: tuple[float, float],
    class_capacity: int | None,
) -> dict[str, Any]:
    """Return SPEC.md section 1's fields, in its order."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "model": model_name,
        "plan": parts.plan,
        "source": {
            "dataset": dataset.name,
            "accuracy_float": extractor.accuracy_float,
            "accuracy_int8": extractor.accuracy_int8,
            "test_samples": extractor.test_samples,
        },
        "labels": list(dataset.classes),
        "class_capacity": class_capacity or len(dataset.classes),
        "input": _quantized(extractor.input),
        "preprocessing": {
            "range": [float(end) for end in value_range],
            "resize": "bilinear" if len(extractor.input.shape) == 4 else None,
        },
        "features": [_quantized(each) for each in extractor.features],
        "head": head_fields(parts.head),
        "macs": {"frozen": parts.frozen_macs, "trainable": parts.trainable_macs},
        "created_with": _versions(),
        "layer_errors": [asdict(each) | {"shape": list(each.shape)} for each in extractor.layer_errors],
        "warnings": list(extractor.warnings),
    }


def _channels(parts: Cut, choosing: Dataset) -> dict[str, Any]:
    """Return the manifest's field about a convolution of which a part trains; nothing for other plans."""
    if parts.channels is None:
        return {}
    fields = asdict(parts.channels) | {"numbers": list(parts.channels.numbers), "chosen_with": choosing.name}
    return {"trained_channels": fields}


def _quantized(tensor: TensorSpec) -> dict[str, Any]:
    return {"shape": list(tensor.shape[1:]), "scale": tensor.scale, "zero_point": tensor.zero_point}


def _versions() -> dict[str, str]:
    import tensorflow

    return {
        "tinytl": __version__,
        "tensorflow": tensorflow.__version__,
        "keras": require_keras().__version__,
        "numpy": np.__version__,
    }
