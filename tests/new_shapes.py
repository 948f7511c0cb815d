# SPDX-License-Identifier: Apache-2.0
"""Two classes that the tiny task does not have: crosses and frames; and a stream of them among the four that it has."""

import numpy as np

from tiny_task import TINY_CLASSES, tiny_image
from tinytl.data.dataset import Dataset

NEW_CLASSES = ("cross", "frame")


def new_image(kind: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a 12×12 image: a cross or a frame, somewhere, on noise."""
    image = generator.normal(40.0, 15.0, (12, 12))
    row, column = generator.integers(3, 8, 2)
    away = np.abs(np.mgrid[:12, :12] - np.array([row, column])[:, None, None])
    shapes = ((away.min(axis=0) == 0) & (away.max(axis=0) < 5), away.max(axis=0) == 3)
    return np.clip(image + 150.0 * shapes[kind], 0, 255).astype(np.uint8)[:, :, None]


def mixed_task(*, seed: int, train: int = 240, test: int = 120) -> Dataset:
    """Make a task of six classes whose names are in another order than a device's that knows four of them."""
    names = (NEW_CLASSES[1], *reversed(TINY_CLASSES), NEW_CLASSES[0])
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(train + test) % len(names))
    images = np.stack(
        [
            new_image(NEW_CLASSES.index(names[label]), generator)
            if names[label] in NEW_CLASSES
            else tiny_image(TINY_CLASSES.index(names[label]), generator)
            for label in labels
        ]
    )
    return Dataset("six shapes", images[:train], labels[:train], images[train:], labels[train:], names)
