# SPDX-License-Identifier: Apache-2.0
"""Seeded random shift, rotation and zoom of images, in NumPy: the same seed gives the same pixels on every machine.

One affine map per image, sampled bilinearly; what comes from outside the image is the edge's nearest pixel.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random maps. The defaults are what a small set of drawings needs to be of use for other writers and scanners.

    Attributes:
        shift: up to this fraction of height and width, each way.
        rotation_degrees: up to this, each way.
        zoom: the image becomes 1 / (1 + zoom) to 1 + zoom times as large.
        stretch: its height and width change by that factor against each other.
    """

    shift: float = 0.1
    rotation_degrees: float = 15.0
    zoom: float = 0.4
    stretch: float = 0.3


def augment(x: np.ndarray, *, generator: np.random.Generator, ranges: Augmentation) -> np.ndarray:
    """Return each image under its own random map.

    Args:
        x: (N, H, W, C) float32. generator: drawn from 5 × N times, so the caller's seed decides. ranges: of the random maps.

    Returns:
        (N, H, W, C) float32.
    """
    count, height, width, _ = x.shape
    angle = np.deg2rad(generator.uniform(-1, 1, count) * ranges.rotation_degrees)
    factor = (1 + ranges.zoom) ** generator.uniform(-1, 1, count)
    down, right = generator.uniform(-1, 1, (2, count)) * ranges.shift * np.array([[height], [width]])
    aspect = np.sqrt((1 + ranges.stretch) ** generator.uniform(-1, 1, count))
    rows, columns = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    cosine, sine, down, right, across, along = (
        value[:, None, None] for value in (np.cos(angle), np.sin(angle), down, right, aspect / factor, 1 / (aspect * factor))
    )
    from_row, from_column = (rows - down) * across, (columns - right) * along
    y = cosine * from_row - sine * from_column + (height - 1) / 2
    x_position = sine * from_row + cosine * from_column + (width - 1) / 2
    return _bilinear(x, np.clip(y, 0, height - 1), np.clip(x_position, 0, width - 1))


def _bilinear(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sample images (N, H, W, C) at real positions (N, H, W) inside them."""
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    bottom, right = np.minimum(top + 1, images.shape[1] - 1), np.minimum(left + 1, images.shape[2] - 1)
    down = (rows - top)[..., None].astype(np.float32)
    across = (columns - left)[..., None].astype(np.float32)
    which = np.arange(len(images))[:, None, None]
    upper = images[which, top, left] * (1 - across) + images[which, top, right] * across
    lower = images[which, bottom, left] * (1 - across) + images[which, bottom, right] * across
    return upper * (1 - down) + lower * down
