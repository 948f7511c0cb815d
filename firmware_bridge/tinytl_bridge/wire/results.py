# SPDX-License-Identifier: Apache-2.0
"""What a device answers, typed: an inference, a taught sample, a place in a stream, part of the replay set.

In: an answer's payload. Out: one object, or a `DeviceError` where the payload cannot be what it should.
"""

import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.wire.protocol import fields
from tinytl_bridge.wire.verdicts import Verdict, parse_verdict

Outcome = Literal["learned", "held out", "diverged", "skipped"]
_OUTCOMES: tuple[Outcome, ...] = ("learned", "held out", "diverged", "skipped")
_BEST = struct.Struct("<HH")
_MOST_LOGITS = 255
_TAUGHT = struct.Struct("<HHfIIff")
_PLACE = struct.Struct("<II")


@dataclass(frozen=True)
class Inference:
    """One sample classified. logits: (classes,) float32."""

    predicted: int
    logits: np.ndarray

    @property
    def confidence(self) -> float:
        """Probability of the class predicted; of one logit, which tells two classes apart, its sigmoid's."""
        if len(self.logits) == 1:
            return float(1 / (1 + np.exp(-abs(float(self.logits[0])))))
        return float(self.probabilities.max())

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
    """One taught sample.

    Attributes:
        predicted: class before learning. loss: nats before learning, 0 where nothing was learned. head_crc32: 0 unless traced.
        outcome: "learned", "held out" by the guard, "diverged" and undone by it, or "skipped": it was right already.
        verdict: of a check that the device made then.
        confidence: probability of the class predicted, where samples may be skipped or this one was looked at (`tinytl_watch` in
            tinytl.h), else None.
        drift: how far its features lie from the source task's classes, about 1 for samples like the source's; None unless looked at.
    """

    label: int
    predicted: int
    loss: float
    steps: int
    head_crc32: int
    outcome: Outcome = "learned"
    verdict: Verdict | None = None
    confidence: float | None = None
    drift: float | None = None


@dataclass(frozen=True)
class StreamPlace:
    """Where a head stands in a stream. stream: its number, 0: none was told. position: samples of it that the head has taken,
    whatever came of them."""

    stream: int
    position: int


NOWHERE = StreamPlace(0, 0)


@dataclass(frozen=True)
class Recalled:
    """Part of the replay set classified. set_count: samples in the whole set. labels, predictions: (count,) int64, of the part."""

    set_count: int
    labels: np.ndarray
    predictions: np.ndarray


def parse_inference(payload: bytes) -> Inference:
    """Return the typed answer to INFER: at most 255 logits, one of two classes, none without a head."""
    best, count = fields(_BEST, payload[: _BEST.size], "INFER")
    expected = _BEST.size + 4 * count
    classes = (1, 2)[count] if count < 2 else count if count < _MOST_LOGITS else 1 << 16
    if len(payload) != expected or best >= classes:
        raise DeviceError(
            f"the answer to INFER has class {best} and {len(payload)} bytes", expected=f"a class below {classes} and {expected} bytes",
            hint="the firmware is of another version",
        )  # fmt: skip
    return Inference(best, np.frombuffer(payload, "<f4", count, _BEST.size).copy())


def parse_taught(payload: bytes, label: int) -> TaughtSample:
    """Return the typed answer to TEACH and GROW."""
    predicted, outcome, loss, steps, crc, confidence, drift = fields(_TAUGHT, payload[: _TAUGHT.size], "TEACH")
    if outcome >= len(_OUTCOMES):
        raise DeviceError(
            f"the device tells of outcome {outcome}", expected=f"0 to {len(_OUTCOMES) - 1}", hint="the firmware is of another version"
        )
    verdict = parse_verdict(payload[_TAUGHT.size :])
    return TaughtSample(label, predicted, loss, steps, crc, _OUTCOMES[outcome], verdict, _told(confidence), _told(drift))


def _told(number: float) -> float | None:
    """Return a positive number, None where the device had nothing to tell."""
    return number if number > 0 else None


def parse_place(payload: bytes) -> StreamPlace:
    """Return the typed answer to STREAM."""
    return StreamPlace(*fields(_PLACE, payload, "STREAM"))


def parse_recalled(payload: bytes, count: int) -> Recalled:
    """Return the typed answer to RECALL, which was asked for `count` samples."""
    (set_count, *pairs) = fields(struct.Struct(f"<I{2 * count}H"), payload, "RECALL")
    labels, predictions = np.array(pairs, np.int64).reshape(-1, 2).T
    return Recalled(set_count, labels, predictions)
