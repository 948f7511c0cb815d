# SPDX-License-Identifier: Apache-2.0
"""`export --board`: what a board would refuse when it is flashed, or when it saves, is refused before a bundle is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tiny_task import tiny_task
from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.errors import BuildError, CompileError
from tinytl.training.run_folder import Run
from tinytl_bridge.firmware.board_fit import _expect_head_slot, expect_fit, misfit
from tinytl_bridge.firmware.boards import list_boards, load_board
from tinytl_cli import cli


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return read_bundle(tiny_bundle)


def with_replay_set(bundle: Bundle, total_bytes: int) -> Bundle:
    count = total_bytes // bundle.replay_features.shape[1]
    features = np.zeros((count, bundle.replay_features.shape[1]), np.int8)
    return replace(bundle, replay_features=features, replay_labels=np.zeros(count, np.uint16))


def with_buffer(bundle: Bundle, buffer_bytes: int) -> Bundle:
    learning = replace(bundle.head.learning, replay_buffer_bytes=buffer_bytes)
    return replace(bundle, head=replace(bundle.head, learning=learning))


def test_a_small_bundle_fits_every_board(bundle: Bundle) -> None:
    for name in list_boards():
        assert expect_fit(bundle, name).arena_bytes <= load_board(name).memory.arena_bytes
    assert expect_fit(bundle, "qemu:mps2-an386").family == "dsp"
    assert misfit(bundle) == ""


def test_flash_and_arena_are_refused_by_board(bundle: Bundle) -> None:
    with pytest.raises(CompileError, match=r"^board mps2-an386: the image needs 3\d\d,\d{3} bytes, .*; expected at most 262,") as slot:
        expect_fit(with_replay_set(bundle, 320_000), "mps2-an386")
    assert "\nhint: " in str(slot.value)
    with pytest.raises(
        CompileError, match=r"^board mps2-an385: the arena needs 1\d\d,\d{3} bytes, .* replay buffer .*; expected at most 81,920"
    ):
        expect_fit(with_buffer(bundle, 100_000), "mps2-an385")
    assert misfit(with_replay_set(bundle, 320_000)) == "", "others have a larger slot"


def test_a_bundle_that_no_board_takes(bundle: Bundle) -> None:
    assert misfit(with_replay_set(bundle, 3_000_000)).startswith("board mps2-an500: the image needs 3,0")
    assert misfit(with_buffer(bundle, 5_000_000)).startswith("board mps2-an500: the arena needs 5,0")


def test_a_head_that_could_not_be_saved_is_refused(bundle: Bundle) -> None:
    board = load_board("mps3-an547")
    image = expect_fit(bundle, board.name)
    _expect_head_slot(image, board)
    small = replace(board, memory=replace(board.memory, head_slot_bytes=4096))
    parameters = bundle.head.trained_count + 17 * 2  # rows of two more classes
    needed = 32 + 16 + 4 * parameters + 32 * 2 + 8  # the slot, the head, two names, the place in a stream
    with pytest.raises(CompileError) as refused:
        _expect_head_slot(image, small)
    assert str(refused.value) == (
        f"board mps3-an547: a saved head needs {needed:,} bytes, {needed - 4096:,} more than its slot has; expected at most 4,096\n"
        "hint: an earlier freeze plan, or --weights int8"
    )


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def source(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    task, path = tiny_task("tiny", seed=7, train=60, test=40), tmp_path_factory.mktemp("source") / "tiny.npz"
    np.savez(path, x_train=task.x_train, y_train=task.y_train, x_test=task.x_test, y_test=task.y_test)
    return ("export", tiny_run.path, "--data", path, "--replay-samples", "4")


def test_export_refuses_what_the_board_would(source: tuple[str | Path, ...], tmp_path: Path) -> None:
    out = tmp_path / "x.tinytl"
    large = ("-o", out, "--replay-buffer-bytes", "100k")
    assert str(command(*source, *large, "--board", "mps2-an385").exception).startswith("board mps2-an385: the arena needs 1")
    assert not out.exists()
    told = command(*source, *large, "--board", "qemu:mps2-an500")
    assert told.exit_code == 0 and "warning: " not in told.output
    assert told.output.endswith("qemu:mps2-an500\n")
    assert out.exists()


def test_export_warns_where_no_board_takes_it(source: tuple[str | Path, ...], tmp_path: Path) -> None:
    told = command(*source, "-o", tmp_path / "x.tinytl", "--replay-buffer-bytes", "2M").output
    text = "no board that tinytl knows takes this bundle. board mps2-an500: the arena needs 2,"
    assert f"warning: {text}" in told
    (warning,) = json.loads(command(*source, "-o", tmp_path / "x.tinytl", "--replay-buffer-bytes", "2M", "--json").stdout)["warnings"]
    assert warning.startswith(text)


def test_a_board_of_no_name_is_refused_before_any_work(source: tuple[str | Path, ...], tmp_path: Path) -> None:
    refused = command("export", "none", "-o", tmp_path / "x.tinytl", "--board", "qemu:mps2-an38").exception
    assert isinstance(refused, BuildError)
    assert str(refused).startswith("board 'mps2-an38' is unknown; expected one of mps2-an385, ")
