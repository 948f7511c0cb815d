# SPDX-License-Identifier: Apache-2.0
"""The map of DESIGN, «The house»: every folder on it exists, and every folder with sources is on it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("command_line", "toolchain", "models", "firmware_bridge", "benchmarks", "tests")
SOURCES = {".py", ".c", ".h", ".def"}
INDENT = 2


def folders_of(page: str) -> dict[str, str]:
    """Return path → description of the first fenced block behind «The house», one folder a line, two spaces a level."""
    (block,) = re.findall(r"^## The house$.*?^```\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    folders: dict[str, str] = {}
    above: list[str] = []
    for line in block.splitlines():
        found = re.fullmatch(r"(?P<indent> *)(?P<name>[\w.-]+)/ +(?P<text>\S.*)", line)
        assert found, f"no folder with a slash and a description: {line!r}"
        level, rest = divmod(len(found["indent"]), INDENT)
        assert rest == 0 and level <= len(above), f"indented by {len(found['indent'])}: {line!r}"
        above = [*above[:level], found["name"]]
        assert "/".join(above) not in folders, f"named twice: {line!r}"
        folders["/".join(above)] = found["text"]
    return folders


MAP = folders_of((ROOT / "DESIGN.md").read_text(encoding="utf-8"))


def source_folders(root: Path) -> set[str]:
    """Return the folders below `TOPS` that hold sources, relative to `root`; those of caches and hidden ones left out."""
    files = (path for top in TOPS for path in (root / top).rglob("*") if path.suffix in SOURCES)
    folders = {path.parent.relative_to(root) for path in files}
    return {str(folder) for folder in folders if not any(part.startswith((".", "__")) for part in folder.parts)}


@pytest.mark.parametrize("folder", MAP)
def test_each_folder_of_the_map_exists(folder: str) -> None:
    assert (ROOT / folder).is_dir()


def test_each_folder_with_sources_is_on_the_map() -> None:
    assert sorted(source_folders(ROOT) - set(MAP)) == []


def test_a_folder_that_the_map_leaves_out_is_noticed(tmp_path: Path) -> None:
    for name in ("toolchain/tinytl/attic/box.py", "tests/.hidden/a.py", "models/__pycache__/b.py", "docs/draw.py", "benchmarks/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    assert source_folders(tmp_path) == {"toolchain/tinytl/attic"}


@pytest.mark.parametrize("line", ["loose words", "      deep/  jumps two levels", " odd/  one space", "bare/"])
def test_a_line_that_is_no_folder_is_an_error(line: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(repr(line))):
        folders_of(f"## The house\n\n```\ntop/  text\n{line}\n```\n")
