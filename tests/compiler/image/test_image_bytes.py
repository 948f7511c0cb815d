# SPDX-License-Identifier: Apache-2.0
"""The image's bytes: records as SPEC.md lists them, one list of operators everywhere, determinism, and what a reader
refuses.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

from tinytl.compiler import compile_tflite, read_image
from tinytl.compiler.compile import compile_program
from tinytl.compiler.kinds import KINDS
from tinytl.compiler.records import LAYOUTS, Header, HeadRecord, LayerRecord, OperatorRecord, TensorRecord, ValueRecord
from tinytl.errors import CompileError, TinytlError
from tinytl_bridge.twin import check_image

SPEC = (Path(__file__).resolve().parents[3] / "SPEC.md").read_text(encoding="utf-8")
TYPE_BYTES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "f32": 4}
SPLIT = {
    "dims": ("dim0", "dim1", "dim2", "dim3"), "inputs": ("input0", "input1"), "window": ("window_height", "window_width"),
    "stride": ("stride_height", "stride_width"), "pad": ("pad_top", "pad_left"), "in": ("in_count",), "out": ("out_count",),
}  # fmt: skip
"""SPEC.md's array fields that the Python records hold one by one."""


def spec_fields(section: str, table: int) -> list[tuple[int, int, str, bool]]:
    """Return (offset, bytes, name, whether it is a float) of the fields in a section's table, arrays of named fields split."""
    text = re.split(r"\n###? ", SPEC.split(f"### {section}", 1)[1])[0].split("| at | type |")[1 + table]
    fields = []
    for offset, kind, count, name in re.findall(r"^\| (\d+) \| (\w+?)(?:\[(\d+)\])? \| (\w+) \|", text, re.MULTILINE):
        size = TYPE_BYTES[kind]
        if name in SPLIT:
            fields += [(int(offset) + size * i, size, part, False) for i, part in enumerate(SPLIT[name])]
        else:
            fields.append((int(offset), size * int(count or 1), name, kind == "f32"))
    return fields


@pytest.mark.parametrize(
    ("section", "table", "record", "total"),
    [
        ("2.1", 0, Header, 128), ("2.2", 0, TensorRecord, 40), ("2.3", 0, OperatorRecord, 32), ("2.5", 0, HeadRecord, 192),
        ("2.5", 1, ValueRecord, 32), ("2.5", 2, LayerRecord, 52),
    ],
)  # fmt: skip
def test_records_lie_as_the_spec_says(section: str, table: int, record: type, total: int) -> None:
    """Every field alone is set to a pattern; exactly the bytes that SPEC.md gives it must change."""
    layout = LAYOUTS[record]
    assert layout.size == total
    fields = [field for field in spec_fields(section, table) if not field[2].startswith("reserved")]
    assert [name for _, _, name, _ in fields] == list(record._fields)  # type: ignore[attr-defined]
    zero = [b"" if name in ("magic", "bundle_id") else 0.0 if real else 0 for _, _, name, real in fields]
    for index, (offset, size, _, _) in enumerate(fields):
        pattern = {bytes: b"\x55" * size, float: -1.5, int: int.from_bytes(b"\x55" * size, "little")}[type(zero[index])]
        content = np.frombuffer(layout.pack(*[*zero[:index], pattern, *zero[index + 1 :]]), np.uint8)
        changed = np.flatnonzero(content)
        assert len(changed)
        assert offset <= changed.min() <= changed.max() < offset + size
        assert type(zero[index]) is float or len(changed) == size


def test_one_list_of_operators() -> None:
    """SPEC.md and the runtime's list, which the compiler reads, agree in code, name and parameters."""
    text = SPEC.split("### 2.4", 1)[1].split("\n### ", 1)[0]
    rows = {int(code): (name, cell) for code, name, cell in re.findall(r"^\| (\d+) \| (\w+) \|.*\| (.*?) \|$", text, re.MULTILINE)}
    assert {code: name for code, (name, _) in rows.items()} == {code: kind.name for code, kind in KINDS.items()}
    for code, kind in KINDS.items():
        listed = rows[int(rows[code][1][3:]) if rows[code][1].startswith("as ") else code][1]
        named = [] if listed == "–" else listed.split(", ")
        expected = [name for name in kind.parameters if not re.fullmatch(r"(before|after|begin|stride|permutation)[123]", name)]
        assert named == [re.sub(r"^(before|after|begin|stride|permutation)0$", r"\1[4]", name) for name in expected], kind.name


