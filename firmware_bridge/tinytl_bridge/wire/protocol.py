# SPDX-License-Identifier: Apache-2.0
"""Frames and payloads as bytes (SPEC.md section 3): pure functions and typed answers, no input or output.

A frame is type, version, sequence, session, payload and a CRC-32 of all that; on the wire it is COBS-stuffed between zero bytes.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cobs import cobs

from tinytl.errors import DeviceError
from tinytl.runtime_lists import rows

VERSION = 1
ANSWER = 0x80
ERROR = 0xFF
_HEADER = struct.Struct("<BBHI")
_CRC = struct.Struct("<I")


_NUMBERS = {name.upper(): int(number, 0) for _, number, name in rows("link/commands.def")}


class Command(IntEnum):
    """Commands of the session. Their numbers are those of the runtime's list, `link/commands.def`."""

    HELLO = _NUMBERS["HELLO"]
    STATUS = _NUMBERS["STATUS"]
    READ = _NUMBERS["READ"]
    FLASH_BEGIN = _NUMBERS["FLASH_BEGIN"]
    FLASH_DATA = _NUMBERS["FLASH_DATA"]
    FLASH_COMMIT = _NUMBERS["FLASH_COMMIT"]
    INPUT = _NUMBERS["INPUT"]
    INFER = _NUMBERS["INFER"]
    TEACH = _NUMBERS["TEACH"]
    GROW = _NUMBERS["GROW"]
    STREAM = _NUMBERS["STREAM"]
    EVALUATE = _NUMBERS["EVALUATE"]
    SAVE = _NUMBERS["SAVE"]
    ROLLBACK = _NUMBERS["ROLLBACK"]
    CHECK = _NUMBERS["CHECK"]
    RECALL = _NUMBERS["RECALL"]
    PUT_HEAD = _NUMBERS["PUT_HEAD"]
    MEASURE = _NUMBERS["MEASURE"]


class Readable(IntEnum):
    """What READ can name."""

    METADATA = 0
    OUTPUT = 1
    HEAD = 2
    HEADER = 3
    INPUT = 4
    TENSOR = 5
    LOGITS = 6
    CLASS_NAMES = 7


@dataclass(frozen=True)
class Frame:
    """One frame. type: a command, `ANSWER` + command, or `ERROR`; sequence: 0 … 65535; session: 0 … 2^32 − 1."""

    type: int
    sequence: int
    session: int
    payload: bytes = b""


@dataclass(frozen=True)
class DeviceInfo:
    """What a device announces in HELLO. Sizes in bytes; tick_hz 0: no timer; mailbox_bytes 0: no fast lane;
    program_bytes: what the flash programs at once."""

    protocol: int
    families: tuple[str, ...]
    firmware: str
    arena_bytes: int
    model_slot_bytes: int
    head_slot_bytes: int
    max_payload: int
    mailbox_bytes: int
    clock_hz: int
    tick_hz: int
    board: str
    image_format: int
    program_bytes: int = 1


@dataclass(frozen=True)
class DeviceStatus:
    """What a device holds. Statuses are names; sizes in bytes; stack_bytes 0: not measured;
    class_count 0: no head; guard_capacity 0: no guard. confidence and drift: means over the last 64 or so of the `looked_at` samples
    that were inferred or taught since the model was loaded (`tinytl_watch` in tinytl.h); None: there were none, or the image has no
    statistics to tell drift by."""

    model_status: str
    head_status: str
    bundle_id: bytes
    input_bytes: int
    image_bytes: int
    arena_used: int
    steps: int
    store_sequence: int
    head_crc32: int
    replay_count: int
    stack_bytes: int
    static_bytes: int
    class_count: int
    class_capacity: int
    held_out: int
    guard_capacity: int
    looked_at: int
    confidence: float | None
    drift: float | None

    @property
    def watched(self) -> str:
        """Say what samples were like of late, and what that means; "" where none was looked at."""
        if not self.looked_at:
            return ""
        of_late = f"of late, {self.looked_at:,} samples looked at"
        if self.drift is None:
            return (
                f"confidence {self.confidence:.2f} {of_late}; no drift: the image has no statistics of the source task\n"
                "hint: tinytl export with --replay-samples, two or more of each class"
            )
        return (
            f"confidence {self.confidence:.2f}, drift {self.drift:.1f} {of_late}\n"
            "hint: drift is about 1 where inputs are like the source task's, and more the less they are"
        )


