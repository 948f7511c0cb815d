# SPDX-License-Identifier: Apache-2.0
"""Where a head stands in a stream of samples: a number for the stream, given by the host, and how many of its samples were taken.

In: a device, or a dataset in the order of teaching. Out: a `StreamPlace` (SPEC.md section 3, STREAM). The device counts a
sample in the command that teaches it, and saves the place with the head, so that a stream whose line was cut goes on where it stopped.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from tinytl.errors import DeviceError
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.results import NOWHERE, StreamPlace
from tinytl_bridge.wire.session import Session


def number_stream(x: np.ndarray, y: np.ndarray, names: Sequence[str], order: np.ndarray) -> int:
    """Return a number 1 … 2^32 − 1 for samples in an order: a CRC-32, equal for equal streams.

    Args:
        x: samples (N, …). y: labels (N,). names: of the labels. order: (N,) indices, the sequence in which they come.
    """
    crc = zlib.crc32("\0".join(names).encode())
    for part in (x, np.asarray(y, np.int64), np.asarray(order, np.int64)):
        crc = zlib.crc32(np.ascontiguousarray(part).data.cast("B") if part.size else b"", crc)
    return crc or 1


def place_of(session: Session) -> StreamPlace:
    """Return where the head stands; `NOWHERE` of firmware that does not tell."""
    return _asked(session, None)


def begin_stream(session: Session, place: StreamPlace) -> None:
    """Tell a device which stream comes, and from which sample on.

    Raises:
        DeviceError: it is to go on within a stream, and the firmware cannot tell where it stands.
    """
    if _asked(session, place) != place and place.position:
        raise DeviceError("the firmware keeps no place in a stream", hint="update the firmware, or teach from the first sample on")


def _asked(session: Session, place: StreamPlace | None) -> StreamPlace:
    try:
        return session.stream(place)
    except Refusal as refusal:
        if refusal.status != "bad_command":
            raise
        return NOWHERE
