# SPDX-License-Identifier: Apache-2.0
"""The folder of a library: written whole or not at all, never over what somebody else wrote; what refusals say."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from layers import layer

from tinytl.errors import BuildError
from tinytl_bridge.library.folder import write_folder
from tinytl_bridge.library.texts import identifier
from tinytl_cli import cli

FILES = {"README.txt": b"words", "src/a.c": b"int a;\n"}


def build(folder: Path, out: Path, *more: str) -> Result:
    model = folder / "9 layers-of.mine.tflite"
    model.write_bytes(layer("add", 1))
    arguments = ["build", str(model), "--target", "qemu:mps2-an386", "--as", "library", "-o", str(out), *more]
    return CliRunner().invoke(cli, arguments)


def refusal(folder: Path, *, files: dict[str, bytes] | None = None) -> str:
    with pytest.raises(BuildError) as refused:
        write_folder(folder, files or FILES, {})
    return str(refused.value)


def test_command_writes_a_library_and_replaces_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        result = build(tmp_path, out, "--json")
        assert result.exit_code == 0, result.output
        facts = json.loads(result.output)
        assert facts["family"] == "dsp" and facts["arena_bytes"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["9 layers-of.mine.tflite", "out"], "nothing is left beside it"
    for name in ("README.txt", "CMakeLists.txt", "library.json", "library.properties", "zephyr/module.yml", "example/main.c"):
        assert (out / name).stat().st_size > 0
    assert json.loads((out / "library.json").read_text())["headers"] == "m9_layers_of_mine_model.h"


def test_a_library_needs_a_model() -> None:
    result = CliRunner().invoke(cli, ["build", "--target", "host", "--as", "library"])
    assert result.exit_code == 2
    assert "a library is built from a model: tinytl build MODEL --target TARGET --as library" in result.output


def test_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    assert refusal(folder) == (
        f"{folder} holds thesis.txt, which is no part of a library; expected an empty folder or a library\n"
        "hint: name another folder with -o, or empty this one"
    )
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years")
    result = build(tmp_path, tmp_path / "out")
    assert isinstance(result.exception, BuildError) and "thesis.txt" in str(result.exception)


def test_changed_library_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    write_folder(folder, FILES, {})
    write_folder(folder, FILES, {})
    (folder / "src/a.c").write_text("int mine;\n")
    assert f"{folder} holds src/a.c, which was changed since it was written; expected an unchanged library" in refusal(folder)
    (folder / "src/a.c").write_bytes(FILES["src/a.c"])
    (folder / "src/mine.c").write_text("int mine;\n")
    assert "holds src/mine.c, which is no part of a library" in refusal(folder)


def test_file_and_missing_parent_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert f"{tmp_path / 'file'} is a file; expected a folder, or a path that is free" in refusal(tmp_path / "file")
    expected = f"the folder {tmp_path / 'nowhere'} does not exist; expected an existing folder to write the library into"
    assert expected in refusal(tmp_path / "nowhere/library")


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", FILES, {"model": "m"})
    listing = json.loads((tmp_path / "empty/tinytl_library.json").read_text())
    assert listing["model"] == "m" and sorted(listing["files"]) == sorted(FILES)


def test_nothing_or_all_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "library"
    write_folder(folder, FILES, {})
    write, written = Path.write_bytes, []

    def fail_on_the_second(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", fail_on_the_second)
    said = refusal(folder, files={"README.txt": b"new", "src/b.c": b"int b;\n"})
    assert said == f"{folder} cannot be written: No space left on device; expected a folder that may be written, with room"
    assert (folder / "README.txt").read_bytes() == b"words" and not (folder / "src/b.c").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["library"]


@pytest.mark.parametrize(("name", "made"), [("ds-cnn v2", "ds_cnn_v2"), ("7net", "m7net"), ("μ", "model"), ("A.b", "a_b")])
def test_names_become_c(name: str, made: str) -> None:
    assert identifier(name) == made
