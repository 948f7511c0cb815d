# SPDX-License-Identifier: Apache-2.0
"""The image's check names what is wrong: every field of header, tensors and operators, and every rule of every operator.

Images are those of the compiler with one thing changed and the checksum right. Here also the one kernel that no compiled image
has: reshape, which the compiler replaces by a view.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import pytest
from head_image import with_crc
from single_operators import MODELS

from tinytl.compiler import compile_tflite, read_image, records
from tinytl.errors import CompileError
from tinytl_bridge.twin import TwinModel, check_image

SIZES = {kind: records.size(kind) for kind in (records.Header, records.TensorRecord, records.OperatorRecord)}


@dataclass(frozen=True)
class Change:
    """What to change in the image of `model`: fields of records, parameters by name, words of constants.

    Attributes:
        tensors: number → fields. words: (tensor, element) → int32.
    """

    model: str
    header: dict[str, int] = field(default_factory=dict)
    tensors: dict[int, dict[str, float]] = field(default_factory=dict)
    operator: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    words: dict[tuple[int, int], int] = field(default_factory=dict)

    def image(self) -> bytes:
        """Return the changed image."""
        return changed(compile_tflite(MODELS[self.model]()).data, self)


def changed(image: bytes, change: Change) -> bytes:
    """Return the image with the change and a right checksum."""
    contents, data = read_image(image), bytearray(image)
    header, operator = contents.header, contents.operators[0]

    def put(at: int, record: bytes) -> None:
        data[at : at + len(record)] = record

    put(0, records.pack(header._replace(**change.header)))  # type: ignore[arg-type]
    for number, fields in change.tensors.items():
        place = header.tensors + number * SIZES[records.TensorRecord]
        put(place, records.pack(contents.tensors[number]._replace(**fields)))  # type: ignore[arg-type]
    put(header.operators, records.pack(operator.record._replace(**change.operator)))
    for name, value in change.parameters.items():
        put(operator.record.params + 4 * list(operator.parameters).index(name), struct.pack("<i", value))
    for (number, element), value in change.words.items():
        put(contents.tensors[number].offset + 4 * element, struct.pack("<i", value))
    return with_crc(bytes(data))


def refusal(image: bytes) -> str:
    with pytest.raises(CompileError) as refused:
        check_image(image)
    return refused.value.what.removeprefix("the runtime refuses the image: ")


def malformed(record: int, at: int) -> str:
    return f"the record at byte {record:,} of the image is malformed (its field at byte {at:,})"


CONV, DEPTH, DENSE, POOL = "conv_2d 2 groups", "depthwise_conv_2d multiplier 3", "fully_connected rows", "max_pool_2d same"
LSTM = "lstm"
BASE = read_image(compile_tflite(MODELS[CONV]()).data).header
CONV_BYTES, CONV_ARENA, OPERATOR = BASE.image_bytes, BASE.arena_bytes, BASE.operators
OUTSIDE = "a section or tensor of the image lies outside it (offset {:,}, limit {:,})"

HEADERS: dict[str, tuple[dict[str, int], str]] = {
    "header bytes": ({"header_bytes": 64}, "the image is 64 bytes; its header says 128"),
    "length that ends between": ({"image_bytes": CONV_BYTES - 8}, f"the image is {CONV_BYTES - 8:,} bytes; its header says 128"),
    "longer than it is": ({"image_bytes": CONV_BYTES + 16}, f"the image is {CONV_BYTES:,} bytes; its header says {CONV_BYTES + 16:,}"),
    "family": ({"family": 32}, "the image is for kernel family 32; this firmware has the families in mask 4,294,967,295"),
    "flags": ({"flags": 1}, malformed(0, 34)),
    "unknown flag": ({"flags": 2}, malformed(0, 34)),
    "arena": ({"arena_bytes": CONV_ARENA - 8}, f"the address {CONV_ARENA - 8} is not a multiple of 16"),
    "tensors beyond": ({"tensor_count": 1000}, OUTSIDE.format(128 + 40_000, CONV_BYTES)),
    "tensors without end": ({"tensor_count": 2**32 - 1}, OUTSIDE.format(2**32 - 1, CONV_BYTES)),
    "tensors in the header": ({"tensors": 112}, OUTSIDE.format(352, CONV_BYTES)),
    "tensors between": ({"tensors": 136}, "the address 136 is not a multiple of 16"),
    "operators beyond": ({"operators": CONV_BYTES - 16}, OUTSIDE.format(CONV_BYTES + 16, CONV_BYTES)),
    "operands beyond": ({"operand_count": 2**31}, OUTSIDE.format(2**32 - 1, CONV_BYTES)),
    "metadata beyond": ({"metadata_bytes": CONV_BYTES}, OUTSIDE.format(BASE.metadata + CONV_BYTES, CONV_BYTES)),
    "graph operands beyond": ({"graph_operands": 7}, malformed(0, 64)),
    "graph operands wrap": ({"graph_operands": 2**32 - 1}, malformed(0, 64)),
    "no input": ({"input_count": 0}, malformed(0, 68)),
    "no output": ({"output_count": 0}, malformed(0, 70)),
    "constant as input": ({"graph_operands": 1}, malformed(168, 8)),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header(name: str) -> None:
    fields, text = HEADERS[name]
    assert refusal(Change(CONV, header=fields).image()) == text


TENSORS: dict[str, tuple[dict[str, float], str]] = {
    "no dtype": ({"dtype": 0}, malformed(128, 9)),
    "unknown dtype": ({"dtype": 6}, malformed(128, 9)),
    "region": ({"region": 2}, malformed(128, 8)),
    "rank": ({"rank": 5}, malformed(128, 10)),
    "side of 0": ({"dim1": 0}, malformed(128, 12)),
    "side beyond the rank": ({"rank": 3}, malformed(128, 12)),
    "bytes": ({"bytes": 239}, malformed(128, 12)),
    "bytes that wrap": ({"dim1": 2**16, "dim2": 2**16, "dim3": 2**16, "bytes": 0}, malformed(128, 12)),
    "longest side": ({"dim3": 2**24 + 1}, malformed(128, 12)),
    "element bytes": ({"dtype": 3}, malformed(128, 12)),
    "zero point of int8": ({"zero_point": -129}, malformed(128, 28)),
    "zero point of uint8": ({"zero_point": -17, "dtype": 2}, malformed(128, 28)),
    "scale below zero": ({"scale": -0.1}, malformed(128, 32)),
    "scale without end": ({"scale": float("inf")}, malformed(128, 32)),
    "scale that is no number": ({"scale": float("nan")}, malformed(128, 32)),
    "offset between": ({"offset": 8}, malformed(128, 0)),
    "beyond the arena": ({"offset": CONV_ARENA - 224}, OUTSIDE.format(CONV_ARENA + 16, CONV_ARENA)),
    "far beyond the arena": ({"offset": 2**32 - 16}, OUTSIDE.format(2**32 - 1, CONV_ARENA)),
    "beyond the image": ({"offset": CONV_BYTES - 224, "region": 1}, OUTSIDE.format(CONV_BYTES + 16, CONV_BYTES)),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensor(name: str) -> None:
    fields, text = TENSORS[name]
    assert refusal(Change(CONV, tensors={0: fields}).image()) == text


OPERATORS: dict[str, tuple[dict[str, int], str]] = {
    "opcode": ({"opcode": 99}, "operator 0 of the image has opcode 99, which this firmware does not have"),
    "no opcode": ({"opcode": 0}, "operator 0 of the image has opcode 0, which this firmware does not have"),
    "kernel": ({"kernel": 1}, malformed(OPERATOR, 2)),
    "operands beyond": ({"operands": 3}, malformed(OPERATOR, 8)),
    "operands that wrap": ({"operands": 2**32 - 1}, malformed(OPERATOR, 8)),
    "more inputs than operands": ({"input_count": 65535}, malformed(OPERATOR, 8)),
    "parameter bytes": ({"params_bytes": 28}, malformed(OPERATOR, 16)),
    "parameters between": ({"params": 418}, malformed(OPERATOR, 12)),
    "parameters beyond": ({"params": CONV_BYTES - 28}, malformed(OPERATOR, 12)),
    "parameters that wrap": ({"params": 2**32 - 4}, malformed(OPERATOR, 12)),
    "scratch between": ({"scratch_offset": 8}, malformed(OPERATOR, 20)),
    "scratch beyond": ({"scratch_offset": CONV_ARENA - 16, "scratch_bytes": 32}, malformed(OPERATOR, 20)),
    "scratch on the output": ({"scratch_offset": 0, "scratch_bytes": 16}, malformed(OPERATOR, 8)),
    "scratch on the input": ({"scratch_offset": CONV_ARENA - 16, "scratch_bytes": 16}, malformed(OPERATOR, 8)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str) -> None:
    fields, text = OPERATORS[name]
    assert refusal(Change(CONV, operator=fields).image()) == text


def test_operand_that_is_no_tensor() -> None:
    image = Change(CONV).image()
    assert refusal(with_crc(image[: BASE.operands] + struct.pack("<H", 6) + image[BASE.operands + 2 :])) == malformed(OPERATOR, 8)


INT8_RANGE = [{"act_min": -129}, {"act_max": 128}, {"act_min": 5, "act_max": 4}]
WINDOW = [{"stride_h": 0}, {"stride_w": -1}, {"pad_top": -1}, {"pad_left": 3}, {"stride_h": 2**30}]
CHANNELS: list[dict[str, object]] = [
    {"words": {(3, 2): -1}},  # a multiplier
    {"words": {(4, 0): 32}},  # a shift
    {"words": {(4, 0): -32}},
    {"tensors": {2: {"dtype": 5}}},  # biases
    {"tensors": {3: {"region": 0, "offset": 0}}},
]
RULES: dict[str, list[dict[str, object]]] = {
    CONV: [
        *({"parameters": each} for each in (*INT8_RANGE, *WINDOW, {"dilation_h": 0}, {"dilation_w": 2**15 + 1})),
        *CHANNELS,
        {"tensors": {1: {"dtype": 2, "zero_point": 0}}},
        {"tensors": {1: {"dim3": 3, "bytes": 324}}},  # 8 channels in groups of 3
        {"tensors": {1: {"dim0": 11, "bytes": 396}}},  # 12 outputs of 11 filters
        {"tensors": {0: {"dim1": 3, "bytes": 120}}},  # windows that start behind the input
        {"tensors": {0: {"rank": 4, "dim0": 2, "dim1": 3}}},
        {"operator": {"input_count": 4, "output_count": 2}},
    ],
    DEPTH: [
        *({"parameters": each} for each in (*INT8_RANGE, *WINDOW, {"depth_multiplier": 0}, {"depth_multiplier": 2})),
        {"parameters": {"depth_multiplier": 3 + 2**30}},
        *CHANNELS,
    ],
    DENSE: [
        *({"parameters": each} for each in INT8_RANGE),
        *CHANNELS,
        {"words": {(5, 5): -1}},  # a low word
        {"tensors": {5: {"dim0": 5, "bytes": 20}}},
        {"tensors": {1: {"dim1": 16, "bytes": 96}}},
        {"tensors": {6: {"dim1": 2, "bytes": 12}}},
    ],
    POOL: [
        *({"parameters": each} for each in (*INT8_RANGE, *WINDOW, {"filter_h": 0}, {"filter_w": 2**15 + 1})),
        {"parameters": {"filter_h": 2**13, "filter_w": 2**13}},
        {"tensors": {1: {"dim3": 2, "dim2": 6, "bytes": 48}}},
    ],
    "add one value a channel": [
        *({"parameters": each} for each in (*INT8_RANGE, {"a_offset": 129}, {"b_offset": -128}, {"left_shift": 23})),
        *({"parameters": each} for each in ({"a_multiplier": -1}, {"b_shift": 32}, {"out_shift": -32}, {"out_offset": 128})),
        {"tensors": {1: {"dim0": 1, "dim3": 5, "bytes": 5}}},
    ],
    "mul one value a channel": [
        *({"parameters": each} for each in (*INT8_RANGE, {"a_offset": 129}, {"b_offset": -128})),
        *({"parameters": each} for each in ({"out_multiplier": -1}, {"out_shift": 32}, {"out_offset": -129})),
    ],
    "pad 4-D": [{"parameters": each} for each in ({"before1": 2}, {"after3": -1}, {"before2": -3, "after2": 6}, {"value": 128})],
    "mean over rows and columns": [
        *({"parameters": each} for each in ({"axes_mask": 0}, {"axes_mask": 16}, {"axes_mask": 2}, {"multiplier": -1}, {"shift": 32})),
    ],
    "arg_max along rows": [
        *({"parameters": each} for each in ({"axis": 4}, {"axis": -1}, {"axis": 2})),
        *({"tensors": {1: each}} for each in ({"dtype": 5}, {"dim1": 4, "bytes": 96}, {"dtype": 1, "bytes": 30})),
        {"tensors": {0: {"dtype": 2}}},
    ],
    "softmax rows": [
        *({"parameters": each} for each in ({"input_multiplier": -1}, {"input_left_shift": 32}, {"input_left_shift": -1}, {"diff_min": 1})),
        {"tensors": {1: {"dim1": 4, "dim2": 3}}},
    ],
    "requantize finer": [{"parameters": {"multiplier": -1}}, {"parameters": {"shift": -32}}, {"tensors": {1: {"dtype": 3, "dim1": 150}}}],
    "quantize to int8": [{"tensors": {1: {"scale": 0.0}}}, {"tensors": {0: {"dtype": 4}}}, {"tensors": {1: {"dim0": 2, "dim1": 150}}}],
    "dequantize int8": [{"tensors": {1: {"dtype": 4}}}, {"tensors": {0: {"dim0": 2, "dim1": 150}}}],
    "concatenation of channels": [
        *({"parameters": {"axis": axis}} for axis in (-1, 2, 4)),
        {"tensors": {0: {"dtype": 2, "zero_point": 2}}},
        {"operator": {"input_count": 0}},
        {"operator": {"input_count": 2}},
    ],
    LSTM: [
        *({"parameters": each} for each in ({"cell_integer_bits": -1}, {"cell_integer_bits": 7}, {"cell_clip": -1}, {"cell_clip": 2**15})),
        *({"parameters": each} for each in ({"hidden_multiplier": -1}, {"hidden_shift": 32}, {"hidden_offset": 128})),
        {"words": {(5, 7): -1}},  # a gate's multiplier
        {"words": {(6, 0): 32}},  # and its shift
        {"operator": {"scratch_bytes": 16}},  # nine units need 18
        {"operator": {"input_count": 6}},
        {"tensors": {0: {"dim1": 11, "bytes": 77}}},  # eleven steps in, twelve out
        {"tensors": {0: {"dtype": 2, "zero_point": 0}}},
        {"tensors": {1: {"dim2": 8, "dim0": 7, "bytes": 224}}},
        {"tensors": {1: {"region": 0, "offset": 256}}, "header": {"arena_bytes": 512}},
        {"tensors": {2: {"dim1": 3, "bytes": 243}}},
        {"tensors": {3: {"dim0": 8, "bytes": 128}}},
        {"tensors": {4: {"dtype": 5}}},
    ],
    "relu": [*({"parameters": each} for each in (*INT8_RANGE, {"multiplier": -1}, {"shift": 32}))],
}


def unchanged(model: str) -> bytes:
    """Return the image of a model as it is; the check takes it."""
    image = Change(model).image()
    check_image(image)
    return image


def case(model: str, change: dict[str, object]) -> object:
    return pytest.param(Change(model, **change), id=f"{model}: {change}")  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [case(model, change) for model, changes in RULES.items() for change in changes])
def test_rule_refuses(change: Change) -> None:
    image = change.image()
    assert refusal(image) == malformed(read_image(unchanged(change.model)).header.operators, 0)


def test_output_beside_an_input_only_in_place() -> None:
    """relu may write where it reads, exactly; pooling from below its input on, a concatenation never."""
    check_image(Change("relu", tensors={1: {"offset": 0}, 0: {"offset": 0}}).image())
    half = Change("relu", tensors={0: {"offset": 0}, 1: {"offset": 16}}, header={"arena_bytes": 320}).image()
    assert refusal(half).endswith("(its field at byte 8)")
    check_image(Change(POOL, tensors={0: {"offset": 16}, 1: {"offset": 0}}).image())
    assert refusal(Change(POOL, tensors={0: {"offset": 0}, 1: {"offset": 16}}).image()).endswith("(its field at byte 8)")
    joined = Change("concatenation of channels", tensors={0: {"offset": 0}, 2: {"offset": 0}}).image()
    assert refusal(joined).endswith("(its field at byte 8)")


def test_output_is_never_a_constant() -> None:
    image = Change("concatenation of channels").image()
    contents = read_image(image)
    place = contents.operators[0].record.operands
    swapped = struct.pack("<H", contents.operators[0].inputs[0])
    output = contents.header.operands + 2 * (place + 3)
    assert contents.tensors[contents.operators[0].inputs[0]].region == 1
    assert "malformed" in refusal(with_crc(image[:output] + swapped + image[output + 2 :]))


def test_reshape_copies_the_bytes() -> None:
    """relu's image with another opcode: as many bytes in other dims."""
    change = {"opcode": 9, "params_bytes": 0}
    image = Change("relu", operator=change, tensors={0: {"offset": 0}, 1: {"offset": 304, "dim1": 15, "dim2": 20, "rank": 3}})
    data = changed(compile_tflite(MODELS["relu"]()).data, Change("relu", header={"arena_bytes": 608}))
    twin = TwinModel(changed(data, image))
    sample = np.random.default_rng(2).integers(-128, 128, (1, 300)).astype(np.int8)
    (found,) = twin.invoke(sample)
    np.testing.assert_array_equal(found, sample.reshape(1, 15, 20))
    shorter = Change("relu", operator=change, tensors={0: {"offset": 0}, 1: {"offset": 304, "dim1": 299, "bytes": 299}})
    assert "malformed" in refusal(changed(data, shorter))
