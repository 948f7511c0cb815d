# SPDX-License-Identifier: Apache-2.0
"""What a device answers, typed."""

import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Inference:
    """One sample classified. logits: (classes,) float32."""

    predicted: int
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits (classes,), float64; computed on the host."""
        shifted = np.exp(self.logits.astype(np.float64) - float(self.logits.max()))
        return shifted / shifted.sum()


@dataclass(frozen=True)
class Evaluation:
    """Many samples classified. predictions: (N,) int64."""

    predictions: np.ndarray
    correct: int

    @property
    def accuracy(self) -> float:
        """Fraction of samples classified correctly, 0 for none."""
        return self.correct / len(self.predictions) if len(self.predictions) else 0.0


@dataclass(frozen=True)
class TaughtSample:
    """One taught sample. predicted: class before learning; loss: nats before learning; head_crc32: 0 unless traced."""

    label: int
    predicted: int
    loss: float
    steps: int
    head_crc32: int


def parse_taught(payload: bytes, label: int) -> TaughtSample:
    """Return the typed answer to TEACH and GROW."""
    predicted, _, loss, steps, crc = struct.unpack("<HHfII", payload)
    return TaughtSample(label, predicted, loss, steps, crc)


@dataclass(frozen=True)
class TeachResult:
    """A stream of taught samples.

    Attributes:
        samples: those that were learned, in order.
        diverged: samples whose loss was not finite; they changed nothing.
        repeated: frames that had to be sent again.
        added: names of the classes that were new, in order.
    """

    samples: tuple[TaughtSample, ...]
    diverged: int
    repeated: int
    added: tuple[str, ...] = ()

    @property
    def taught(self) -> int:
        """Samples learned."""
        return len(self.samples)

    @property
    def accuracy(self) -> float:
        """Fraction predicted correctly, each before it was learned (prequential accuracy)."""
        return sum(s.predicted == s.label for s in self.samples) / len(self.samples) if self.samples else 0.0
