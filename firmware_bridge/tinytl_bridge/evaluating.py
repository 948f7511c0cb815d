# SPDX-License-Identifier: Apache-2.0
"""Many samples classified on a device and compared with their labels: through the mailbox where there is one, else one by one.

In: an open session, prepared samples, labels. Out: an `Evaluation`. Nothing on the device changes.
"""

from collections.abc import Sequence

import numpy as np

from tinytl.class_match import ClassMatch, match_classes
from tinytl.errors import DeviceError
from tinytl.progress import Progress
from tinytl_bridge.wire.results import Evaluation
from tinytl_bridge.wire.session import Session

_AT_ONCE = 64
_ALIGNMENT = 16


def numbers_of(session: Session, y: np.ndarray, classes: Sequence[str] | ClassMatch | None) -> np.ndarray:
    """Return labels (N,) as the device's numbers.

    Args:
        session: with the device. y: labels (N,). classes: their names, or how they map; None: they are the device's numbers already.

    Raises:
        DeviceError: names of which the device has none, or numbers that it does not have.
    """
    if classes is None:
        session.expect_labels(y)
        return y
    if isinstance(classes, ClassMatch):
        return classes.numbers_of(y)
    match = match_classes(y, classes, session.labels())
    match.expect_known()
    return match.numbers_of(y)


def evaluate_prepared(session: Session, samples: np.ndarray, y: np.ndarray, *, mailbox: memoryview | None, report: Progress) -> Evaluation:
    """Classify prepared samples and compare with labels.

    Args:
        session: with the device. samples: (N, input_bytes) int8. y: (N,) the device's numbers.
        mailbox: memory shared with the device; None: samples are sent. report: told after every 64 samples.

    Raises:
        DeviceError: 64 samples do not fit the mailbox.
    """
    predictions: list[int] = []
    for start in range(0, len(samples), _AT_ONCE):
        chunk = samples[start : start + _AT_ONCE]
        predictions += [session.infer(sample).predicted for sample in chunk] if mailbox is None else _by_mailbox(session, chunk, mailbox)
        report("evaluate", len(predictions), len(samples))
    answers = np.array(predictions, np.int64)
    return Evaluation(answers, int((answers == np.asarray(y)).sum()))


def _by_mailbox(session: Session, chunk: np.ndarray, mailbox: memoryview) -> list[int]:
    predictions = -(-chunk.size // _ALIGNMENT) * _ALIGNMENT
    if predictions + 2 * len(chunk) > len(mailbox):
        raise DeviceError(f"{len(chunk)} samples of {chunk.shape[1]:,} bytes do not fit the mailbox", expected=f"{len(mailbox):,} bytes")
    mailbox[: chunk.size] = chunk.tobytes()
    session.evaluate(samples_at=0, count=len(chunk), predictions_at=predictions)
    return np.frombuffer(mailbox, "<u2", len(chunk), predictions).astype(int).tolist()