@pytest.fixture(scope="module")
def model() -> bytes:
    return random_graph(21, length=9)


def test_same_model_same_bytes(model: bytes) -> None:
    assert compile_tflite(model).data == compile_tflite(bytes(model)).data


def test_reader_gives_back_what_was_written(model: bytes) -> None:
    program, image = compile_program(model), compile_tflite(model)
    contents = read_image(image.data)
    assert len(contents.data) == contents.header.image_bytes
    assert contents.header.arena_bytes == image.arena_bytes
    assert contents.metadata == image.metadata
    assert (contents.inputs, contents.outputs, contents.head) == (program.inputs, program.outputs, None)
    for stored, operator, info in zip(contents.operators, program.operators, image.operators, strict=True):
        assert (stored.kind, stored.inputs, stored.outputs) == (operator.kind.name, operator.inputs, operator.outputs)
        assert tuple(stored.parameters.values()) == operator.parameters
        assert stored.record.macs == info.macs
    for number, tensor in enumerate(program.tensors):
        assert contents.dims(number) == tensor.dims
        assert contents.tensors[number].zero_point == tensor.zero_point
        assert contents.tensors[number].scale == np.float32(tensor.scale)
        if tensor.data is not None:
            np.testing.assert_array_equal(contents.constant(number), tensor.data)


def test_equal_constants_are_stored_once(model: bytes) -> None:
    contents = read_image(compile_tflite(model).data)
    constants = {(t.offset, t.bytes): contents.data[t.offset : t.offset + t.bytes] for t in contents.tensors if t.region}
    assert len(set(constants.values())) == len(constants)


def refusal(data: bytes) -> str:
    with pytest.raises(CompileError) as caught:
        read_image(data)
    return str(caught.value).splitlines()[0]


def test_reader_refuses_what_is_no_image(model: bytes) -> None:
    data = compile_tflite(model).data
    assert refusal(b"PK\3\4") == "the file is no image: it starts with b'PK\\x03\\x04'; expected b'TLIM'"
    assert refusal(data[:100]) == "the image has 100 bytes; expected at least 128"
    assert refusal(data[:-16]) == f"the image has {len(data) - 16:,} bytes; expected {len(data):,}, as its header says"
    assert refusal(data[:4] + b"\2" + data[5:]) == "image format version 2; expected 1"
    altered = bytearray(data)
    altered[-1] ^= 1
    assert re.fullmatch(r"the image's checksum is [0-9a-f]{8}; expected [0-9a-f]{8}", refusal(bytes(altered)))


def test_reader_refuses_records_that_do_not_fit(model: bytes) -> None:
    from zlib import crc32

    data = bytearray(compile_tflite(model).data)
    data[44:48] = (len(data) - 8).to_bytes(4, "little")
    data[12:16] = crc32(data[16:]).to_bytes(4, "little")
    assert refusal(bytes(data)) == "the image's records do not fit together (error); expected an image of SPEC.md"


def test_constant_of_an_activation_is_refused(model: bytes) -> None:
    contents = read_image(compile_tflite(model).data)
    with pytest.raises(CompileError, match=rf"^tensor {contents.inputs[0]} lies in the arena; expected a constant$"):
        contents.constant(contents.inputs[0])
    with pytest.raises(CompileError, match=r"^the image has no head; expected an image of a bundle$"):
        contents.initial_parameters()


@given(st.integers(100, 100_000))
@settings(max_examples=60, deadline=None)
def test_runtime_accepts_every_compiled_image(seed: int) -> None:
    check_image(compile_tflite(random_graph(seed)).data)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_runtime_accepts_what_comes_of_damaged_models(model: bytes, data: st.DataObject) -> None:
    """What the compiler does not refuse, the runtime takes: the two agree on what a kernel can run."""
    changed = bytearray(model)
    place = data.draw(st.integers(8, len(changed) - 1))
    changed[place] = data.draw(st.integers(0, 255))
    try:
        image = compile_tflite(bytes(changed))
    except TinytlError:
        return
    check_image(image.data)
