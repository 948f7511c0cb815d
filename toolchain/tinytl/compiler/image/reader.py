# SPDX-License-Identifier: Apache-2.0
"""An image's bytes → its records, checked: for inspection, tests and for refusing a foreign file before it is sent
anywhere.

Length, magic, version and checksum are checked as the device does; offsets only as far as reading needs. The device's
own check (`tinytl_image_check`) is the complete one.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from tinytl import install_hint
from tinytl.compiler.dtypes import DTYPE_NAMES
from tinytl.compiler.kinds import KINDS
from tinytl.compiler.records import (
    CRC_START,
    FORMAT_VERSION,
    HEADER_BYTES,
    MAGIC,
    REGION_IMAGE,
    Header,
    HeadRecord,
    LayerRecord,
    OperatorRecord,
    TensorRecord,
    ValueRecord,
    size,
    unpack,
)
from tinytl.compiler.variants import VARIANTS
from tinytl.errors import CompileError

_HINT = "compile it again: tinytl build BUNDLE"


@dataclass(frozen=True)
class StoredOperator:
    """One operator: record, name of its kind, tensor numbers, parameters by name."""

    record: OperatorRecord
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: dict[str, int]


@dataclass(frozen=True)
class ImageContents:
    """Everything that an image says. head: None without one; layers, values: of its graph."""

    data: bytes
    header: Header
    tensors: tuple[TensorRecord, ...]
    operators: tuple[StoredOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    head: HeadRecord | None
    layers: tuple[LayerRecord, ...]
    values: tuple[ValueRecord, ...]
    metadata: dict[str, Any]

    def dims(self, number: int) -> tuple[int, ...]:
        """Return a tensor's dims, as many as its rank."""
        record = self.tensors[number]
        return (record.dim0, record.dim1, record.dim2, record.dim3)[: record.rank]

    def constant(self, number: int) -> np.ndarray:
        """Return the content of a constant tensor."""
        record = self.tensors[number]
        if record.region != REGION_IMAGE:
            raise CompileError(f"tensor {number} lies in the arena", expected="a constant")
        values = np.frombuffer(self.data, np.uint8, record.bytes, record.offset)
        return values.view(np.dtype(DTYPE_NAMES[record.dtype]).newbyteorder("<")).reshape(self.dims(number))

    def initial_parameters(self) -> np.ndarray:
        """Return the factory parameters of the head, float32, int8 weights four in one."""
        if self.head is None:
            raise CompileError("the image has no head", expected="an image of a bundle")
        return np.frombuffer(self.data, "<f4", self.head.parameter_count, self.head.initial_parameters)


def read_image(data: bytes) -> ImageContents:
    """Check an image and return what it holds.

    Raises:
        CompileError: foreign, newer, cut short or altered.
    """
    data = bytes(data)
    header = _header(data)
    try:
        return _contents(data, header)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise CompileError(
            f"the image's records do not fit together ({type(error).__name__})",
            expected="an image of SPEC.md",
            hint=_HINT,
        ) from error


def _header(data: bytes) -> Header:
    if data[:4] != MAGIC:
        raise CompileError(f"the file is no image: it starts with {data[:4]!r}", expected=repr(MAGIC), hint=_HINT)
    if len(data) < HEADER_BYTES:
        raise CompileError(f"the image has {len(data)} bytes", expected=f"at least {HEADER_BYTES}", hint=_HINT)
    header = unpack(Header, data, 0)
    if header.format_version != FORMAT_VERSION:
        newer = header.format_version > FORMAT_VERSION
        raise CompileError(
            f"image format version {header.format_version}",
            expected=str(FORMAT_VERSION),
            hint=install_hint.newer() if newer else _HINT,
        )
    if header.image_bytes != len(data):
        raise CompileError(f"the image has {len(data):,} bytes", expected=f"{header.image_bytes:,}, as its header says", hint=_HINT)
    checksum = crc32(data[CRC_START:])
    if checksum != header.crc32:
        raise CompileError(f"the image's checksum is {checksum:08x}", expected=f"{header.crc32:08x}", hint=_HINT)
    return header


def _contents(data: bytes, header: Header) -> ImageContents:
    tensors = tuple(unpack(TensorRecord, data, header.tensors + i * size(TensorRecord)) for i in range(header.tensor_count))
    operands = [int(operand) for operand in np.frombuffer(data, "<u2", header.operand_count, header.operands)]
    operators = tuple(_operator(data, header, i, operands) for i in range(header.operator_count))
    middle = header.graph_operands + header.input_count
    head = unpack(HeadRecord, data, header.head) if header.head else None
    return ImageContents(
        data,
        header,
        tensors,
        operators,
        tuple(operands[header.graph_operands : middle]),
        tuple(operands[middle : middle + header.output_count]),
        head,
        tuple(unpack(LayerRecord, data, head.layers + i * size(LayerRecord)) for i in range(head.layer_count)) if head else (),
        tuple(unpack(ValueRecord, data, head.values + i * size(ValueRecord)) for i in range(head.value_count)) if head else (),
        json.loads(data[header.metadata : header.metadata + header.metadata_bytes] or b"{}"),
    )


def _operator(data: bytes, header: Header, number: int, operands: list[int]) -> StoredOperator:
    record = unpack(OperatorRecord, data, header.operators + number * size(OperatorRecord))
    kind = KINDS[record.opcode]
    names = VARIANTS[record.opcode, record.kernel].parameters if record.kernel else kind.parameters
    values = np.frombuffer(data, "<i4", record.params_bytes // 4, record.params)
    middle = record.operands + record.input_count
    return StoredOperator(
        record,
        kind.name,
        tuple(operands[record.operands : middle]),
        tuple(operands[middle : middle + record.output_count]),
        dict(zip(names, (int(value) for value in values), strict=True)),
    )
