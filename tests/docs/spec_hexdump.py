# SPDX-License-Identifier: Apache-2.0
"""Bytes as SPEC.md shows them: offset, bytes, field, value; one line for each eight bytes.

In: a record's bytes, and its fields as SPEC.md's own table has them. Out: lines of text. Invariant: every byte is shown once.
"""

from typing import Any

import numpy as np
from spec_tables import Field, split

PER_LINE = 8
_HEX = ("type", "crc32", "magic_word", "session", "commit", "owner", "payload_crc32", "head_crc32", "family_mask",
        "firmware_version", "random")  # fmt: skip
"""Fields that are shown in hexadecimal."""


def dump(fields: tuple[Field, ...], data: bytes, at: int = 0) -> list[str]:
    """Return the lines of a record that begins at offset `at` of what is shown."""
    lines = []
    for field, part in split(fields, data):
        lines += row(part, field.name, value(field, part), at)
        at += len(part)
    return lines


def row(data: bytes, name: str, text: str, at: int) -> list[str]:
    """Return the lines of one field; its name and value stand in the first."""
    pieces = [data[i : i + PER_LINE] for i in range(0, len(data), PER_LINE)]
    lines = [f"{at + PER_LINE * i:04x}  {piece.hex(' '):<{3 * PER_LINE}} " for i, piece in enumerate(pieces)]
    lines[0] += f"{name:<20} {text}"
    return [line.rstrip() for line in lines]


def plain(data: bytes) -> list[str]:
    """Return bytes alone, 16 to a line."""
    return [data[i : i + 16].hex(" ") for i in range(0, len(data), 16)]


def value(field: Field, data: bytes) -> str:
    """Return a field's value as text: numbers, or what bytes spell."""
    if field.name == "reserved":
        return "0" if field.count == 1 else "zeros"
    if field.type == "u8" and field.count != 1:
        return _spelled(data, field.name)
    if field.name in _HEX:
        return ", ".join(f"0x{number:0{2 * field.element_bytes}X}" for number in field.values(data))
    return ", ".join(_number(number, field) for number in field.values(data))


def _spelled(data: bytes, name: str) -> str:
    text = data.rstrip(b"\0")
    if name == "sample":
        return ", ".join(str(number) for number in np.frombuffer(data, np.int8))
    if len(text) > 2 and all(32 <= byte < 127 for byte in text):
        return f'"{text.decode()}"'
    return "" if text else "zeros"


def real(number: Any) -> str:
    """Return the shortest text of a float32."""
    return str(np.float32(number)).removesuffix(".0")


def _number(number: Any, field: Field) -> str:
    if field.type == "f32":
        return real(number)
    return "0xFFFFFFFF" if number == 0xFFFFFFFF else str(number)