LEAST_PAYLOAD, MOST_PAYLOAD = 128, 16384
"""Bytes of payload that a device may take: FLASH_BEGIN has 128."""
_INFO = struct.Struct("<HHIIIIIIII24sHH")
_STATUS = struct.Struct("<HH16sIIIIIIIIIHHHHIff")
_FAMILIES = ("portable", "dsp", "mve")
_HEAD_STATUSES = ("saved", "factory", "unreadable, so factory")


def encode(frame: Frame) -> bytes:
    """Return a frame's bytes on the wire, zeros around it."""
    plain = _HEADER.pack(frame.type, VERSION, frame.sequence, frame.session) + frame.payload
    return b"\0" + cobs.encode(plain + _CRC.pack(zlib.crc32(plain))) + b"\0"


def decode(run: bytes) -> Frame | None:
    """Return the frame of a run of bytes between two zeros, None if it is noise or damaged."""
    try:
        plain = cobs.decode(run)
    except cobs.DecodeError:
        return None
    body, end = plain[: -_CRC.size], plain[-_CRC.size :]
    if len(body) < _HEADER.size or _CRC.unpack(end)[0] != zlib.crc32(body):
        return None
    kind, version, sequence, session = _HEADER.unpack_from(body)
    return Frame(kind, sequence, session, body[_HEADER.size :]) if version == VERSION else None


def fields(layout: struct.Struct, payload: bytes, what: str) -> tuple[Any, ...]:
    """Return the fields of an answer.

    Args:
        layout: of the whole answer. payload: the answer's. what: name of the command, for the error.

    Raises:
        DeviceError: it has another length.
    """
    if len(payload) != layout.size:
        raise DeviceError(
            f"the answer to {what} has {len(payload)} bytes", expected=str(layout.size), hint="the firmware is of another version"
        )
    return layout.unpack(payload)


def parse_info(payload: bytes) -> DeviceInfo:
    """Return the typed answer to HELLO."""
    protocol, mask, firmware, arena, model_slot, head_slot, max_payload, mailbox, clock_hz, tick_hz, name, image_format, unit = fields(
        _INFO, payload, "HELLO"
    )
    if protocol != VERSION:
        raise DeviceError(f"the device speaks protocol {protocol}", expected=str(VERSION), hint="update the firmware or tinytl")
    if not LEAST_PAYLOAD <= max_payload <= MOST_PAYLOAD:
        raise DeviceError(
            f"the device takes payloads of up to {max_payload:,} bytes", expected=f"{LEAST_PAYLOAD} to {MOST_PAYLOAD:,}",
            hint="build its firmware with TINYTL_MAX_PAYLOAD in that range",
        )  # fmt: skip
    families = tuple(family for bit, family in enumerate(_FAMILIES) if mask >> bit & 1)
    version = f"{firmware >> 16}.{firmware >> 8 & 255}.{firmware & 255}"
    board = name.rstrip(b"\0").decode("ascii", "replace")
    sizes = (arena, model_slot, head_slot, max_payload, mailbox)
    return DeviceInfo(protocol, families, version, *sizes, clock_hz, tick_hz, board, image_format, max(unit, 1))


def parse_status(payload: bytes, names: tuple[str, ...]) -> DeviceStatus:
    """Return the typed answer to STATUS; `names`: of the runtime's statuses, in order."""
    model, head, *rest = fields(_STATUS, payload, "STATUS")
    looked_at, confidence, drift = rest[-3:]
    model_name = names[model] if model < len(names) else f"status {model}"
    head_name = _HEAD_STATUSES[head] if head < len(_HEAD_STATUSES) else f"status {head}"
    class_count, class_capacity = rest[10:12]
    if class_count > class_capacity:
        raise DeviceError(f"the device tells of {class_count:,} classes", expected=f"at most {class_capacity:,}, its capacity")
    rest[-2:] = confidence if looked_at else None, drift if looked_at and drift >= 0 else None
    return DeviceStatus(model_name, head_name, *rest)
