# SPDX-License-Identifier: Apache-2.0
"""A twin and a reference taught with the same samples, and how far they end up from one another."""

from dataclasses import dataclass

import numpy as np
from head_image import Feature, class_count_of, dequantized, features_of, head_image, random_features
from head_reference import ReferenceHead

from tinytl.head.layers import Head
from tinytl_bridge.twin import TwinModel


@dataclass(frozen=True)
class Taught:
    """The twin and the losses it reported, the float64 reference and its losses."""

    twin: TwinModel
    losses: np.ndarray
    reference: ReferenceHead
    reference_losses: np.ndarray


def relative_difference(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference in parts of the largest expected magnitude."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def teach_both(head: Head, steps: int, *, outputs: tuple[Feature, ...] | None = None, seed: int = 2) -> Taught:
    """Teach a twin and the reference `steps` separable samples, in order."""
    outputs = outputs or features_of(head)
    features, labels = random_features(head.feature_count, steps, class_count_of(head), seed)
    real = dequantized(features, outputs)
    twin, reference = TwinModel(head_image(head, outputs=outputs)), ReferenceHead(head)
    cuts = np.cumsum([each.count for each in outputs])[:-1]
    losses, reference_losses = [], []
    for sample, x, label in zip(features, real, labels, strict=True):
        twin.invoke(*(part[None] for part in np.split(sample, cuts)))
        result = twin.step(int(label))
        assert result.status == "ok"
        losses.append(result.loss)
        reference_losses.append(reference.step(x, int(label)))
    return Taught(twin, np.array(losses), reference, np.array(reference_losses))
