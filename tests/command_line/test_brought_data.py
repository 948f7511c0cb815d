# SPDX-License-Identifier: Apache-2.0
"""What people bring to the command line: folders of mixed sizes, one image, classes numbered on, bytes with suffixes."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tiny_task import TINY_CLASSES, tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.training.run_folder import Run, load_run
from tinytl_cli import cli


def answer(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, list(map(str, arguments)), env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refusal(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, list(map(str, arguments)), env={"COLUMNS": "200"})
    assert done.exit_code != 0
    return done.output if done.exit_code == 2 else str(done.exception)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of the tiny task's bars and beams by class, every third of twice the size."""
    task = tiny_task("some", seed=3, train=120, test=4)
    kept = task.y_train < 2
    for number, (image, label) in enumerate(zip(task.x_train[kept], task.y_train[kept], strict=True)):
        path = tmp_path / "mixed" / TINY_CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = Image.fromarray(image[:, :, 0])
        (drawn.resize((24, 24), Image.Resampling.NEAREST) if number % 3 == 0 else drawn).save(path)
    return tmp_path / "mixed"


def test_a_folder_of_mixed_sizes_is_taught_and_evaluated(tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    target = ("--target", "host", "--state", tmp_path / "state")
    answer("flash", tiny_bundle, *target)
    assert "hint: --resize 12x12 (resize=" in refusal("evaluate", *target, "--data", folder)
    assert json.loads(answer("teach", *target, "--data", folder, "--resize", "12", "--json"))["taught"] == 48
    assert json.loads(answer("evaluate", *target, "--data", folder, "--resize", "12x12", "--split", "train", "--json"))["accuracy"] > 0.8
    told = json.loads(answer("bench", tiny_bundle, "--target", "host", "--data", folder, "--resize", "12", "--samples", "6", "--json"))
    assert told["accuracy"] > 0.6 and "6 test samples of mixed" in told["how"]["accuracy"]
    told = json.loads(answer("data", "show", folder, "--resize", "10x14", "-o", tmp_path / "sheet.png", "--json"))
    assert told["shape"] == [10, 14, 1]


def test_a_run_on_a_folder_finds_its_size_again(folder: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="needs tinytl[host]")
    layers = [keras.Input((12, 12, 1)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "own.keras")
    sized = ("--data", folder, "--resize", "12x12")
    answer("pretrain", "--model", tmp_path / "own.keras", *sized, "--out", tmp_path / "run", "--epochs", "1")
    assert load_run(tmp_path / "run").resize == (12, 12)
    told = refusal("export", tmp_path / "run", "--resize", "12", "-o", tmp_path / "mixed.tinytl")
    assert "--resize goes with --data: a run knows the size of its own images" in told
    answer("export", tmp_path / "run", "-o", tmp_path / "mixed.tinytl", "--replay-samples", "8")
    assert read_bundle(tmp_path / "mixed.tinytl").manifest["source"]["dataset"] == "mixed"


@pytest.mark.parametrize("text", ["12x", "0", "axb", "1x2x3", "9999", "-3"])
def test_what_is_no_size(text: str, folder: Path) -> None:
    told = refusal("data", "show", folder, f"--resize={text}")
    assert f"{text!r} is no size; expected HEIGHTxWIDTH in pixels, e.g. 96x128, or 96 for both" in told


def test_one_image_is_classified(tiny_bundle: Path, tmp_path: Path) -> None:
    target = ("--target", "host", "--state", tmp_path / "state")
    answer("flash", tiny_bundle, *target)
    task = tiny_task("some", seed=3, train=4, test=8)
    for label in range(4):
        large = Image.fromarray(task.x_train[label][:, :, 0]).resize((48, 36), Image.Resampling.NEAREST).convert("RGB")
        large.save(tmp_path / "photo.png")
        (row,) = json.loads(answer("infer", *target, "--input", tmp_path / "photo.png", "--json"))
        assert row["label"] == TINY_CLASSES[label]
    (tmp_path / "photo.png").write_bytes(b"no image")
    assert "photo.png cannot be read: " in refusal("infer", *target, "--input", tmp_path / "photo.png")


def test_samples_of_an_npy_file_may_lack_their_channel(tiny_bundle: Path, tmp_path: Path) -> None:
    target = ("--target", "host", "--state", tmp_path / "state")
    answer("flash", tiny_bundle, *target)
    np.save(tmp_path / "x.npy", tiny_task("some", seed=3, train=4, test=8).x_test[..., 0])
    rows = json.loads(answer("infer", *target, "--input", tmp_path / "x.npy", "--json"))
    assert [row["class"] for row in rows] == [0, 1, 2, 3] * 2
    np.save(tmp_path / "x.npy", np.zeros((2, 12, 12, 5), np.uint8))
    assert "x.npy is uint8 of shape (2, 12, 12, 5); expected uint8 images" in refusal("infer", *target, "--input", tmp_path / "x.npy")


def test_classes_numbered_on_are_new_ones(tiny_bundle: Path, tmp_path: Path) -> None:
    """Four classes with names on the device; labels 4 and 5 are not renumbered, and nobody has to name them."""
    target = ("--target", "host", "--state", tmp_path / "state")
    answer("flash", tiny_bundle, *target)
    generator = np.random.default_rng(0)
    levels = np.where(np.arange(60) % 2, 230, 10)[:, None, None]
    images = np.clip(levels + generator.normal(0, 5, (60, 12, 12)), 0, 255).astype(np.uint8)
    np.savez(tmp_path / "new.npz", x=images, y=4 + np.arange(60) % 2)
    told = json.loads(answer("teach", *target, "--data", tmp_path / "new.npz", "--new-classes", "--json"))
    assert (told["classes"], set(told["classes_added"].split()), told["taught"]) == (6, {"4", "5"}, 48)
    assert told["accuracy_after"] > 0.9


def test_bytes_have_suffixes(tiny_run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tinytl[host]")
    out = tmp_path / "x.tinytl"
    sizes = ("--replay-buffer-bytes", "2k", "--guard-buffer-bytes", "0")
    tiny = tmp_path / "tiny.npz"
    task = tiny_task("tiny", seed=7, train=60, test=40)
    np.savez(tiny, x_train=task.x_train, y_train=task.y_train, x_test=task.x_test, y_test=task.y_test)
    answer("export", tiny_run.path, "--data", tiny, "-o", out, "--replay-samples", "4", *sizes)
    learning = read_bundle(out).head.learning
    assert (learning.replay_buffer_bytes, learning.guard_buffer_bytes) == (2048, 0)
    told = refusal("export", "run", "-o", out, "--replay-buffer-bytes", "2kb")
    assert "'2kb' is no number of bytes; expected e.g. 65536, 64k or 1M" in told
