# SPDX-License-Identifier: Apache-2.0
"""How fast each layer of a head learns beside its last one.

A network computes the same if the weights and biases of one layer grow by α and the weights of the next by 1 / α; only the gradients
change, by 1 / α and α. SGD then walks another way, unless the rate of a layer is in proportion to the square of its weights. So a model
whose scale sits in one of its layers, where folding batch-norm may leave it, has no one rate that all of them learn well with.
"""

from math import fsum

import numpy as np

from tinytl.head.layers import Head, HeadLayer

LIMIT = 1024.0
"""A factor is at most this, and at least its inverse: without one a layer of small weights would hardly learn."""


def rate_factors(head: Head) -> tuple[float, ...]:
    """Return for each layer what SGD multiplies the learning rate with: its energy divided by that of the last layer.

    Energy: the mean, over output channels that are not all zeros, of Σ w² of the factory weights. 1.0 where rates are equal, with Adam,
    which scales the step of each parameter by itself, and where a layer has no weights, or the last one only zeros.
    """
    last = _energy(head.layers[-1])
    if head.learning.layer_rates == "equal" or head.learning.optimizer == "adam" or last == 0.0:
        return (1.0,) * len(head.layers)
    return tuple(1.0 if layer.weights is None else min(max(_energy(layer) / last, 1 / LIMIT), LIMIT) for layer in head.layers)


def _energy(layer: HeadLayer) -> float:
    """Sum exactly, so that equal weights give equal factors everywhere."""
    assert layer.weights is not None
    channels = layer.weights if layer.kind in ("dense", "conv_2d") else np.moveaxis(layer.weights, -1, 0)
    used = int(np.count_nonzero(channels.reshape(len(channels), -1).any(axis=1)))
    return fsum(np.square(channels, dtype=np.float64).ravel()) / max(used, 1)
