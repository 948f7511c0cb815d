# SPDX-License-Identifier: Apache-2.0
"""Last stage: program + arena plan + head → the bytes of an image (SPEC.md section 2).

Deterministic: equal inputs give equal bytes. Constants with equal bytes are stored once. Sections follow one another in
a fixed order, each from a multiple of 16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from tinytl.compiler.dtypes import DTYPE_NUMBERS
from tinytl.compiler.head.section import HeadPlan, head_record, layer_records, value_records
from tinytl.compiler.memory.liveness import ArenaPlan, ArenaRange
from tinytl.compiler.memory.placing import aligned
from tinytl.compiler.program import CONSTANT, MAX_RANK, Program, ProgramTensor
from tinytl.compiler.records import (
    CRC_START,
    FAMILIES,
    FLAG_HEAD,
    FORMAT_VERSION,
    HEADER_BYTES,
    MAGIC,
    REGION_ARENA,
    REGION_IMAGE,
    Header,
    HeadRecord,
    OperatorRecord,
    TensorRecord,
    pack,
    size,
)
from tinytl.errors import CompileError

MAX_OPERANDS = 0xFFFF


@dataclass(frozen=True)
class OperatorInfo:
    """One operator of an image, for tables.

    Attributes:
        index: its number. name: the layer's. kind: as in SPEC.md table 2.4.
        output_shape: with batch. macs: of one inference.
        weight_bytes: constants it reads. activation_bytes: what it reads and writes in the arena.
        kernel: which of its family runs it. instructions: expected on a Cortex-M4, 0 where no model of it exists.
    """

    index: int
    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    activation_bytes: int
    scratch_bytes: int
    kernel: str = "portable"
    instructions: int = 0


@dataclass(frozen=True)
class Image:
    """A compiled model.

    Attributes:
        data: the bytes, as they go into a model slot.
        family: kernel family. arena_bytes: RAM that it needs, all in one block.
        arena_map: what lies where in that block, and when.
        operators: in order.
        constant_bytes: weights, bias and rescaling constants. head_bytes: head section, layers and factory parameters.
        replay_set_bytes: source features and labels.
        metadata: what the image says of itself.
    """

    data: bytes
    family: str
    arena_bytes: int
    arena_map: tuple[ArenaRange, ...]
    operators: tuple[OperatorInfo, ...]
    constant_bytes: int
    head_bytes: int
    replay_set_bytes: int
    metadata: dict[str, Any]


class _Sections:
    """Grows the body of an image, section by section."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.end = HEADER_BYTES

    def add(self, content: bytes) -> int:
        """Append bytes, padded to the alignment; return their offset."""
        offset = self.end
        padding = aligned(len(content)) - len(content)
        self._parts.append(content + bytes(padding))
        self.end += len(content) + padding
        return offset

    def body(self) -> bytes:
        return b"".join(self._parts)


@dataclass(frozen=True)
class Written:
    """data: the whole image. constant_bytes, head_bytes, replay_set_bytes: of its sections."""

    data: bytes
    constant_bytes: int
    head_bytes: int
    replay_set_bytes: int


def write_image(program: Program, arena: ArenaPlan, head: HeadPlan | None, metadata: bytes, *, family: str, bundle_id: bytes) -> Written:
    """Assemble an image.

    Args:
        program: lowered. arena: its plan, with the head's buffers. head: None for an extractor alone.
        metadata: UTF-8 JSON. family: of its kernels, a key of `FAMILIES`. bundle_id: 16 bytes; what is missing becomes zeros.

    Raises:
        CompileError: more tensors or operands than 16 bits number.
    """
    sections = _Sections()
    # Records hold offsets of what follows them, so their room is reserved first and filled in last.
    tensors_at = sections.add(bytes(size(TensorRecord) * len(program.tensors)))
    operators_at = sections.add(bytes(size(OperatorRecord) * len(program.operators)))
    operands, starts, graph_operands = _operands(program)
    operands_at = sections.add(np.array(operands, "<u2").tobytes())
    params_at = [
        sections.add(np.array(operator.parameters, "<i4").tobytes()) if operator.parameters else 0 for operator in program.operators
    ]
    constants_start = sections.end
    constants_at = _add_constants(sections, program)
    head_start = sections.end
    head_at = 0
    replay_set_bytes = 0
    if head is not None:
        head_at, replay_set_bytes = _add_head(sections, head, arena.named)
    metadata_start = sections.end
    metadata_at = sections.add(metadata)
    header = Header(
        magic=MAGIC,
        format_version=FORMAT_VERSION,
        header_bytes=HEADER_BYTES,
        image_bytes=sections.end,
        crc32=0,
        bundle_id=bundle_id.ljust(16, b"\0"),
        family=FAMILIES[family],
        flags=FLAG_HEAD if head is not None else 0,
        arena_bytes=arena.bytes,
        tensor_count=len(program.tensors),
        tensors=tensors_at,
        operator_count=len(program.operators),
        operators=operators_at,
        operand_count=len(operands),
        operands=operands_at,
        graph_operands=graph_operands,
        input_count=len(program.inputs),
        output_count=len(program.outputs),
        head=head_at,
        metadata=metadata_at,
        metadata_bytes=len(metadata),
    )
    body = bytearray(sections.body())
    _fill(body, tensors_at, _tensor_records(program, arena, constants_at))
    _fill(body, operators_at, _operator_records(program, arena, starts, params_at))
    data = _sealed(header, bytes(body))
    head_bytes = metadata_start - head_start - replay_set_bytes
    return Written(data, head_start - constants_start, head_bytes, replay_set_bytes)


