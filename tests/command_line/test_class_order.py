# SPDX-License-Identifier: Apache-2.0
"""Classes listed in another order, or without names, are the same classes: same accuracy, same head, and the tables say how they map."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from new_shapes import mixed_task
from tiny_task import TINY_CLASSES, tiny_task
from tinytl_cli import cli

TASK = tiny_task("tiny", seed=11, train=60, test=40)
ORDER = np.array([2, 0, 3, 1])
"""Place of each class in the other file."""


def invoke(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert (result.exit_code, bool(result.exception)) == (code, bool(code)), result.output
    return str(result.exception) if result.exception else result.stdout


def told(*arguments: str) -> dict:
    return json.loads(invoke(*arguments, "--json"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The same samples with names, with names in another order, and with numbers alone."""
    made = {name: tmp_path / f"{name}.npz" for name in ("named", "renamed", "numbered")}
    samples = {"x_train": TASK.x_train, "x_test": TASK.x_test}
    labels = {"y_train": TASK.y_train, "y_test": TASK.y_test}
    names = [TINY_CLASSES[place] for place in np.argsort(ORDER)]
    np.savez(made["named"], classes=TINY_CLASSES, **samples, **labels)
    np.savez(made["renamed"], classes=names, **samples, **{key: ORDER[y] for key, y in labels.items()})
    np.savez(made["numbered"], **samples, **labels)
    return made


def where(tmp_path: Path, bundle: Path, name: str = "state") -> tuple[str, ...]:
    options = ("--target", "host", "--state", str(tmp_path / name))
    invoke("flash", str(bundle), *options)
    return options


def test_the_same_accuracy_and_the_same_head(tiny_bundle: Path, files: dict[str, Path], tmp_path: Path) -> None:
    heads, accuracies = set(), set()
    for name, path in files.items():
        options = where(tmp_path, tiny_bundle, name)
        before = told("evaluate", *options, "--data", str(path))
        taught = told("teach", *options, "--data", str(path))
        assert before["accuracy"] == taught["accuracy_before"] > 0.8
        how = {
            "named": "by name",
            "renamed": "by name, numbered otherwise in the data",
            "numbered": "by number: the data has no names for its classes",
        }
        assert before["classes_matched"] == taught["classes_matched"] == how[name]
        heads.add(told("info", *options)["head_crc32"])
        accuracies.add((before["accuracy"], taught["accuracy_after"]))
    assert (len(heads), len(accuracies)) == (1, 1)


def test_numbers_stay_the_same_classes_once_one_was_added(tiny_bundle: Path, files: dict[str, Path], tmp_path: Path) -> None:
    options, frame = where(tmp_path, tiny_bundle), tmp_path / "frame.npy"
    shapes = mixed_task(seed=5)
    np.save(frame, shapes.x_train[shapes.y_train == 0][:3])
    before = told("evaluate", *options, "--data", str(files["numbered"]))
    assert told("teach", *options, "--data", str(frame), "--label", "frame")["classes_matched"] == "new: 'frame'"
    after = told("evaluate", *options, "--data", str(files["numbered"]))
    assert after == told("evaluate", *options, "--data", str(files["named"])) | {
        "data": "numbered",
        "classes_matched": after["classes_matched"],
    }
    assert after["accuracy"] > before["accuracy"] - 0.3, "a little is forgotten; mixed up it would be 0"


def test_infer_tells_what_the_data_says(tiny_bundle: Path, files: dict[str, Path], tmp_path: Path) -> None:
    options = where(tmp_path, tiny_bundle)
    rows = json.loads(invoke("infer", *options, "--input", str(files["renamed"]), "--json"))
    assert [row["in_data"] for row in rows] == [TINY_CLASSES[label] for label in TASK.y_test[:10]]
    assert all(row["right"] == (row["label"] == row["in_data"]) for row in rows)
    assert sum(row["right"] for row in rows) > 6
    result = CliRunner().invoke(cli, ["infer", *options, "--input", str(files["numbered"])])
    assert f"classes of {files['numbered']} matched by number: the data has no names" in " ".join(result.stderr.split())
    assert "in the data" in result.stdout


def test_bench_goes_by_name(tiny_bundle: Path, files: dict[str, Path]) -> None:
    documents = [told("bench", str(tiny_bundle), "--target", "host", "--data", str(files[name])) for name in ("named", "renamed")]
    assert documents[0]["accuracy"] == documents[1]["accuracy"] > 0.8
    assert documents[1]["how"]["accuracy"] == "device, 40 test samples of renamed, classes matched by name, numbered otherwise in the data"


def test_strangers_are_refused_or_listed(tiny_bundle: Path, tmp_path: Path) -> None:
    options, path = where(tmp_path, tiny_bundle), tmp_path / "shapes.npz"
    save = {"x_train": TASK.x_train, "y_train": TASK.y_train, "x_test": TASK.x_test, "y_test": TASK.y_test}
    np.savez(path, classes=["bar", "beam", "line", "dot"], **save)
    result = CliRunner().invoke(cli, ["evaluate", *options, "--data", str(path)])
    assert result.exit_code == 0
    assert "not on the device, never right: 'line', 'dot'" in " ".join(result.stdout.split())
    assert "warning: classes of the data that the device does not have, counted as wrong: 'line', 'dot'" in " ".join(result.stderr.split())
    assert "the device has no class 'line', 'dot'; expected bar, beam, slope, blob" in invoke(
        "teach", *options, "--data", str(path), code=1
    )
    np.savez(path, classes=["a", "b", "c", "d"], **save)
    assert "none of the data's classes 'a', 'b', 'c', 'd' is the device's" in invoke("evaluate", *options, "--data", str(path), code=1)
