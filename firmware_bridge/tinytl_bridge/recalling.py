# SPDX-License-Identifier: Apache-2.0
"""What a device still knows of its source task: the head's answers to the replay set, before and after it is taught.

In: a device. Out: a `Recall` of each moment, and both as a `SourceKept`. The features lie in the image, so no sample is sent. They are
replayed while the head learns, so they tell the least that is forgotten: samples that it never saw again may fare worse.
"""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.session import Session

WARN_POINTS = 3.0
"""Points of accuracy on the source task from which on a loss is worth a warning."""
_AT_ONCE = 32
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


def recall_of(session: Session) -> Recall | None:
    """Have a device classify its replay set; None where the image has none.

    Raises:
        DeviceError: it tells of more samples than any image has.
    """
    count = session.recall(0, 0).set_count
    if count > MOST_REPLAYED:
        raise DeviceError(f"the device tells of {count:,} samples in its replay set", expected=f"at most {MOST_REPLAYED:,}")
    parts = [session.recall(first, min(_AT_ONCE, count - first)) for first in range(0, count, _AT_ONCE)]
    if not parts:
        return None
    return Recall(np.concatenate([part.labels for part in parts]), np.concatenate([part.predictions for part in parts]))


class SourceWatch:
    """Looks at the replay set around a stream, and takes a head back that has lost too much of it.

    Args:
        limit_points: that may be lost; None: any.

    Raises:
        DeviceError: a limit, and the image has no replay set to hold it by.
    """

    def __init__(self, session: Session, limit_points: float | None) -> None:
        self._session, self._limit, self._before = session, limit_points, recall_of(session)
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
        after = recall_of(self._session)
        if self._before is None or after is None:
            return False
        self.kept = SourceKept(self._before, after)
        return self._limit is not None and self.kept.points_lost > self._limit

    def undo(self, *, committed: bool) -> None:
        """Bring back the head before: the last saved one, the one before it if the guard has saved this one, else the factory head."""
        try:
            self._session.rollback("previous" if committed else "saved")
        except Refusal as refusal:
            if refusal.status != "nothing_saved":
                raise
            self._session.rollback("factory")
        if committed:
            self._session.save()
