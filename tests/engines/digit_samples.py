# SPDX-License-Identifier: Apache-2.0
"""The shipped bundle `digits` with prepared samples of writers that it does not know."""

from functools import cache

import numpy as np

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset, prepare_samples


@cache
def digits() -> Bundle:
    """Return the bundle."""
    return read_bundle(find_bundle("digits"))


@cache
def prepared(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return samples (count, input_bytes) int8 of the training split of uci-digits, shuffled, and their labels (count,)."""
    dataset, manifest = load_dataset("uci-digits"), digits().manifest
    order = np.random.default_rng(1).permutation(len(dataset.x_train))[:count]
    samples = prepare_samples(dataset.x_train[order], manifest["input"], manifest["preprocessing"])
    return samples.reshape(count, -1), np.asarray(dataset.y_train[order])
