# SPDX-License-Identifier: Apache-2.0
"""Names of classes that a device learned beside those of its image (SPEC.md section 3, GROW): text and bytes, and whose number is whose.

A dataset numbers its classes by itself. Its names say which of the device's classes they are, and which are new to it.
"""

from collections.abc import Sequence

import numpy as np

from tinytl.errors import DeviceError

NAME_BYTES = 32
MAX_NAME_BYTES = NAME_BYTES - 1
UNKNOWN = -1


def pack_name(name: str) -> bytes:
    """Return a name as the device keeps it: UTF-8, filled up with zeros.

    Raises:
        DeviceError: empty, too long, or with a zero in it.
    """
    data = name.encode()
    if not 1 <= len(data) <= MAX_NAME_BYTES or 0 in data:
        raise DeviceError(f"class name {name!r} takes {len(data)} bytes", expected=f"1 to {MAX_NAME_BYTES}, none of them zero")
    return data.ljust(NAME_BYTES, b"\0")


def parse_names(data: bytes) -> tuple[str, ...]:
    """Return the names that a device keeps."""
    runs = [data[start : start + NAME_BYTES] for start in range(0, len(data), NAME_BYTES)]
    return tuple(run.partition(b"\0")[0].decode("utf-8", "replace") for run in runs)


def map_classes(y: np.ndarray, names: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Return the device's numbers (N,) int64 of labels that count a dataset's classes: by name, `UNKNOWN` for those it does not have.

    Args:
        y: (N,) labels, numbers in `names`. known: the device's class names, by number.

    Raises:
        DeviceError: a label that has no name.
    """
    labels = np.asarray(y, np.int64)
    outside = [int(label) for label in np.unique(labels) if not 0 <= label < len(names)]
    if outside:
        raise DeviceError(f"labels {outside} have no name", expected=f"0 to {len(names) - 1}: {', '.join(names[:12])}")
    places = {name: number for number, name in enumerate(known)}
    return np.array([places.get(name, UNKNOWN) for name in names], np.int64)[labels]


def check_room(names: Sequence[str], *, count: int, capacity: int) -> None:
    """Refuse classes that the head has no room for, or names that it cannot keep.

    Args:
        names: of classes to add. count, capacity: classes that the head has, and rows for them.

    Raises:
        DeviceError: with what is missing.
    """
    for name in names:
        pack_name(name)
    if count + len(names) > capacity:
        raise DeviceError(
            f"new classes {', '.join(map(repr, names[:12]))}: {len(names)}, and the head has {count} of {capacity}",
            expected=f"at most {capacity - count} more",
            hint=f"tinytl export --class-capacity {count + len(names)} reserves rows for them",
        )  # fmt: skip
