# SPDX-License-Identifier: Apache-2.0
"""The examples of SPEC.md: each is made by the compiler or the twin and written between its two marks.

`python tests/docs/spec_examples.py --write` brings SPEC.md up to date; `test_spec.py` fails where it is not. An example is a function of no
arguments under the name that its mark has; to add one, write the mark and the function. Fields and their names come from SPEC.md's tables.
"""

import json
import re
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[1] / "compiler"))

import numpy as np
import spec_models
from spec_hexdump import dump, plain, real, row, value
from spec_tables import PATH, Field, body, tables
from spec_tables import exchange as exchange_fields

from tinytl.compiler import records
from tinytl.compiler.image.reader import ImageContents
from tinytl_bridge.wire.protocol import Command

Example = Callable[[], str]
_MARK = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
FRAME_HEADER_BYTES = 8


def fenced(lines: list[str], language: str = "text") -> str:
    """Return lines as a block of code."""
    return "\n".join([f"```{language}", *lines, "```", ""])


def _record(image: ImageContents, kind: type, heading: str, at: int, table: int = 0) -> str:
    return fenced(dump(tables(heading)[table], image.data[at : at + records.size(kind)], at))


def manifest() -> str:
    """The manifest of the tiny bundle; of its checksums the first digits."""
    with zipfile.ZipFile(BytesIO(spec_models.tiny_file())) as archive:
        fields = json.loads(archive.read("manifest.json"))
    fields["sha256"] = {name: f"{digest[:8]}…" for name, digest in fields["sha256"].items()}
    text = json.dumps(fields, indent=1, ensure_ascii=False)
    return fenced(_on_lines(text), "json")


def _on_lines(text: str) -> list[str]:
    """Return JSON with lists of numbers and texts on one line each."""
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text).splitlines()


def members() -> str:
    """The members of the tiny bundle: where each begins, and how long it is."""
    with zipfile.ZipFile(BytesIO(spec_models.tiny_file())) as archive:
        rows = [f"{each.header_offset:5d}  {each.file_size:5d} bytes  {each.filename}" for each in archive.infolist()]
    return fenced(rows)


def header() -> str:
    return _record(spec_models.tiny_image(), records.Header, "### 2.1", 0)


def tensor() -> str:
    """The extractor's input, and its weights."""
    image = spec_models.tiny_image()
    first, second = (image.header.tensors + number * records.size(records.TensorRecord) for number in (0, 1))
    return _record(image, records.TensorRecord, "### 2.2", first) + "\n" + _record(image, records.TensorRecord, "### 2.2", second)


def operator() -> str:
    image = spec_models.tiny_image()
    return _record(image, records.OperatorRecord, "### 2.3", image.header.operators)


def operands() -> str:
    """The operand list, the operator's parameters and its constants."""
    image = spec_models.tiny_image()
    (stored,) = image.operators
    at, lines = image.header.operands, []
    parts = [("operands", stored.inputs, "inputs"), ("operands", stored.outputs, "outputs"),
             ("graph_operands", image.inputs, "graph inputs"), ("graph_operands", image.outputs, "graph outputs")]  # fmt: skip
    for name, numbers, what in parts:
        lines += row(image.data[at : at + 2 * len(numbers)], name, f"{what}: tensors {', '.join(map(str, numbers))}", at)
        at += 2 * len(numbers)
    lines.append("")
    for number, (name, parameter) in enumerate(stored.parameters.items()):
        at = stored.record.params + 4 * number
        lines += row(image.data[at : at + 4], name, str(parameter), at)
    lines.append("")
    for name, operand in zip(("weights", "bias", "multiplier", "shift", "multiplier_low"), stored.inputs[1:], strict=True):
        tensor = image.tensors[operand]
        numbers = ", ".join(str(number) for number in image.constant(operand).reshape(-1))
        lines += row(image.data[tensor.offset : tensor.offset + tensor.bytes], name, numbers, tensor.offset)
    return fenced(lines)


def metadata() -> str:
    """The metadata of the tiny image, spread over lines."""
    return fenced(_on_lines(json.dumps(spec_models.tiny_image().metadata, ensure_ascii=False, sort_keys=True, indent=1)), "json")


def head_section() -> str:
    image = spec_models.head_alone()
    return _record(image, records.HeadRecord, "### 2.5", image.header.head)


def values() -> str:
    """The feature and the logits of the head alone."""
    image = spec_models.head_alone()
    assert image.head is not None
    first, second = (image.head.values + number * records.size(records.ValueRecord) for number in (0, 1))
    return _record(image, records.ValueRecord, "### 2.5", first, 1) + "\n" + _record(image, records.ValueRecord, "### 2.5", second, 1)


def layer() -> str:
    image = spec_models.head_alone()
    assert image.head is not None
    return _record(image, records.LayerRecord, "### 2.5", image.head.layers, 2)


def head_data() -> str:
    """What the head section of the tiny image points to."""
    image, head = spec_models.tiny_image(), spec_models.tiny_image().head
    assert head is not None
    parts = [
        ("initial_parameters", head.initial_parameters, head.parameter_count, "<f4"),
        ("replay_set_features", head.replay_set_features, 16, "i1"),
        ("replay_set_labels", head.replay_set_labels, 4, "<u2"),
        ("drift_means", head.drift_means, 8, "<i4"),
    ]
    lines = []
    for name, at, count, dtype in parts:
        lines += _numbers(name, image.data[at : at + count * np.dtype(dtype).itemsize], dtype, at)
    return fenced(lines)


