# SPDX-License-Identifier: Apache-2.0
"""Names of classes that a device learned beside those of its image (SPEC.md section 3, GROW): text, bytes, and room for them.

Which class of a dataset is which of the device's is `tinytl.class_match`'s to say.
"""

from collections.abc import Sequence

from tinytl.compiler.image.slot import CLASS_NAME_BYTES
from tinytl.errors import DeviceError

MAX_CLASS_NAME_BYTES = CLASS_NAME_BYTES - 1


def pack_name(name: str) -> bytes:
    """Return a name as the device keeps it: UTF-8, filled up with zeros.

    Raises:
        DeviceError: empty, too long, or with a zero in it.
    """
    data = name.encode()
    if not 1 <= len(data) <= MAX_CLASS_NAME_BYTES or 0 in data:
        raise DeviceError(f"class name {name!r} takes {len(data)} bytes", expected=f"1 to {MAX_CLASS_NAME_BYTES}, none of them zero")
    return data.ljust(CLASS_NAME_BYTES, b"\0")


def parse_names(data: bytes) -> tuple[str, ...]:
    """Return the names that a device keeps."""
    runs = [data[start : start + CLASS_NAME_BYTES] for start in range(0, len(data), CLASS_NAME_BYTES)]
    return tuple(run.partition(b"\0")[0].decode("utf-8", "replace") for run in runs)


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
