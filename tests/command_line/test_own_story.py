# SPDX-License-Identifier: Apache-2.0
"""One's own run as a page: `teach --log` and `evaluate -o`, then `tinytl report`; and `info` of a target that is empty."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from new_shapes import mixed_task
from tinytl.class_match import match_classes
from tinytl.errors import ReportError
from tinytl.report import Answers, RunLog, report_from_files
from tinytl_cli import cli

TASK = mixed_task(seed=5, train=60, test=40)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def logs(tiny_bundle: Path, tmp_path: Path) -> tuple[Path, Path]:
    data, where = tmp_path / "shapes.npz", ("--target", "host", "--state", str(tmp_path / "state"))
    np.savez(data, x_train=TASK.x_train, y_train=TASK.y_train, x_test=TASK.x_test, y_test=TASK.y_test, classes=TASK.classes)
    story, evaluated = tmp_path / "story.json", tmp_path / "evaluated.json"
    invoke("flash", str(tiny_bundle), *where)
    first = invoke("evaluate", *where, "--data", str(data), "-o", str(evaluated))
    assert f"written: {evaluated}" in " ".join(first.stderr.split())
    second = invoke("teach", *where, "--data", str(data), "--new-classes", "--log", str(story), "--json")
    assert (first.exit_code, second.exit_code) == (0, 0), second.exception
    log = RunLog.from_json(json.loads(story.read_text()))
    assert log.facts == json.loads(second.stdout)
    return story, evaluated


def test_one_page_of_ones_own_runs(logs: tuple[Path, Path], tmp_path: Path) -> None:
    story, evaluated = logs
    log = RunLog.from_json(json.loads(story.read_text()))
    assert log.curve is not None and len(log.curve.correct) == 60
    first, last = log.curve.evaluations
    before, after = log.answers
    for point, seen in ((first, before), (last, after)):
        right = sum(seen.counts[place][place] for place in range(len(seen.classes)))
        assert point.target_accuracy == right / 40 and sum(map(sum, seen.counts)) == 40
    assert before.classes[:4] == ("bar", "beam", "slope", "blob") and set(before.classes) == set(after.classes) == set(TASK.classes)
    for files, words in (
        ([story], ("Taught: shapes on host", "accuracy after")),
        ([story, evaluated], ("2 runs", "Evaluated: shapes on host")),
    ):
        result = invoke("report", *map(str, files), "-o", str(tmp_path / "page.html"))
        assert result.exit_code == 0, result.exception
        page = (tmp_path / "page.html").read_text()
        assert all(word in page for word in (*words, "Right and wrong answers by class", "Accuracy and loss while learning"))
        assert "<script" not in page and "://" not in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids))


def test_a_run_stands_with_runs_alone(logs: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]")
    with pytest.raises(ReportError, match=r"story.json is a run, given with 1 other files; expected runs alone, or measurements"):
        report_from_files([logs[0], other], tmp_path / "page.html")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format_version": 9}, r"run: format is 'tinytl-run' version 9; expected 'tinytl-run' version 1\nhint: tinytl teach --log and"),
        ({"kind": "dream"}, r"run: field 'kind' is 'dream'; expected 'teach' or 'evaluate'"),
        ({"answers": [{"when": "x", "classes": ["a"], "counts": []}]}, r"run: answers.counts has 0 rows; expected 1 × 1, one row"),
        ({"answers": [{"when": "x", "classes": [], "counts": []}]}, r"run: answers.classes has 0 names; expected 1 to 1000"),
    ],
)
def test_other_contents_are_refused(change: dict, text: str) -> None:
    document = RunLog("evaluate", {"accuracy": 0.5}).to_json()
    assert RunLog.from_json(document).facts == {"accuracy": 0.5}
    with pytest.raises(ReportError, match=text):
        RunLog.from_json(document | change)
    with pytest.raises(ReportError, match=r"run: facts\.x is nan; expected a finite number"):
        RunLog("teach", {"x": float("nan")})


def test_classes_that_the_device_does_not_have_are_rows_without_answers() -> None:
    y = np.array([0, 1, 2, 2])
    seen = Answers.of("evaluated", y, np.array([1, 1, 0, 1]), match_classes(y, ("dog", "emu", "cat"), ("cat", "dog")))
    assert seen.classes == ("cat", "dog", "emu")
    assert seen.counts == ((1, 1, 0), (0, 1, 0), (0, 1, 0))


def test_a_file_that_cannot_be_written_is_told_before_anything_is_taught(tmp_path: Path) -> None:
    for command, option in (("teach", "--log"), ("evaluate", "-o")):
        result = invoke(
            command, "--target", "host", "--state", str(tmp_path), "--data", "uci-digits", option, str(tmp_path / "none" / "x.json")
        )
        assert re.search(r"the folder of .*/none/x.json does not exist; expected a folder\nhint: mkdir -p", str(result.exception))


def test_info_of_an_empty_target_is_a_sentence(tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path))
    told = invoke("info", *where).stdout
    assert re.match(
        r"host holds no model: an empty device with [\d,]+ bytes of RAM for a model and room for [\d,]+ bytes of image\.\n", told
    )
    assert "`tinytl flash BUNDLE --target host` puts one there." in told
    assert json.loads(invoke("info", *where, "--json").stdout)["model_status"] == "no_model"
