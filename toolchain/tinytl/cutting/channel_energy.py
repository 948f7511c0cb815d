# SPDX-License-Identifier: Apache-2.0
"""Which channels of a convolution have the most to learn, by the gradients of samples.

In: a model cut before a convolution of which a part is to train, samples with labels. Out: a number for each channel.
Sparse updates are those of Lin et al. 2022, arXiv:2206.15472; the sum of squared gradients over samples, the diagonal of the Fisher
information, is what Kwon et al. 2023, arXiv:2307.09988, choose channels by. Equal inputs give equal numbers.
"""

from typing import Any

import numpy as np

from tinytl.cutting.head_layers import activation_of, head_layer, kind_of
from tinytl.cutting.keras_cut import Undivided, cut_graph, undivided
from tinytl.cutting.plan_names import parse_plan
from tinytl.data.dataset import Dataset
from tinytl.data.preprocess import fit_samples
from tinytl.errors import ModelError
from tinytl.keras_graph import Call, Graph
from tinytl.keras_models import require_keras

ENERGY_SAMPLES = 200


def gradient_energy(
    model: Any,
    plan: str,
    dataset: Dataset,
    *,
    value_range: tuple[float, float],
    samples: int = ENERGY_SAMPLES,
    seed: int = 1,
) -> np.ndarray:
    """Sum the squared gradients of the loss by channel: energy[c] = Σ over samples Σ over weights w of channel c of (∂loss/∂w)².

    The loss is softmax cross-entropy, the weights are kernel and bias as the head holds them: with the batch-norm behind them folded in.
    A channel that batch-norm multiplies by zero has no energy.

    Args:
        model: as `cut` takes it. plan: "fc+conv1:P%".
        dataset: of its train split `samples` are drawn; the source task, or a target whose labels are numbers of the model's classes.
        value_range: (low, high) of the model's real input. samples: ≥ 1, at most so many are drawn. seed: of the draw.

    Returns:
        (C,) float64, what `cut` takes as `channel_energy`.

    Raises:
        ModelError: a plan that trains all channels or does not work for the model, or labels that it has no class for.
    """
    return energy_of(undivided(model, plan), dataset, value_range=value_range, samples=samples, seed=seed)


def energy_of(
    whole: Undivided, dataset: Dataset, *, value_range: tuple[float, float], samples: int = ENERGY_SAMPLES, seed: int = 1
) -> np.ndarray:
    """Do the same for a model that is cut already, with its convolution whole.

    Args:
        whole: what `cut` asks about, or `undivided` returns.
        dataset, value_range, samples, seed: as for `gradient_energy`.

    Returns:
        (C,) float64.

    Raises:
        ModelError: labels that the model has no class for. DataError: samples that do not fit it.
    """
    numbers = np.random.default_rng(seed).permutation(len(dataset.x_train))[:samples]
    real = fit_samples(dataset.x_train[numbers], shape=whole.graph.input.shape[1:], value_range=value_range)
    sums = _summed(whole, real, dataset.y_train[numbers])
    scale = _scale_behind(whole.graph, whole.convolution)
    return np.divide(sums, scale**2, out=np.zeros_like(sums), where=scale != 0.0)


def _summed(whole: Undivided, real: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the energies of the Keras layer's own weights, from one gradient a sample: through all that comes before the last Dense."""
    require_keras()
    import tensorflow as tf

    convolution, parts = whole.convolution, cut_graph(whole.graph, parse_plan("last-dense"))
    last = parts.head.layers[-1]  # a Dropout before it does nothing here
    classes = len(last.bias)  # type: ignore[arg-type]
    if not len(labels) or not 0 <= labels.min() <= labels.max() < classes:
        flaw = f"labels {labels.min()} to {labels.max()}" if len(labels) else "no samples"
        raise ModelError(f"{flaw} to choose channels with", expected=f"labels from 0 to {classes - 1}, the model's outputs")
    weights = [variable.value for variable in convolution.layer.weights]

    def gradients(sample: Any, label: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            features = tf.reshape(parts.extractor(sample[None], training=False), (1, -1))
            logits = tf.matmul(features, last.weights, transpose_b=True) + last.bias
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(label[None], logits)
        return tape.gradient(loss, weights)

    traced = tf.function(gradients)
    channels = -2 if kind_of(convolution).startswith("Depthwise") else -1
    sums = np.zeros(convolution.output.shape[-1])
    for sample, label in zip(real, labels.astype(np.int32), strict=True):
        for gradient in traced(tf.constant(sample), tf.constant(label)):
            squared = np.square(gradient.numpy().astype(np.float64))
            sums += np.moveaxis(squared, channels if squared.ndim > 1 else -1, -1).reshape(-1, len(sums)).sum(axis=0)
    return sums


def _scale_behind(graph: Graph, convolution: Call) -> np.ndarray:
    """Return what a batch-norm multiplies each channel by, where the head folds it into the convolution; else ones.

    A Dropout that was kept between the two changes nothing here: the channels that train are the same with it and without.
    """
    readers = graph.readers(convolution.output)
    while len(readers) == 1 and kind_of(readers[0]) == "Dropout":
        readers = graph.readers(readers[0].output)
    if len(readers) == 1 and kind_of(readers[0]) == "BatchNormalization" and activation_of(convolution) == "none":
        return np.asarray(head_layer(readers[0]).weights, np.float64)
    return np.ones(convolution.output.shape[-1])
