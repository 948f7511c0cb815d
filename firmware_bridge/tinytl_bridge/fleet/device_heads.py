# SPDX-License-Identifier: Apache-2.0
"""A head out of a device, and back into one of the same bundle. In: a connected device. Out: a `HeadFile`, or its number in the store."""

import struct

import numpy as np

from tinytl.compiler.records import HEADER_BYTES
from tinytl.errors import DeviceError
from tinytl_bridge.connection import Connection
from tinytl_bridge.fleet.head_file import HeadFile, random_of
from tinytl_bridge.fleet.layout import layers_of
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Readable

_CRC_AT = 12


def head_of(device: Connection) -> HeadFile:
    """Read the present head of a device; nothing of it changes.

    Raises:
        DeviceError: its model has no head. Refusal: no model is loaded.
    """
    metadata = device.session.head_metadata()
    status, header = device.status(), device.read(Readable.HEADER, count=HEADER_BYTES)
    count = int(metadata["head"]["parameter_count"])
    parameters = np.frombuffer(device.read(Readable.HEAD, count=4 * count), "<u4").copy()
    return HeadFile(
        metadata.get("name", ""), status.bundle_id, struct.unpack_from("<I", header, _CRC_AT)[0], device.labels(), len(metadata["labels"]),
        layers_of(metadata["head"]), status.steps, random_of(parameters), parameters,
    )  # fmt: skip


def give_head(device: Connection, head: HeadFile) -> int:
    """Have a device save a head and go on with it.

    Args:
        device: with a model of the head's bundle.

    Returns:
        The number of the head in the device's store.

    Raises:
        DeviceError: another bundle. Refusal: it does not fit; the saved head before stays.
    """
    held = device.status().bundle_id
    if held != head.bundle_id:
        raise DeviceError(
            f"the head is of bundle {head.bundle_id.hex()[:8]} ({head.name!r}), and the device holds {held.hex()[:8]}",
            expected="the bundle that the head was taught on", hint="tinytl flash that bundle first",
        )  # fmt: skip
    try:
        return device.put_head(head.state)
    except Refusal as refusal:
        if refusal.status != "bad_command":
            raise
        raise DeviceError("the firmware on the device takes no heads: it knows no PUT_HEAD", expected="one of this version",
                          hint="update the firmware: tinytl build --target T --as firmware") from refusal  # fmt: skip
