# SPDX-License-Identifier: Apache-2.0
"""Eight twins with the shipped bundle, each taught digits of its own: what they know alone, and heads out of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.data import Dataset, load_dataset
from tinytl_bridge import connect
from tinytl_bridge.fleet import HeadFile, give_head, head_of

TWINS, SAMPLES = 8, 80


def digits_of(number: int, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of one twin: of five digits, others than its neighbours'."""
    own = {(number + step) % 10 for step in (0, 1, 3, 5, 8)}
    order = np.random.default_rng(number).permutation(len(data.x_train))
    chosen = [at for at in order if int(data.classes[data.y_train[at]]) in own][:SAMPLES]
    return data.x_train[chosen], data.y_train[chosen]


def taught_heads(bundle: Bundle, folder: Path) -> Iterator[HeadFile]:
    """Teach each twin what it sees; yield its head."""
    data = load_dataset("uci-digits")
    with connect("host", state_dir=folder) as device:
        device.flash(bundle)
        for number in range(TWINS):
            device.rollback("factory")
            device.teach(*digits_of(number, data))
            yield head_of(device)


def accuracy(bundle: Bundle, head: HeadFile, folder: Path) -> float:
    """Return what a twin with this head knows of all ten digits."""
    data = load_dataset("uci-digits")
    with connect("host", state_dir=folder) as device:
        device.flash(bundle)
        give_head(device, head)
        return device.evaluate(data.x_test[:400], data.y_test[:400]).accuracy


def poisoned(head: HeadFile, factor: float = -50.0) -> HeadFile:
    """Return a head whose numbers are all multiplied; int8 weights go to the ends of their range."""
    bytes_ = np.clip(np.rint(factor * head.int8_weights.astype(np.float64)), -127, 127)
    return replace(head.with_numbers(factor * head.floats, bytes_, steps=head.steps))