def _sealed(header: Header, body: bytes) -> bytes:
    checked = (pack(header) + body)[CRC_START:]
    return pack(header._replace(crc32=crc32(checked))) + body


def _fill(body: bytearray, offset: int, content: bytes) -> None:
    body[offset - HEADER_BYTES : offset - HEADER_BYTES + len(content)] = content


def _operands(program: Program) -> tuple[list[int], list[int], int]:
    """Return the operand list, where each operator's part starts, and where the graph's inputs and outputs do."""
    operands: list[int] = []
    starts = []
    for operator in program.operators:
        starts.append(len(operands))
        operands += [*operator.inputs, *operator.outputs]
    graph_operands = len(operands)
    operands += [*program.inputs, *program.outputs]
    if max(len(program.tensors), len(program.operators)) > MAX_OPERANDS:
        raise CompileError(f"the model has {len(program.tensors)} tensors", expected=f"at most {MAX_OPERANDS}")
    return operands, starts, graph_operands


def _add_constants(sections: _Sections, program: Program) -> dict[int, int]:
    """Store every constant once; return tensor number → image offset."""
    known: dict[bytes, int] = {}
    places = {}
    for number, tensor in enumerate(program.tensors):
        if tensor.data is not None:
            content = tensor.data.astype(np.dtype(tensor.dtype).newbyteorder("<")).tobytes()
            if content not in known:
                known[content] = sections.add(content)
            places[number] = known[content]
    return places


def _tensor_records(program: Program, arena: ArenaPlan, constants: dict[int, int]) -> bytes:
    return b"".join(
        pack(_tensor_record(tensor, constants[number] if tensor.storage == CONSTANT else arena.offset(tensor)))
        for number, tensor in enumerate(program.tensors)
    )


def _tensor_record(tensor: ProgramTensor, offset: int) -> TensorRecord:
    dims = tensor.dims + (1,) * (MAX_RANK - len(tensor.dims))
    return TensorRecord(
        offset=offset,
        bytes=tensor.bytes,
        region=REGION_IMAGE if tensor.storage == CONSTANT else REGION_ARENA,
        dtype=DTYPE_NUMBERS[tensor.dtype],
        rank=len(tensor.dims),
        dim0=dims[0],
        dim1=dims[1],
        dim2=dims[2],
        dim3=dims[3],
        zero_point=tensor.zero_point,
        scale=tensor.scale,
    )


def _operator_records(program: Program, arena: ArenaPlan, starts: list[int], params: list[int]) -> bytes:
    return b"".join(
        pack(
            OperatorRecord(
                opcode=operator.kind.code,
                kernel=operator.kernel,
                input_count=len(operator.inputs),
                output_count=len(operator.outputs),
                operands=starts[number],
                params=params[number],
                params_bytes=4 * len(operator.parameters),
                scratch_offset=arena.scratch.get(number, 0),
                scratch_bytes=operator.scratch_bytes,
                macs=operator.macs,
            )
        )
        for number, operator in enumerate(program.operators)
    )


def _add_head(sections: _Sections, head: HeadPlan, buffers: Mapping[str, int]) -> tuple[int, int]:
    """Append head section, layers, values, parameters, replay set; return (section's offset, replay set's bytes)."""
    head_at = sections.end
    places = {}
    parts = {
        "layers": b"".join(pack(record) for record in layer_records(head, buffers)),
        "values": b"".join(pack(record) for record in value_records(head, buffers)),
        "initial_parameters": head.parameters.tobytes(),
        "frozen_parameters": head.frozen.tobytes(),
        "replay_set_features": np.ascontiguousarray(head.replay_features, np.int8).tobytes(),
        "replay_set_labels": head.replay_labels.astype("<u2").tobytes(),
        "drift_means": head.drift.means.astype("<i4").tobytes() if head.drift else b"",
    }
    end = head_at + aligned(size(HeadRecord))
    for name, content in parts.items():
        places[name] = end if content else 0
        end += aligned(len(content))
    sections.add(pack(head_record(head, buffers, places)))
    for content in parts.values():
        sections.add(content)
    return head_at, sum(aligned(len(parts[name])) for name in ("replay_set_features", "replay_set_labels"))
