# SPDX-License-Identifier: Apache-2.0
"""SPEC.md is true: its examples are the compiler's and the twin's bytes, its tables pack what a device takes, its lists are complete.

To bring the examples up to date: python tests/docs/spec_examples.py --write
"""

import inspect
import re
import subprocess
import sys
import zlib
from fractions import Fraction

import numpy as np
import pytest
import spec_by_hand
import spec_examples
import spec_models
from cobs import cobs
from spec_tables import PATH, Field, body, exchange, pack, split, tables

from tinytl.compiler import records
from tinytl.compiler.image.slot import slot_header_bytes
from tinytl.errors import CompileError
from tinytl_bridge.twin import TwinModel
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command
from tinytl_bridge.wire.statuses import status_names

TEXT = PATH.read_text(encoding="utf-8")
SHOWN = spec_examples.shown(TEXT)


def bytes_of(block: str) -> bytes:
    """Return the bytes of a dump without offsets."""
    return bytes.fromhex("".join(line for line in block.splitlines() if re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", line)))


def dumped(block: str) -> bytes:
    """Return the bytes of a dump with offsets and fields."""
    return bytes.fromhex("".join(re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?){1,8})", block, re.MULTILINE)))


@pytest.mark.parametrize("name", spec_examples.EXAMPLES)
def test_example_is_up_to_date(name: str) -> None:
    assert name in SHOWN, f"SPEC.md shows no example {name!r}: write <!-- generated: {name} --> and <!-- end -->"
    assert SHOWN[name] == spec_examples.EXAMPLES[name](), "python tests/docs/spec_examples.py --write brings SPEC.md up to date"


def test_no_mark_without_an_example() -> None:
    marks = re.findall(r"<!-- generated: (\S+) -->", TEXT)
    assert sorted(marks) == sorted(spec_examples.EXAMPLES)
    assert TEXT.count("<!-- end -->") == len(marks)


def test_a_changed_example_is_noticed_and_renewed() -> None:
    damaged = TEXT.replace("54 4c 49 4d", "54 4c 49 4e", 1)
    assert spec_examples.shown(damaged) != SHOWN
    assert spec_examples.renewed(damaged) == TEXT


def test_head_by_hand_is_the_image_shown() -> None:
    """Packed by SPEC.md's tables alone; the compiler writes the same bytes."""
    assert spec_by_hand.image() == bytes_of(SHOWN["worked-image"]) == spec_models.head_alone().data


def test_head_by_hand_infers_and_learns() -> None:
    image = spec_by_hand.image()
    twin = TwinModel(image)
    twin.invoke(spec_models.SAMPLE)
    predicted, logits = twin.infer()
    assert (predicted, logits.tolist()) == (0, [6.75, 0.25])
    factory, taught = SHOWN["worked-state"].split("The same sample")
    assert "has logits 6.75, 0.25." in factory
    assert twin.state() == dumped(factory) == spec_by_hand.state(spec_by_hand.WEIGHTS + spec_by_hand.BIASES)
    twin.invoke(spec_models.SAMPLE)
    assert f"has loss {twin.step(1).loss:.7f}." in taught
    assert twin.state() == dumped(taught)


def test_step_by_hand_has_the_bytes_shown() -> None:
    """Section 2.6, computed in exact arithmetic with its roundings, gives the twin's bytes after a step."""
    x = [(int(byte) + 4) * Fraction(1, 2) for byte in spec_models.SAMPLE]
    parameters = spec_by_hand.taught(x, 1, Fraction(1, 8))
    assert spec_by_hand.state(parameters, steps=1) == dumped(SHOWN["worked-state"].split("The same sample")[1])


def test_constants_of_the_step_are_those_of_the_text() -> None:
    source = inspect.getsource(spec_by_hand.exp)
    for number in re.findall(r'"([\d.]+)"', source):
        assert number in TEXT


def test_a_field_elsewhere_is_refused() -> None:
    """The test above can fail: the twin looks at each byte that the tables place."""
    image = bytearray(spec_by_hand.image())
    image[192 + 68] = 3  # columns_floats
    image[12:16] = zlib.crc32(image[16:]).to_bytes(4, "little")
    with pytest.raises(CompileError, match=r"the record at byte 192 of the image is malformed \(its field at byte 68\)"):
        TwinModel(bytes(image))


def test_state_by_hand_with_a_class_of_its_own_is_restored() -> None:
    twin = TwinModel(spec_models.tiny_image().data)
    parameters = [float(number) for number in range(15)]
    twin.restore(spec_by_hand.state(parameters, class_count=3, steps=7, names=b"maybe".ljust(32, b"\0")))
    assert (twin.class_count, twin.class_names, twin.steps, twin.parameters.tolist()) == (3, ("maybe",), 7, parameters)


def test_saved_state_is_what_the_store_holds() -> None:
    state, slot = dumped(SHOWN["saved-state"]), dumped(SHOWN["slot"])
    values = {field.name: part for field, part in split(tables("### 4.1")[0], slot)}
    assert int.from_bytes(values["payload_bytes"], "little") == len(state)
    assert int.from_bytes(values["payload_crc32"], "little") == zlib.crc32(state)
    parameters = np.frombuffer(state[16:76], "<f4").tolist()
    random = int.from_bytes(state[12:16], "little").to_bytes(4, "little")
    by_hand = spec_by_hand.state(parameters, class_count=3, steps=2, names=b"maybe".ljust(32, b"\0"), place=(7, 2))
    assert by_hand[:12] + random + by_hand[16:] == state


@pytest.mark.parametrize("name", sorted(SHOWN.keys() & {command.name for command in Command}))
def test_frames_are_those_on_the_wire(name: str) -> None:
    """By field and stuffed, both say the same frame; the protocol's own reader takes it."""
    frames = re.findall(r"# (?:request|answer)\n(.*?)# .*? on the wire, (\d+) bytes\n(.*?)(?=# |```)", SHOWN[name], re.DOTALL)
    assert len(frames) == 2
    for number, (by_field, count, wire_text) in enumerate(frames):
        plain, wire = dumped(by_field), bytes_of(wire_text)
        assert len(wire) == int(count)
        assert cobs.decode(wire.strip(b"\0")) == plain
        frame = protocol.decode(wire.strip(b"\0"))
        assert frame is not None
        assert frame.type == Command[name] | (protocol.ANSWER if number else 0)


def test_answers_of_hello_and_status_are_read_alike() -> None:
    """SPEC.md's tables and the protocol's own layouts give the same numbers."""
    exchanges = spec_models.story().exchanges
    info, status = (exchanges[name].frames()[1][8:-4] for name in ("HELLO", "STATUS"))
    told = {field.name: field.values(part)[0] for field, part in split(exchange("#### 01 HELLO")[1], info)}
    parsed = protocol.parse_info(info)
    same = set(told) & set(protocol.DeviceInfo.__dataclass_fields__)
    assert len(same) == 8
    assert {name: told[name] for name in same} == {name: getattr(parsed, name) for name in same}
    assert (told["protocol_version"], told["image_format_version"]) == (parsed.protocol, parsed.image_format)
    told = {field.name: field.values(part)[0] for field, part in split(exchange("#### 02 STATUS")[1], status)}
    state = protocol.parse_status(status, status_names())
    same = set(told) & set(protocol.DeviceStatus.__dataclass_fields__) - {"bundle_id", "model_status", "head_status"}
    assert len(same) == 16
    assert {name: told[name] for name in same} == {name: getattr(state, name) for name in same}


def test_commands_are_all_there() -> None:
    rows = re.findall(r"^\| ([0-9A-F]{2}) \| ([A-Z_]+) \|", body("### 3.4"), re.MULTILINE)
    assert [(int(code, 16), name) for code, name in rows] == [(command.value, command.name) for command in Command]
    headings = re.findall(r"^#### ([0-9A-F]{2}) ([A-Z_]+)$", body("### 3.4"), re.MULTILINE)
    assert headings == rows


@pytest.mark.parametrize("command", Command)
def test_refusals_of_a_command_are_statuses(command: Command) -> None:
    text = body(f"#### {command.value:02X} {command.name}")
    told = re.findall(r"^(?:.*\. )?Refusals: (.*?)(?=\n\n|\n<)", text, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(\w+)`", " ".join(told)))
    assert named <= set(status_names())
    assert named or command in (Command.HELLO, Command.STATUS)


def test_reasons_that_the_text_names_are_statuses() -> None:
    for name in re.findall(r"refused(?: as)?[^.]*?: `(\w+)`", TEXT):
        assert name in status_names()


@pytest.mark.parametrize("row", re.findall(r"^\| ([\d, ]+) \| (\d+) \| (\d+) \|$", body("### 4.1"), re.MULTILINE))
def test_payload_lies_where_the_table_says(row: tuple[str, str, str]) -> None:
    for unit in row[0].split(", "):
        assert slot_header_bytes(int(unit)) == int(row[2])


def test_checksum_and_stuffing_are_those_of_the_examples() -> None:
    assert f"`{zlib.crc32(b'123456789'):X}`" in TEXT
    assert cobs.encode(bytes.fromhex("11220033")) == bytes.fromhex("0311220233")
    assert "`11 22 00 33` becomes `03 11 22 02 33`" in TEXT
    hello = spec_models.story().exchanges["HELLO"].frames()[0]
    assert f"`{hello[:8].hex(' ')}`, then its crc32 `{hello[8:].hex(' ')}`" in " ".join(TEXT.split())


@pytest.mark.parametrize(("heading", "table", "record"), [("### 2.1", 0, records.Header), ("### 2.2", 0, records.TensorRecord),
                         ("### 2.3", 0, records.OperatorRecord), ("### 2.5", 0, records.HeadRecord), ("### 2.5", 1, records.ValueRecord),
                         ("### 2.5", 2, records.LayerRecord)])  # fmt: skip
def test_records_have_the_size_of_their_heading(heading: str, table: int, record: type) -> None:
    fields = tables(heading)[table]
    last = fields[-1]
    assert last.at is not None
    assert last.at + last.count * last.element_bytes == records.size(record)
    titles = re.findall(r"^#{3,4} .*, (\d+) bytes$", TEXT.split(heading, 1)[1].join((heading, "")), re.MULTILINE)
    assert int(titles[table]) == records.size(record)


def test_packing_names_what_is_missing() -> None:
    fields = tables("### 2.3")[0]
    with pytest.raises(KeyError, match="no value of field opcode"):
        pack(fields)
    with pytest.raises(KeyError, match=r"no such fields: \['weights'\]"):
        pack(fields, weights=1)


def test_fields_out_of_line_are_told() -> None:
    """A table whose offsets do not add up is refused, in both directions, and so are bytes that it does not describe."""
    gap = (Field(0, "u8", 1, "a"), Field(2, "u16", 1, "b"))
    for refused in (lambda: pack(gap, a=1, b=2), lambda: split(gap, bytes(4))):
        with pytest.raises(ValueError, match="field b is said to be at 2; the fields before it end at 1"):
            refused()
    with pytest.raises(ValueError, match="field b ends at 3; there are 2 bytes"):
        split((gap[0], Field(1, "u16", 1, "b")), bytes(2))
    with pytest.raises(ValueError, match="the fields end at 1; there are 2 bytes"):
        split(gap[:1], bytes(2))


def test_writing_asks_for_its_option() -> None:
    ran = subprocess.run([sys.executable, spec_examples.__file__], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr.strip() == "usage: python tests/docs/spec_examples.py --write"


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_contents_lead_to_headings() -> None:
    anchors = {anchor(title) for title in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert links
    assert set(links) <= anchors
    numbered = {anchor(title) for title in re.findall(r"^#{2,3} (\d.*)$", TEXT, re.MULTILINE)}
    assert numbered <= set(links)
