# SPDX-License-Identifier: Apache-2.0
"""The fixed records of an image as named tuples with their byte layouts: SPEC.md sections 2.1, 2.2, 2.3, 2.5 and
nothing else.

Writer and reader use the same ones. Field names are those of SPEC.md and of the C structs; a test compares offsets with
SPEC.md.
"""

from struct import Struct
from typing import NamedTuple, TypeVar

from tinytl.head.layers import KINDS

MAGIC = b"TLIM"
FORMAT_VERSION = 1
HEADER_BYTES = 128
CRC_START = 16
NONE = 0xFFFFFFFF
FLAG_HEAD = 1
FAMILIES = {"portable": 0, "dsp": 1, "mve": 2}
REGION_ARENA, REGION_IMAGE = 0, 1
LAYER_KINDS = {name: number for number, name in enumerate(KINDS, start=1)}
LAYER_ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 2}
LAYER_TRAINS = {"none": 0, "bias": 2, "all": 3}
WEIGHTS_FLOAT32, WEIGHTS_INT8 = 0, 1
STORAGE_FEATURE, STORAGE_WHOLE, STORAGE_PIXEL = 0, 1, 2


class Header(NamedTuple):
    """Section 2.1; the 11 reserved words are written as zeros."""

    magic: bytes
    format_version: int
    header_bytes: int
    image_bytes: int
    crc32: int
    bundle_id: bytes
    family: int
    flags: int
    arena_bytes: int
    tensor_count: int
    tensors: int
    operator_count: int
    operators: int
    operand_count: int
    operands: int
    graph_operands: int
    input_count: int
    output_count: int
    head: int
    metadata: int
    metadata_bytes: int


class TensorRecord(NamedTuple):
    """Section 2.2."""

    offset: int
    bytes: int
    region: int
    dtype: int
    rank: int
    dim0: int
    dim1: int
    dim2: int
    dim3: int
    zero_point: int
    scale: float


class OperatorRecord(NamedTuple):
    """Section 2.3."""

    opcode: int
    kernel: int
    input_count: int
    output_count: int
    operands: int
    params: int
    params_bytes: int
    scratch_offset: int
    scratch_bytes: int
    macs: int


class HeadRecord(NamedTuple):
    """Section 2.5, the head section."""

    layer_count: int
    layers: int
    value_count: int
    values: int
    feature_values: int
    class_count: int
    class_capacity: int
    feature_count: int
    parameter_count: int
    initial_parameters: int
    parameters: int
    frozen_count: int
    frozen_parameters: int
    moments: int
    second_moments: int
    gradients: int
    columns: int
    columns_floats: int
    replay_set_count: int
    replay_set_features: int
    replay_set_labels: int
    replay_buffer: int
    replay_capacity: int
    replays_per_step: int
    learning_rate: float
    momentum: float
    second_momentum: float
    epsilon: float
    weight_decay: float
    clip_norm: float
    optimizer: int
    accumulation: int
    schedule: int
    schedule_steps: int
    schedule_factor: float
    seed: int
    loss: int
    class_names: int
    guard_buffer: int
    guard_capacity: int
    guard_every: int
    guard_check_every: int
    int8_scratch: int
    int8_scratch_bytes: int
    drift_numbers: int
    drift_means: int
    drift_spread: float
    label_smoothing: float


class ValueRecord(NamedTuple):
    """Section 2.5, one value: a feature, or what a layer gives."""

    place: int
    gradient: int
    mask: int
    height: int
    width: int
    channels: int
    storage: int
    last_reader: int


class LayerRecord(NamedTuple):
    """Section 2.5, one layer."""

    kind: int
    activation: int
    trains: int
    joins: int
    input0: int
    input1: int
    window_height: int
    window_width: int
    stride_height: int
    stride_width: int
    pad_top: int
    pad_left: int
    weight_storage: int
    in_count: int
    out_count: int
    weights: int
    bias: int
    places: int
    rate: float
    scales: int
    rows_at_once: int
    rate_factor: float


LAYOUTS: dict[type, Struct] = {
    Header: Struct("<4sHHII16sHH8IHHIII44x"),
    TensorRecord: Struct("<IIBBBx4Iif4x"),
    OperatorRecord: Struct("<4H6I"),
    HeadRecord: Struct(f"<{''.join('f' if kind is float else 'I' for kind in HeadRecord.__annotations__.values())}"),
    ValueRecord: Struct("<3I2HIB3xI4x"),
    LayerRecord: Struct("<4B2H7Bx5If2If"),
}
"""Record → bytes; `x` are reserved bytes, written as 0."""

Record = TypeVar("Record", Header, TensorRecord, OperatorRecord, HeadRecord, ValueRecord, LayerRecord)


def pack(record: Header | TensorRecord | OperatorRecord | HeadRecord | ValueRecord | LayerRecord) -> bytes:
    """Return a record's bytes."""
    return LAYOUTS[type(record)].pack(*record)


def unpack(kind: type[Record], data: bytes, offset: int) -> Record:
    """Read a record at an offset. Raises struct.error where the data ends before it.

    Args:
        kind: of record. data: whole image or section. offset: of the record, bytes.
    """
    return kind(*LAYOUTS[kind].unpack_from(data, offset))


def size(kind: type) -> int:
    """Return the bytes of a record."""
    return LAYOUTS[kind].size
