# SPDX-License-Identifier: Apache-2.0
"""How features of two engines differ. In: two arrays of the same samples' features. Out: `FeatureDifferences`, counts that add up."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import BenchError


@dataclass(frozen=True)
class FeatureDifferences:
    """Differences of int8 features, in steps of their scale.

    Attributes:
        samples: that were compared. samples_differing: with a feature or more that differs.
        features: numbers that were compared. features_differing: of them.
        largest: the largest |difference|. histogram: features by |difference|, from 0 to `largest`.
    """

    samples: int
    samples_differing: int
    features: int
    features_differing: int
    largest: int
    histogram: tuple[int, ...]


def differences_of(features: np.ndarray, others: np.ndarray) -> FeatureDifferences:
    """Compare features (N, feature_count) int8 of the same samples.

    Raises:
        BenchError: no samples, or two shapes.
    """
    if features.shape != others.shape or not features.size:
        raise BenchError(f"features of shape {features.shape} and {others.shape}", expected="two of (N, feature_count), N 1 or more")
    distances = np.abs(features.astype(np.int16) - others.astype(np.int16))
    histogram = np.bincount(distances.reshape(-1))
    return FeatureDifferences(
        samples=len(features),
        samples_differing=int(distances.any(axis=1).sum()),
        features=distances.size,
        features_differing=int(np.count_nonzero(distances)),
        largest=len(histogram) - 1,
        histogram=tuple(int(count) for count in histogram),
    )
