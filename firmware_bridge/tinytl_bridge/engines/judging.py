# SPDX-License-Identifier: Apache-2.0
"""What a head makes of features, whichever engine they are from: the twin's head, on features that are given to it.

In: a model of the C runtime, features, labels. Out: classes, and a `TaughtHead`. The model is left with its factory head.
"""

from dataclasses import dataclass

import numpy as np

from tinytl_bridge.twin import TwinModel

HELD_OUT = 4
"""Of each class every fourth sample is held out to judge by."""


@dataclass(frozen=True)
class TaughtHead:
    """What a taught head has right.

    Attributes:
        right_before, right_after: of the held-out samples, with the factory head and with the taught one.
        diverged: taught samples whose step diverged; nothing was learned from them.
        head_crc32: of the taught head's parameters, 8 hex digits.
    """

    right_before: int
    right_after: int
    diverged: int
    head_crc32: str


def held_out_mask(labels: np.ndarray) -> np.ndarray:
    """Return (N,) bool: of each class in labels (N,) every fourth sample, beginning with its fourth."""
    mask = np.zeros(len(labels), bool)
    for number in np.unique(labels):
        mask[np.flatnonzero(labels == number)[HELD_OUT - 1 :: HELD_OUT]] = True
    return mask


def classes_of(model: TwinModel, features: np.ndarray) -> np.ndarray:
    """Return the classes (N,) that the present head says of features (N, feature_count)."""
    answers = []
    for row in features:
        model.put_features(row)
        answers.append(model.infer()[0])
    return np.array(answers)


def taught_head(model: TwinModel, features: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> TaughtHead:
    """Teach the factory head what is not held out, in order, and judge it by what is.

    Args:
        model: gets its factory head before and after.
        features: (N, feature_count) int8. labels: (N,) class numbers. held_out: (N,) bool.
    """
    model.reset()
    right_before = _right(model, features, labels, held_out)
    diverged = 0
    for row, label in zip(features[~held_out], labels[~held_out], strict=True):
        model.put_features(row)
        diverged += model.step(int(label)).status != "ok"
    right_after = _right(model, features, labels, held_out)
    checksum = f"{model.head_crc32():08x}"
    model.reset()
    return TaughtHead(right_before, right_after, diverged, checksum)


def _right(model: TwinModel, features: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> int:
    return int((classes_of(model, features[held_out]) == labels[held_out]).sum())
