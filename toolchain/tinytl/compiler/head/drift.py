# SPDX-License-Identifier: Apache-2.0
"""What the source task's classes look like to the head, so that a device can tell how far its inputs have drifted from them.

In: the replay set. Out: `DriftStatistics`, for the image (SPEC.md sections 2.5 and 2.6). Features are added up to a few numbers, which
for features [H, W, C] keep the channels apart. Invariant: equal replay sets give equal bytes; means are rounded sums of integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

UNITS = 16
"""Of a mean, to a step of int8."""
MAX_NUMBERS, FEW = 64, 32
MAX_FOLDED = 65536
"""Features in one number: the device's sums of squares have room for them."""


@dataclass(frozen=True)
class DriftStatistics:
    """means: (classes, numbers) int32, of each class's sums, in sixteenths. spread: mean squared distance of a source sample to the
    nearest class, in the same units."""

    means: np.ndarray
    spread: float

    @property
    def numbers(self) -> int:
        """Numbers that a sample's features are added up to."""
        return int(self.means.shape[1])


def drift_statistics(
    features: np.ndarray, labels: np.ndarray, class_count: int, shapes: Sequence[tuple[int, int, int]]
) -> DriftStatistics | None:
    """Return a replay set's statistics.

    The distance of a sample is that to the nearest mean of a class, its own class's taken without itself: so a sample that nobody has
    seen before is as far away as these are.

    Args:
        features: (N, feature_count) int8. labels: (N,) integers in [0, class_count). class_count: classes of the source task.
        shapes: (H, W, C) of each feature tensor.

    Returns:
        None where a class has fewer than two samples, or all samples of a class are alike.
    """
    counts = np.bincount(labels.astype(np.intp), minlength=class_count)[:, None]
    numbers = folded_to(shapes)
    if counts.min() < 2 or features.shape[1] > numbers * MAX_FOLDED:
        return None
    sums = UNITS * folded(features, shapes, numbers)
    totals = np.zeros((class_count, numbers), np.int64)
    np.add.at(totals, labels, sums)
    means = np.rint(totals / counts).astype(np.int32)
    nearest = []
    for row, label in zip(sums, labels, strict=True):
        others = means.astype(np.float64)
        others[label] = (totals[label] - row) / (counts[label] - 1)
        nearest.append(float(((others - row) ** 2).sum(axis=1).min()))
    spread = float(np.float32(np.mean(nearest)))
    return DriftStatistics(means, spread) if spread >= 1 else None


def folded_to(shapes: Sequence[tuple[int, int, int]]) -> int:
    """Return how many numbers features are added up to: a multiple of the first one's channels of 32 at most, or the channels; 64 where
    there are more of them."""
    channels, most = shapes[0][2], max(int(np.prod(shape)) for shape in shapes)
    return min(channels * max(1, FEW // channels) if channels <= MAX_NUMBERS else MAX_NUMBERS, most)


def folded(features: np.ndarray, shapes: Sequence[tuple[int, int, int]], numbers: int) -> np.ndarray:
    """Add up features (N, feature_count) int8 → (N, numbers) int64: number k has elements k, k + numbers … of each feature tensor.

    Args:
        features: (N, feature_count) int8. shapes: (H, W, C) of each feature tensor, feature_count elements together.
        numbers: that a sample becomes, 1 or more, as `folded_to` tells.
    """
    sums = np.zeros((len(features), numbers), np.int64)
    start = 0
    for shape in shapes:
        end = start + int(np.prod(shape))
        for first in range(start, end, numbers):
            part = features[:, first : min(first + numbers, end)]
            sums[:, : part.shape[1]] += part
        start = end
    return sums
