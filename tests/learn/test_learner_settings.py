# SPDX-License-Identifier: Apache-2.0
"""One source for the learner's settings: Python, a manifest, the command line and a device refuse the same values, the first three in the
same words, and what one takes all take."""

import json
import subprocess
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from head_image import head_image, head_of, random_head, with_head

from tinytl.bundle.archive import pack, unpack
from tinytl.bundle.bundle import MEMBERS, Bundle, head_fields, read_bundle
from tinytl.bundle.manifest import ALWAYS_WRITTEN
from tinytl.bundle.shipped import find_bundle
from tinytl.compiler import records
from tinytl.compiler.head.section import PLACES, SECTIONS, SETTINGS
from tinytl.errors import BundleError, CompileError, ModelError, TinytlError
from tinytl.head.learning import Learning, choices, device_number, limits
from tinytl.runtime_lists import rows
from tinytl_bridge.paths import runtime_dir
from tinytl_bridge.twin import TwinModel
from tinytl_cli import cli

WORDS = [each.name for each in fields(Learning) if choices(each.name)]
NUMBERS = [each.name for each in fields(Learning) if not choices(each.name)]
IMAGE = head_image(random_head((12, 7, 5), learning=Learning(optimizer="adam", guard_buffer_bytes=300)))
"""Of a head that reads every setting."""
PLACE = records.unpack(records.Header, IMAGE, 0).head


def past(name: str) -> list[float]:
    """Return the nearest numbers outside a setting's limits that its type holds."""
    ends = limits()[name]
    if ends.kind == "REAL":
        return [
            float(np.nextafter(np.float32(ends.least), np.float32(-1))),
            float(np.nextafter(np.float32(ends.greatest), np.float32(np.inf))),
        ]
    return [ends.least - 1, ends.greatest + 1]


PAST = [(name, value) for name in NUMBERS for value in past(name)] + [(name, "other") for name in WORDS]
DISAGREED: list[tuple[dict[str, Any], str]] = [
    ({"learning_rate": 1e31}, "the head's learning_rate is 1e+31; expected a number from 1.1754944e-38 to 1e+30"),
    ({"epsilon": 1e31}, "the head's epsilon is 1e+31; expected a number from 1.1754944e-38 to 1e+30"),
    ({"clip_norm": 1e31}, "the head's clip_norm is 1e+31; expected a number from 0 to 1e+30"),
    ({"replay_buffer_bytes": 2**31}, "the head's replay_buffer_bytes is 2147483648; expected a whole number from 0 to 2,147,483,647"),
    ({"weight_decay": 1000.0}, "the head's weight_decay is 1000.0; expected at most 100, which is 1 / learning_rate"),
    ({"epsilon": 1e-44}, "the head's epsilon is 1e-44; expected a number from 1.1754944e-38 to 1e+30"),
    ({"schedule": "steps"}, "the head's schedule_steps is 0; expected 1 or more under schedule 'steps'"),
]
"""What some of the interfaces once took and others refused."""


def of_python(settings: dict[str, Any]) -> str:
    with pytest.raises(ModelError) as caught:
        Learning(**settings)
    return str(caught.value)


def bundle_with(settings: dict[str, Any], folder: Path, *, without: str = "") -> Bundle:
    members = unpack(find_bundle("digits").read_bytes(), label="digits")
    manifest = json.loads(members["manifest.json"])
    manifest["head"] = {key: value for key, value in (manifest["head"] | settings).items() if key != without}
    (folder / "x.tinytl").write_bytes(pack({name: members[name] for name in MEMBERS} | {"manifest.json": json.dumps(manifest).encode()}))
    return read_bundle(folder / "x.tinytl")


