# SPDX-License-Identifier: Apache-2.0
"""The one list of commands, `link/commands.def`: the session dispatches by it, the host names by it, SPEC.md describes all of it."""

import re
from pathlib import Path

import pytest

from tinytl import runtime_lists
from tinytl.runtime_lists import rows
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire.link import Link, Refusal
from tinytl_bridge.wire.protocol import ANSWER, Command

SPEC = Path(__file__).resolve().parents[2] / "SPEC.md"
LIST = {name.upper(): int(number, 0) for _, number, name in rows("link/commands.def")}
_CODE = re.compile(r"(?:0x)?([0-9A-Fa-f]{2})")
_NAME = re.compile(r"[A-Z][A-Z_]{3,}")


def cells_of(row: str) -> list[str]:
    """Return the cells of a row of a table, without marks of code, bold and links."""
    return [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell).strip(" `*") for cell in row.strip().strip("|").split("|")]


def described(text: str) -> dict[str, set[int]]:
    """Return the commands of SPEC's tables, name → numbers: rows that begin with a code of two hex digits and a name, in either order."""
    found: dict[str, set[int]] = {}
    for row in text.splitlines():
        cells = cells_of(row)[:2] if row.lstrip().startswith("|") else []
        names = [cell for cell in cells if _NAME.fullmatch(cell)]
        codes = [code for cell in cells if (code := _CODE.fullmatch(cell))]
        if len(names) == len(codes) == 1:
            found.setdefault(names[0], set()).add(int(codes[0][1], 16))
    return found


def test_numbers_and_names_are_different_and_leave_room_for_answers() -> None:
    assert len(LIST) == len(set(LIST.values())) == len(rows("link/commands.def"))
    assert all(0 < number < ANSWER for number in LIST.values())


def test_the_host_names_every_command() -> None:
    assert {command.name: command.value for command in Command} == LIST


def test_spec_describes_every_command_and_no_other() -> None:
    assert described(SPEC.read_text(encoding="utf-8")) == {name: {number} for name, number in LIST.items()}


def test_rows_of_a_table_are_read_however_they_are_marked() -> None:
    rows = "| 01 | HELLO | x |\n| `0x02` | `STATUS` | – |\n| [READ](#read) | 03 | – |\n| 0 | u8 | type |\n| 10 | u32 | INPUT |\n01 SAVE\n"
    assert described(rows) == {"HELLO": {1}, "STATUS": {2}, "READ": {3}}


def test_the_device_knows_these_commands_and_no_other(tmp_path: Path) -> None:
    target = HostTarget(state_dir=tmp_path)
    link = Link(target.start())
    link.open()
    known = set()
    for number in range(256):
        try:
            link.command(number)  # type: ignore[arg-type]
            known.add(number)
        except Refusal as refusal:
            if (refusal.status, refusal.got) != ("bad_command", number):
                known.add(number)
    link.close()
    target.stop()
    assert known == set(LIST.values())


@pytest.mark.parametrize(
    ("line", "row"), [('STATUS(a, "x, \\"y\\" (%1)")', ("STATUS", "a", 'x, \\"y\\" (%1)')), ("STATUS(3, b)", ("STATUS", "3", "b"))]
)
def test_rows_of_a_list(line: str, row: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some.def").write_text(f"/* STATUS(no, row) */\n{line}\nOTHER(1, 2)\n", encoding="utf-8")
    monkeypatch.setattr(runtime_lists, "_RUNTIMES", (tmp_path / "none", tmp_path))
    runtime_lists.runtime_list.cache_clear()
    rows.cache_clear()
    assert rows("some.def") == (row, ("OTHER", "1", "2"))
