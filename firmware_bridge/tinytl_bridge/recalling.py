# SPDX-License-Identifier: Apache-2.0
"""What a device still knows of its source task: the head's answers to the replay set, before and after it is taught.

In: a device. Out: a `Recall` of each moment, and both as a `SourceKept`. The features lie in the image, so no sample is sent. They are
replayed while the head learns, so they tell the least that is forgotten: samples that it never saw again may fare worse.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Command, fields

if TYPE_CHECKING:
    from tinytl_bridge.device import Device

WARN_POINTS = 3.0
"""Points of accuracy on the source task from which on a loss is worth a warning."""
_AT_ONCE = 32
_COUNT = struct.Struct("<I")
MOST_REPLAYED = 1 << 20


@dataclass(frozen=True)
class Recall:
    """The replay set classified. labels, predictions: (N,) int64, N ≥ 1."""

    labels: np.ndarray
    predictions: np.ndarray

    @property
    def accuracy(self) -> float:
        """Fraction of samples classified correctly."""
        return float((self.labels == self.predictions).mean())

    def accuracy_of(self, label: int) -> float:
        """Fraction of a class's samples, of which there is one or more."""
        return float((self.predictions[self.labels == label] == label).mean())


@dataclass(frozen=True)
class SourceKept:
    """The replay set before and after a head was taught."""

    before: Recall
    after: Recall

    @property
    def points_lost(self) -> float:
        """Points of accuracy, negative where it was gained."""
        return 100 * (self.before.accuracy - self.after.accuracy)

    @property
    def worst(self) -> tuple[int, float, float]:
        """The class that lost most, the first of equals, with its accuracy before and after."""
        rows = [(int(label), self.before.accuracy_of(label), self.after.accuracy_of(label)) for label in np.unique(self.before.labels)]
        return max(rows, key=lambda row: row[1] - row[2])


def recall_of(device: "Device") -> Recall | None:
    """Have a device classify its replay set; None where the image has none."""
    (there,) = fields(_COUNT, device.command(Command.RECALL, struct.pack("<II", 0, 0)), "RECALL")
    if there > MOST_REPLAYED:
        raise DeviceError(f"the device tells of {there:,} samples in its replay set", expected=f"at most {MOST_REPLAYED:,}")
    answers = b"".join(
        device.command(Command.RECALL, struct.pack("<II", first, min(_AT_ONCE, there - first)))[4:] for first in range(0, there, _AT_ONCE)
    )
    if len(answers) != 4 * there:
        raise DeviceError(
            f"{len(answers)} bytes in the answers to RECALL", expected=str(4 * there), hint="the firmware is of another version"
        )
    pairs = np.frombuffer(answers, "<u2").reshape(-1, 2).astype(np.int64)
    return Recall(pairs[:, 0], pairs[:, 1]) if there else None


class SourceWatch:
    """Looks at the replay set around a stream, and takes a head back that has lost too much of it.

    Args:
        limit_points: that may be lost; None: any.

    Raises:
        DeviceError: a limit, and the image has no replay set to hold it by.
    """

    def __init__(self, device: "Device", limit_points: float | None) -> None:
        self._device, self._limit, self._before = device, limit_points, recall_of(device)
        if limit_points is not None and not limit_points >= 0:
            raise DeviceError(f"keep_source {limit_points:g}", expected="points of accuracy, 0 or more")
        if limit_points is not None and self._before is None:
            raise DeviceError(
                "the model on the device has no replay set, so what it keeps of the source task cannot be told",
                expected="a bundle with one", hint="tinytl export --replay-samples 200",
            )  # fmt: skip
        self.kept: SourceKept | None = None

    def exceeded(self) -> bool:
        """Look again; tell whether more is lost than may be."""
        after = recall_of(self._device)
        if self._before is None or after is None:
            return False
        self.kept = SourceKept(self._before, after)
        return self._limit is not None and self.kept.points_lost > self._limit

    def undo(self, *, committed: bool) -> None:
        """Bring back the head before: the last saved one, the one before it if the guard has saved this one, else the factory head."""
        try:
            self._device.rollback("previous" if committed else "saved")
        except Refusal as refusal:
            if refusal.status != "nothing_saved":
                raise
            self._device.rollback("factory")
        if committed:
            self._device.save()