def of_manifest(settings: dict[str, Any], folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        bundle_with(settings, folder)
    return str(caught.value)


def of_command_line(settings: dict[str, Any], folder: Path) -> str:
    options = {"loss": "softmax_cross_entropy"} | settings
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    result = CliRunner().invoke(cli, ["export", str(folder), "-o", str(folder / "x.tinytl"), *words])
    assert isinstance(result.exception, ModelError), result.output
    return str(result.exception)


@pytest.mark.parametrize(("settings", "text"), DISAGREED, ids=[text[11:50] for _, text in DISAGREED])
def test_what_once_passed_somewhere_is_refused_everywhere_in_the_same_words(settings: dict[str, Any], text: str, tmp_path: Path) -> None:
    told = of_python(settings)
    assert told.splitlines()[0] == text
    assert told.splitlines()[1].startswith("hint: ")
    assert of_manifest(settings, tmp_path) == f"x.tinytl: {told}"
    assert of_command_line(settings, tmp_path) == told


@pytest.mark.parametrize(("name", "value"), PAST)
def test_one_step_past_a_limit_is_refused_everywhere(name: str, value: Any, tmp_path: Path) -> None:
    told = of_python({name: value})
    expected = ", ".join(choices(name)) or str(limits()[name])
    assert told == f"the head's {name} is {value!r}; expected {expected}\nhint: {hint(name)}"
    assert of_manifest({name: value}, tmp_path) == f"x.tinytl: {told}"
    if not choices(name) and not (name.endswith("_bytes") and value < 0):  # which the command line's own types refuse
        assert of_command_line({name: value}, tmp_path) == told


def hint(name: str) -> str:
    setting = Learning.__dataclass_fields__[name]
    return f"{name}: {setting.metadata['text']} (left out: {setting.default})"


RECORDED = [name for name in records.HeadRecord._fields if name in limits()]


@pytest.mark.parametrize("name", RECORDED)
def test_one_step_past_a_limit_is_refused_by_a_device(name: str) -> None:
    for value in past(name):
        if limits()[name].kind == "REAL" or 0 <= value < 2**32:
            with pytest.raises(CompileError) as caught:
                TwinModel(with_head(IMAGE, **{name: value}))
            assert f"(its field at byte {4 * records.HeadRecord._fields.index(name)})" in caught.value.what


COMPANIONS: dict[str, dict[str, Any]] = {"weight_decay": {"learning_rate": 1.2e-38}}


@pytest.mark.parametrize("name", NUMBERS)
def test_both_limits_are_taken_everywhere(name: str, tmp_path: Path) -> None:
    for end in (limits()[name].least, limits()[name].greatest):
        settings = {name: end} | COMPANIONS.get(name, {})
        assert bundle_with(settings, tmp_path).head.learning == replace(read_bundle(find_bundle("digits")).head.learning, **settings)
        if name in RECORDED:
            assert TwinModel(with_head(IMAGE, **settings)).steps == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.1", "'0.1'"), (True, "True"), (None, "None"), (10**400, f"{10**400!r}"), (float("nan"), "nan")],
    ids=["text", "bool", "none", "huge", "nan"],
)
def test_what_is_no_number_is_no_learning_rate(value: Any, text: str) -> None:
    assert of_python({"learning_rate": value}).startswith(f"the head's learning_rate is {text}; expected a number from ")


@pytest.mark.parametrize("value", [2.5, 2.0, "2", True, None])
def test_a_count_is_a_whole_number(value: Any) -> None:
    expected = f"the head's accumulation is {value!r}; expected a whole number from 1 to 65,536\n"
    assert of_python({"accumulation": value}).startswith(expected)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Learning(learning_rate=np.float32(0.5), seed=np.int64(3)) == Learning(learning_rate=0.5, seed=3)  # type: ignore[arg-type]


def test_a_wrong_type_in_a_manifest_is_named(tmp_path: Path) -> None:
    assert of_manifest({"accumulation": "2"}, tmp_path) == "x.tinytl: manifest field 'head.accumulation' is '2'; expected a whole number"


