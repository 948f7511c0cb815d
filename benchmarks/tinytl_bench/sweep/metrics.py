# SPDX-License-Identifier: Apache-2.0
"""How right a head is: accuracy, loss and macro-F1 of logits. Pure."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import BenchError


@dataclass(frozen=True)
class Quality:
    """accuracy, macro_f1: fractions. loss: mean softmax cross-entropy, nats."""

    accuracy: float
    loss: float
    macro_f1: float


def quality(logits: np.ndarray, labels: np.ndarray) -> Quality:
    """Judge answers.

    Args:
        logits: (N, classes) float. labels: (N,) class numbers.

    Raises:
        BenchError: no samples.
    """
    if not len(labels):
        raise BenchError("no samples to judge a head by", expected="at least one")
    real = logits.astype(np.float64)
    real -= real.max(axis=1, keepdims=True)
    losses = np.log(np.exp(real).sum(axis=1)) - real[np.arange(len(labels)), labels]
    answers = real.argmax(axis=1)
    return Quality(float(np.mean(answers == labels)), float(losses.mean()), macro_f1(answers, labels))


def macro_f1(answers: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over classes of F1 = 2 TP / (2 TP + FP + FN); classes that are neither answered nor there do not count.

    Args:
        answers, labels: (N,) class numbers.
    """
    scores = []
    for number in np.union1d(answers, labels):
        right = np.sum((answers == number) & (labels == number))
        scores.append(2 * right / (np.sum(answers == number) + np.sum(labels == number)))
    return float(np.mean(scores))