def _numbers(name: str, data: bytes, dtype: str, at: int) -> list[str]:
    """Lines of eight bytes with the numbers that each holds."""
    numbers, lines = np.frombuffer(data, dtype), []
    per_line = 8 // numbers.itemsize
    for first in range(0, len(numbers), per_line):
        part = numbers[first : first + per_line]
        text = ", ".join(real(each) if dtype == "<f4" else str(each) for each in part)
        lines += row(part.tobytes(), "" if first else name, text, at + first * numbers.itemsize)
    return lines


def worked_image() -> str:
    """The head alone, whole: bytes in runs, each told by what it is."""
    image, head = spec_models.head_alone(), spec_models.head_alone().head
    assert head is not None
    starts = {
        "header": 0, "tensor record 0": image.header.tensors, "operand list": image.header.operands, "head section": image.header.head,
        "layer record 0": head.layers, "value records 0 and 1": head.values, "initial parameters": head.initial_parameters,
        "metadata": image.header.metadata,
    }  # fmt: skip
    lines = []
    for (name, start), end in zip(starts.items(), [*list(starts.values())[1:], len(image.data)], strict=True):
        lines += [f"# {name}, from {start}", *plain(image.data[start:end])]
    return fenced(lines)


def worked_state() -> str:
    """The state of the head alone: factory, and after one step."""
    taught = spec_models.taught_head(spec_models.head_alone().data)
    first, second = (fenced(_state(each, 2)) for each in (taught.state, taught.taught_state))
    logits = ", ".join(real(each) for each in taught.logits)
    return (
        f"The sample `{spec_models.SAMPLE.tobytes().hex(' ')}` has logits {logits}. The factory state:\n\n{first}\n"
        f"The same sample taught as class 1 has loss {taught.loss:.7f}. The state afterwards:\n\n{second}"
    )


def _state(data: bytes, base_classes: int) -> list[str]:
    """Lines of a head state of an image with base_classes; fields of open length get the length that its first two words say."""
    count, classes = np.frombuffer(data[:8], "<u4")
    lengths = {"parameters": int(count), "names": 32 * int(classes - base_classes)}
    lines, at = [], 0
    for field in tables("### 4.2")[0]:
        part = data[at : at + lengths.get(field.name, field.count) * field.element_bytes]
        if field.name == "parameters":
            lines += _numbers("parameters", part, "<f4", at)
        elif part:
            lines += row(part, field.name, value(field, part), at)
        at += len(part)
    assert at == len(data)
    return lines


def slot() -> str:
    """The head slot that SAVE wrote: header, commit word, padding."""
    data, fields = spec_models.story().head_slot[:32], tables("### 4.1")[0]
    return fenced(dump(fields, data))


def saved_state() -> str:
    """The payload of that slot."""
    data = spec_models.story().head_slot
    return fenced(_state(data[32 : 32 + int.from_bytes(data[12:16], "little")], 2))


def statuses() -> str:
    """The table of statuses, from the runtime's one list."""
    from tinytl_bridge.paths import runtime_dir

    listed = (runtime_dir() / "include/tinytl_status.def").read_text(encoding="ascii")
    rows = re.findall(r'^STATUS\((\w+), "(.*)"\)', listed, re.MULTILINE)
    lines = [f"| {number} | {name} | {text} |" for number, (name, text) in enumerate(rows)]
    return "\n".join(["| number | name | text |", "|---|---|---|", *lines, ""])


def exchange(name: str) -> str:
    """Request and answer of a command: by field, then as they are on the wire."""
    sent = spec_models.story().exchanges[name]
    request, answer = sent.frames()
    if name == "ERROR":
        layouts = (exchange_fields(heading_of("TEACH"))[0], tables("#### Error answer")[0])
    else:
        layouts = exchange_fields(heading_of(name))
    told = [("request", request, layouts[0], sent.request), ("answer", answer, layouts[1], sent.answer)]
    return fenced([line for what, frame, fields, wire in told for line in _frame(what, frame, fields, wire)])


def _frame(what: str, frame: bytes, fields: tuple[Field, ...], wire: bytes) -> list[str]:
    payload = frame[FRAME_HEADER_BYTES:-4]
    lines = [f"# {what}", *dump(tables("### 3.1")[0][:4], frame[:FRAME_HEADER_BYTES])]
    lines += dump(fields, payload, FRAME_HEADER_BYTES)
    lines += row(frame[-4:], "crc32", f"0x{int.from_bytes(frame[-4:], 'little'):08X}", len(frame) - 4)
    return [*lines, f"# {what} on the wire, {len(wire)} bytes", *plain(wire)]


def heading_of(name: str) -> str:
    """Return the heading of a command."""
    found = re.search(rf"^(#### [0-9A-F]{{2}} {name})\b", body("### 3.4"), re.MULTILINE)
    if found is None:
        raise KeyError(f"SPEC.md section 3.4 has no heading of {name}")
    return found[1]


def _of_command(name: str) -> Example:
    return lambda: exchange(name)


EXAMPLES: dict[str, Example] = {
    "members": members, "manifest": manifest, "header": header, "tensor": tensor, "operator": operator, "operands": operands,
    "metadata": metadata, "head-section": head_section, "values": values, "layer": layer, "head-data": head_data,
    "worked-image": worked_image, "worked-state": worked_state, "slot": slot, "saved-state": saved_state, "statuses": statuses,
    **{command.name: _of_command(command.name) for command in Command}, "ERROR": _of_command("ERROR"),
}  # fmt: skip
"""Mark → example."""


def shown(text: str) -> dict[str, str]:
    """Return what stands between the marks of a text."""
    return {name: content for _, name, content, _ in _MARK.findall(text)}


def renewed(text: str) -> str:
    """Return the text with every example as it is now."""
    return _MARK.sub(lambda found: found[1] + EXAMPLES[found[2]]() + found[4], text)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python tests/docs/spec_examples.py --write")
    PATH.write_text(renewed(PATH.read_text(encoding="utf-8")), encoding="utf-8")
