# SPDX-License-Identifier: Apache-2.0
"""Small tasks of four classes that a small model learns in a second: bars, beams, slopes and blobs on noise."""

import numpy as np

from tinytl.data.dataset import Dataset

TINY_CLASSES = ("bar", "beam", "slope", "blob")


def tiny_image(kind: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a 12×12 image of one class: a horizontal bar, a vertical beam, a diagonal, a blob, somewhere, on noise."""
    image = generator.normal(40.0, 15.0, (12, 12))
    row, column = generator.integers(1, 9, 2)
    rows, columns = np.mgrid[:12, :12]
    shapes = (
        (rows >= row) & (rows < row + 2),
        (columns >= column) & (columns < column + 2),
        np.abs(rows - columns + row - 5) < 2,
        (rows - row - 1) ** 2 + (columns - column - 1) ** 2 < 8,
    )
    return np.clip(image + 150.0 * shapes[kind], 0, 255).astype(np.uint8)[:, :, None]


def tiny_task(name: str, *, seed: int, train: int = 400, test: int = 120) -> Dataset:
    """Make a separable task of four classes, 12×12×1 uint8."""
    generator = np.random.default_rng(seed)
    labels = np.arange(train + test) % len(TINY_CLASSES)
    images = np.stack([tiny_image(int(label), generator) for label in labels])
    return Dataset(name, images[:train], labels[:train], images[train:], labels[train:], TINY_CLASSES)
