# SPDX-License-Identifier: Apache-2.0
"""A story goes to JSON and back unchanged, and says which field is wrong when one is."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tinytl.errors import ReportError
from tinytl.report import Picture, Story


def test_round_trip_through_text(story: Story) -> None:
    text = json.dumps(story.to_json(), allow_nan=False)
    assert Story.from_json(text) == story
    assert Story.from_json(text.encode()) == story
    assert Story.from_json(story.to_json()) == story


def test_numpy_numbers_become_plain(story: Story) -> None:
    mixed = replace(story, accuracies=replace(story.accuracies, target_samples=np.int64(899), head_equal_on_twin=np.bool_(True)))
    assert Story.from_json(json.dumps(mixed.to_json())) == story


def test_picture_keeps_the_pixels() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(Picture.from_array(image).array, image)
    assert Picture.from_array(image[:, :, 0]).shape == (2, 4, 1)


def delete(document: dict[str, Any], *path: str) -> None:
    for key in path[:-1]:
        document = document[key]
    del document[path[-1]]


def put(value: Any, *path: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


BROKEN: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: delete(d, "title"), "story: field 'title' is missing"),
    (lambda d: delete(d, "bundle", "plan"), "story: field 'bundle.plan' is missing"),
    (put("many", "bundle", "frozen_macs"), "story: field 'bundle.frozen_macs' is 'many'; expected a whole number, at least 0"),
    (put(1.2, "accuracies", "target_after"), "story: field 'accuracies.target_after' is 1.2; expected a number, 0.0 to 1.0"),
    (put(0, "board", "clock_hz"), "story: field 'board.clock_hz' is 0; expected a whole number, at least 1"),
    (put("other", "format"), "story: format is 'other'; expected 'tinytl-story'\nhint: tinytl demo writes a story.json"),
    (put(2, "format_version"), "story: format_version is 2; expected 1; a newer tinytl wrote it"),
    (put([], "curve", "correct"), "story: curve.correct is empty; expected at least one taught sample"),
    (put([0.5], "curve", "loss"), "story: curve.loss has 1 values; expected 898, one for each taught sample"),
    (put(999, "curve", "evaluations", 1, "samples"), "curve.evaluations has a point at 999 samples; expected at most 898, the taught ones"),
    (put(float("nan"), "curve", "loss", 3), "story: curve.loss[3] is nan; expected a finite number"),
    (put(float("inf"), "pretraining", 0, "loss"), "story: pretraining loss[0] is inf; expected a finite number"),
    (put(["0"], "confusion", "classes"), "story: confusion.classes has 1 names; expected at least 2"),
    (put([[1, 2]], "confusion", "after"), "story: confusion.after has 1 rows of [2] columns; expected 10 × 10"),
    (put(10, "examples", 2, "after"), "story: examples[2].after is class 10; expected 0 to 9, the classes of the confusion matrices"),
    (put("AAAA", "examples", 0, "picture", "pixels"), "a picture of shape (28, 28, 1) has 3 pixel bytes; expected 784"),
    (put([28, 14, 2], "examples", 0, "picture", "shape"), "a picture has shape (28, 14, 2); expected (height, width, 1 or 3)"),
    (put(5, "memory", "flash", 1, "offset"), "memory.flash: 'model A' starts at 5; expected 262,144 or more, where the one before ends"),
    (put(300_000, "memory", "flash", 0, "used_bytes"), "memory.flash: 'firmware' uses 300,000 bytes; expected at most its 262,144"),
    (put(60_000, "memory", "arena_bytes"), "memory.arena: 'replay buffer' ends at 61,696; expected at most 60,000, the arena"),
    (put(50_000, "memory", "arena_limit_bytes"), "memory.arena_bytes is 61,696; expected at most 50,000, what the firmware sets aside"),
    (put(524_288, "board", "flash_bytes"), "memory.flash ends at 1,048,576; expected at most 524,288, the board's flash"),
    (put(65_536, "board", "ram_bytes"), "arena, stack and static data are 105,720 bytes; expected at most 65,536, the board's RAM"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message[:48] for _, message in BROKEN])
def test_what_is_wrong_is_refused_by_name(story: Story, change: Callable[[dict[str, Any]], None], message: str) -> None:
    document = json.loads(json.dumps(story.to_json()))
    change(document)
    with pytest.raises(ReportError) as caught:
        Story.from_json(document)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "story: not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        (b"\xff\xfe", "story: not JSON"),
        ("[1]", "story: format is 'list'; expected 'tinytl-story'"),
        ("{}", "story: format is None; expected 'tinytl-story'"),
    ],
)
def test_other_files_are_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ReportError) as caught:
        Story.from_json(text)
    assert message in str(caught.value)


def test_a_float_picture_is_refused() -> None:
    with pytest.raises(ReportError, match=r"a picture is float32 of shape \(4, 4\); expected uint8 \(height, width, channels\)"):
        Picture.from_array(np.zeros((4, 4), np.float32))


def test_what_json_cannot_hold_is_refused(story: Story) -> None:
    odd = replace(story, measurement=replace(story.measurement, details={"where": object()}))
    with pytest.raises(ReportError, match="story: a object cannot be written as JSON; expected numbers, texts, lists"):
        odd.to_json()
