# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a program can check: licence lines, sizes, no heap in the runtime, one-way imports, unfinished work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from imports_of_files import SOURCE_ROOTS, arrows, circles, rooms

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "firmware_bridge/runtime"
SOURCES = [
    path
    for folder in (*SOURCE_ROOTS, "tests", "docs")
    for pattern in ("*.py", "*.c", "*.h", "*.def", "*.S", "*.ld")
    for path in sorted((ROOT / folder).rglob(pattern))
]
ARROWS = arrows(ROOT)
FOLDERS = sorted({folder for path in ARROWS for folder in path.parents if ROOT in folder.parents})
MOST_FILES = 15
C_COLUMNS = 120
LARGER = {
    "command_line/tinytl_cli": "one file a command, and what they print with",
    "firmware_bridge/runtime/kernels/dsp": "one family: a kernel or a loop a file, in the order of no other",
    "firmware_bridge/runtime/kernels/mve": "one family, as dsp",
    "firmware_bridge/runtime/kernels/portable": "one operator a file",
    "firmware_bridge/runtime/learn": "what a learner does, one thing a file, with its header",
    "firmware_bridge/runtime/learn/layers": "one kind of layer a file, with its header",
    "firmware_bridge/tinytl_bridge": "a connected device, one thing that is done with it a file",
    "toolchain/tinytl": "what every room stands on, one thing a file",
    "toolchain/tinytl/compiler/operators": "one family of operators a file",
    "toolchain/tinytl/data": "one kind of data file or of step a file",
}
"""Folder of more than `MOST_FILES` sources → why it is no hall of doors without names."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_source_file_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not text:
        return
    assert "SPDX-License-Identifier: Apache-2.0" in text[:200]
    assert text.count("\n") <= 420, "a file outgrew its room"
    assert not re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", text), "unfinished work"
    assert path.stem not in {"utils", "helpers", "misc", "common", "manager"}


def too_wide(text: str) -> list[int]:
    """Return the numbers, from 1, of the lines that are too long for C."""
    return [number for number, line in enumerate(text.split("\n"), 1) if len(line) > C_COLUMNS]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix != ".py"], ids=name)
def test_lines_of_c_fit(path: Path) -> None:
    assert not too_wide(path.read_text(encoding="utf-8")), f"lines of more than {C_COLUMNS} columns"


def test_a_line_of_c_that_is_too_long_is_found() -> None:
    assert too_wide("é" * C_COLUMNS + "\n" + "x" * (C_COLUMNS + 1) + "\n") == [2]


@pytest.mark.parametrize("path", [p for p in SOURCES if RUNTIME in p.parents], ids=name)
def test_runtime_has_no_heap_no_printing_no_exit(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"\b(malloc|calloc|realloc|free|alloca|printf|exit|abort)\s*\(", code)


def includes(folder: str) -> set[str]:
    found = set()
    for path in (RUNTIME / folder).rglob("*.[ch]"):
        found |= set(re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("folder", ["kernels", "learn"])
def test_kernels_and_learner_know_nothing_of_the_wire(folder: str) -> None:
    assert not [header for header in includes(folder) if re.match(r"(link|store|boards)/|tinytl_session", header)]


def test_imports_go_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_no_files_run_in_circles() -> None:
    assert not [sorted(map(name, circle)) for circle in circles(ARROWS)]


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_no_rooms_of_a_folder_run_in_circles(folder: Path) -> None:
    assert not circles(rooms(folder, ARROWS))


def test_a_circle_is_found() -> None:
    a, b, c = (ROOT / "room" / each for each in ("a.py", "inner/b.py", "inner/c.py"))
    assert circles({a: {b}, b: set(), c: {a}}) == []
    assert circles(rooms(ROOT / "room", {a: {b}, b: set(), c: {a}})) == [{"a.py", "inner"}]
    assert circles({a: {b}, b: {c}, c: {a}}) == [{a, b, c}]


def test_a_large_folder_has_a_reason() -> None:
    sizes = {name(folder): len([path for path in folder.iterdir() if path.suffix in {".py", ".c", ".h", ".S"}]) for folder in FOLDERS}
    assert {folder for folder, size in sizes.items() if size > MOST_FILES} == set(LARGER)


def test_main_of_a_board_is_short() -> None:
    for path in (ROOT / "firmware_bridge/boards").glob("*/main.c"):
        assert path.read_text(encoding="utf-8").count("\n") < 60, name(path)
