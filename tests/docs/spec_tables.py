# SPDX-License-Identifier: Apache-2.0
"""SPEC.md's tables of fields, read as a program would: bytes are packed and taken apart by nothing but these tables.

In: the text of SPEC.md. Out: for a heading, its tables `| at | type | field | meaning |` as lists of `Field`. Invariant: what is packed and
decoded here knows no other list of fields, so that bytes which a device takes prove that the tables are complete.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[2] / "SPEC.md"
_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}
_HEAD = re.compile(r"^\| at \| type \| field \|.*\n\|[-|]+\|\n", re.MULTILINE)
_ROW = re.compile(r"^\| (\d+|…) \| (u8|i8|u16|i16|u32|i32|f32)(\[\w*\])? \| (\w+) \|", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """One row: where it begins (None behind a field of open length), its type, how many of it (0: the rest), its name."""

    at: int | None
    type: str
    count: int
    name: str

    @property
    def element_bytes(self) -> int:
        return struct.calcsize(_CODES[self.type])

    def values(self, data: bytes) -> tuple[Any, ...]:
        """Return the numbers that these bytes are."""
        return struct.unpack(f"<{len(data) // self.element_bytes}{_CODES[self.type]}", data)

    def bytes(self, value: Any) -> bytes:
        """Return the bytes of a number, of a list of them or of bytes; what is missing of a fixed length is zeros."""
        if isinstance(value, bytes):
            packed = value
        else:
            values = value if isinstance(value, (list, tuple)) else [value]
            packed = struct.pack(f"<{len(values)}{_CODES[self.type]}", *values)
        return packed.ljust(self.count * self.element_bytes, b"\0")


@cache
def body(heading: str) -> str:
    """Return what stands between a heading, as it begins (`### 2.1`), and the next one of its rank or a higher one; no blocks of code."""
    text = re.sub(r"^```.*?^```$", "", PATH.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    rank = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}\b.*?\n(.*?)(?=^#{{1,{rank}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise KeyError(f"SPEC.md has no heading that begins with {heading!r}")
    return found[1]


@cache
def tables(heading: str) -> tuple[tuple[Field, ...], ...]:
    """Return the tables of fields below a heading, in order."""
    return tuple(tuple(_fields(rest.split("\n\n")[0])) for rest in _HEAD.split(body(heading))[1:])


@cache
def exchange(heading: str) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Return the fields of a command's request and of its answer, none where it is empty."""
    found = {}
    for role in ("Request", "Answer"):
        (text,) = re.findall(rf"^{role}\b.*?(?=^(?:Request|Answer|#)|\Z)", body(heading), re.MULTILINE | re.DOTALL)
        first = _HEAD.split(text)[1:2]
        found[role] = tuple(_fields(first[0].split("\n\n")[0])) if first else ()
    return found["Request"], found["Answer"]


def _fields(rows: str) -> list[Field]:
    fields = []
    for at, kind, count, name in _ROW.findall(rows):
        inside = count.strip("[]")
        number = 1 if not count else int(inside) if inside.isdigit() else 0
        fields.append(Field(int(at) if at.isdigit() else None, kind, number, name))
    return fields


def pack(fields: tuple[Field, ...], **values: Any) -> bytes:
    """Return a record's bytes: every field by its name; reserved ones and fields of open length may be left out."""
    unknown = set(values) - {field.name for field in fields}
    if unknown:
        raise KeyError(f"no such fields: {sorted(unknown)}")
    data = b""
    for field in fields:
        if field.at is not None and field.at != len(data):
            raise ValueError(f"field {field.name} is said to be at {field.at}; the fields before it end at {len(data)}")
        missing = 0 if field.name == "reserved" else b"" if field.count == 0 else None
        value = values.get(field.name, missing)
        if value is None:
            raise KeyError(f"no value of field {field.name}")
        data += field.bytes(value)
    return data


def split(fields: tuple[Field, ...], data: bytes) -> list[tuple[Field, bytes]]:
    """Take a record apart; fields behind the data's end may be missing as a whole."""
    parts, at = [], 0
    for field in fields:
        if at == len(data):
            break
        if field.at is not None and field.at != at:
            raise ValueError(f"field {field.name} is said to be at {field.at}; the fields before it end at {at}")
        end = at + field.count * field.element_bytes if field.count else len(data)
        if end > len(data):
            raise ValueError(f"field {field.name} ends at {end}; there are {len(data)} bytes")
        parts.append((field, data[at:end]))
        at = end
    if at != len(data):
        raise ValueError(f"the fields end at {at}; there are {len(data)} bytes")
    return parts