@pytest.mark.parametrize("name", ALWAYS_WRITTEN)
def test_a_setting_that_every_manifest_holds_is_missed(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        bundle_with({}, tmp_path, without=name)
    assert str(caught.value) == f"x.tinytl: manifest field 'head.{name}' is missing"


def test_a_manifest_holds_what_is_not_the_default_in_the_order_of_old() -> None:
    assert list(head_fields(random_head((3, 2), learning=Learning()))) == ["layers", *ALWAYS_WRITTEN]
    other = Learning(schedule="steps", schedule_steps=3, layer_rates="equal", second_momentum=0.5)
    assert list(head_fields(random_head((3, 2), learning=other)))[1 + len(ALWAYS_WRITTEN) :] == [
        "second_momentum", "schedule", "schedule_steps", "layer_rates",
    ]  # fmt: skip


def test_every_setting_has_an_option_and_its_text() -> None:
    output = CliRunner().invoke(cli, ["export", "--help"], terminal_width=400).output
    options = {line.split()[0].removeprefix("--"): " ".join(line.split()) for line in output.splitlines() if line.strip().startswith("--")}
    text = " ".join(output.split())
    for each in fields(Learning):
        assert each.name.replace("_", "-") in options
        if each.name != "seed":
            assert f"{each.metadata['text'][1:]}" in text
            assert f"[default: {each.default}]" in text


def test_the_runtimes_list_has_every_number_and_counts_the_words() -> None:
    assert set(limits()) == {*NUMBERS, *(name for name in WORDS if name in records.HeadRecord._fields)}
    for name, ends in limits().items():
        assert ends.kind in ("REAL", "COUNT", "CHOICE", "BYTES")
        assert (ends.kind == "CHOICE") == (name in WORDS)
        assert (ends.kind == "BYTES") == (name not in records.HeadRecord._fields)
        if name in WORDS:
            assert ends.greatest - ends.least + 1 == len(choices(name))


def test_a_missing_list_is_told() -> None:
    with pytest.raises(TinytlError) as caught:
        rows("learn/none.def")
    assert str(caught.value).startswith("the runtime's list 'learn/none.def' was not found (looked at ")
    assert "\nhint: pip install" in str(caught.value)


def read_by_c(section: bytes, folder: Path) -> dict[str, tuple[int, float]]:
    """Return field → (offset, value) of a head section, and enumerator → (0, number), as a C compiler takes them."""
    enumerators = [f"TINYTL_{word.upper()}" for name in WORDS if name in RECORDED for word in choices(name)]
    lines = [
        f'    printf("{name} %zu %.17g\\n", offsetof(tinytl_head_section, {name}), (double)section.{name});'
        for name in records.HeadRecord._fields
    ]
    lines += [f'    printf("{name} 0 %d\\n", (int){name});' for name in enumerators]
    program = ["#include <stdio.h>", '#include "tinytl.h"', "int main(void)", "{", "    tinytl_head_section section;",
               "    if (fread(&section, sizeof section, 1, stdin) != 1 || getchar() != EOF)", "        return 1;", *lines, "    return 0;", "}"]  # fmt: skip
    (folder / "main.c").write_text("\n".join(program), encoding="ascii")
    command = ["gcc", "-std=c99", "-Wall", "-Werror", f"-I{runtime_dir()}/include", str(folder / "main.c"), "-o", str(folder / "main")]
    subprocess.run(command, check=True)
    printed = subprocess.run([folder / "main"], input=section, capture_output=True, check=True).stdout.decode()
    return {name: (int(offset), float(value)) for name, offset, value in (line.split() for line in printed.splitlines())}


def test_c_reads_the_head_section_as_the_table_packs_it(tmp_path: Path) -> None:
    record = records.HeadRecord(
        *(number + (0.5 if kind is float else 0) for number, kind in enumerate(records.HeadRecord.__annotations__.values()))
    )
    found = read_by_c(records.pack(record), tmp_path)
    for number, (name, value) in enumerate(record._asdict().items()):
        assert found[name] == (4 * number, value), name
    for name in WORDS:
        for word in choices(name) if name in RECORDED else ():
            assert found[f"TINYTL_{word.upper()}"] == (0, device_number(name, word))


def test_the_tables_of_the_head_section_say_each_field_once() -> None:
    named = [*(field for field, _, _ in SETTINGS), *(field for field, _, _ in PLACES), *SECTIONS]
    assert len(set(named)) == len(named)
    assert [field for field, _, _ in SETTINGS] == RECORDED
    assert not {setting for _, setting, _ in SETTINGS} - set(Learning.__dataclass_fields__)


def test_every_recorded_setting_arrives_at_the_device() -> None:
    """Each is changed to a value of its own; the section holds it, and holds 0 of a guard that there is not."""
    changed: dict[str, Any] = {
        "learning_rate": 0.5, "momentum": 0.25, "second_momentum": 0.75, "epsilon": 0.125, "weight_decay": 0.0625, "clip_norm": 2.0,
        "optimizer": "adam", "accumulation": 3, "schedule": "cosine", "schedule_steps": 40, "schedule_factor": 0.375, "seed": 77,
        "loss": "squared_error", "replays_per_step": 9, "guard_every": 5, "guard_check_every": 6,
    }  # fmt: skip
    guarded = head_of(head_image(random_head((12, 7, 5), learning=Learning(**changed, guard_buffer_bytes=300))))
    for name, value in changed.items():
        assert getattr(guarded, name) == device_number(name, value) != getattr(Learning(), name)
    plain = head_of(head_image(random_head((12, 7, 5), learning=Learning(**changed))))
    assert (plain.guard_every, plain.guard_check_every) == (0, 0)
