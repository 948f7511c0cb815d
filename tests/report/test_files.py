# SPDX-License-Identifier: Apache-2.0
"""`tinytl report`, the library side: which page a file becomes, and which file becomes none."""

import json
from pathlib import Path

import pytest
from example_story import measurement

from tinytl.errors import ReportError
from tinytl.report import Story, report_from_files


@pytest.fixture
def story_file(story: Story, tmp_path: Path) -> Path:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(story.to_json()))
    return path


def test_a_story_becomes_the_page_of_a_run(story_file: Path, pages: dict[str, Path], tmp_path: Path) -> None:
    page = report_from_files([story_file], tmp_path / "page.html")
    assert page.read_bytes() == pages["story"].read_bytes()


def test_measurements_become_one_page(pages: dict[str, Path], tmp_path: Path) -> None:
    several = [measurement().to_json(), measurement("qemu:mps3-an547", scale=0.4).to_json()]
    (tmp_path / "two.json").write_text(json.dumps(several))
    (tmp_path / "one.json").write_text(json.dumps(measurement("host").to_json()))
    page = report_from_files([tmp_path / "two.json", tmp_path / "one.json"], tmp_path / "page.html")
    assert page.read_bytes() == pages["bench"].read_bytes()


def test_a_story_stands_alone(story_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"story.json is a story, given with 1 other files; expected one story alone, or measurements"):
        report_from_files([story_file, story_file], tmp_path / "page.html")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            "x.json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); expected a story.json, or what tinytl teach --log, evaluate -o or bench -o wrote",
        ),
        ('{"bundle": "b"}', "x.json: measurement: format is None; expected 'tinytl-measurement'"),
        ("3", "x.json: measurement: format is 'int'; expected 'tinytl-measurement'"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ReportError) as caught:
        report_from_files([tmp_path / "x.json"], tmp_path / "page.html")
    assert message in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"x.json cannot be read: No such file or directory; expected a story.json"):
        report_from_files([tmp_path / "x.json"], tmp_path / "page.html")
