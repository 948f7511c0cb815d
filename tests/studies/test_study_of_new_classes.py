# SPDX-License-Identifier: Apache-2.0
"""The study of new classes: who teaches is not tested, and what it says of a keyword model that learns three words."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tflite_classifiers import NAMES, WIDTH, classifier, samples

from published import published_file
from tinytl.errors import DataError
from tinytl.head.learning import Learning
from tinytl.tflite.interpreter import Interpreter
from tinytl_bench.studies.new_classes import study_new_classes
from tinytl_bench.studies.recordings import Recordings, read_recordings, split_by_speaker, without_copies
from tinytl_cli import cli

SPEAKERS = 12


def known() -> Recordings:
    """What the classifier answers is what these are."""
    x = samples(500)
    (answers,) = Interpreter(classifier()).run(x)
    return Recordings("known", x, answers.argmax(axis=1).astype(np.int64), NAMES, np.arange(500))


def new() -> Recordings:
    """Two classes around a middle each, by speakers who are each a little off."""
    random = np.random.default_rng(8)
    y, speakers = np.arange(480) % 2, np.arange(480) // 2 % SPEAKERS
    middles, habits = random.integers(-110, 110, (2, WIDTH)), random.integers(-10, 10, (SPEAKERS, WIDTH))
    x = middles[y] + habits[speakers] + random.integers(-8, 8, (480, WIDTH))
    return Recordings("new", np.clip(x, -128, 127).astype(np.int8), y.astype(np.int64), ("larch", "pine"), speakers)


def test_no_speaker_stands_in_two_parts_and_the_tested_ones_stay() -> None:
    draws = [split_by_speaker(new(), seed=3, draw=draw) for draw in range(4)]
    for parts in draws:
        groups = [set(part.speakers) for part in (parts.teaching, parts.validation, parts.test)]
        assert [len(group) for group in groups] == [5, 2, 5]
        assert len(set.union(*groups)) == SPEAKERS
    assert len({tuple(parts.test.speakers) for parts in draws}) == 1
    assert len({tuple(parts.teaching.speakers) for parts in draws}) > 1
    assert set(split_by_speaker(new(), seed=4).test.speakers) != set(draws[0].test.speakers)


def test_samples_without_speakers_are_shared_by_class() -> None:
    recordings = known()
    parts = split_by_speaker(recordings, seed=1)
    assert [len(part) for part in (parts.teaching, parts.validation, parts.test)] == [200, 100, 200]
    smallest = np.bincount(recordings.y).min()
    counts = np.bincount(parts.test.y)
    assert counts.min() >= min(smallest, 40) and counts.max() - counts.min() <= max(1, 200 - 4 * counts.min())


def test_recordings_that_stand_in_both_are_left_out() -> None:
    own, others = known(), new()
    copies = others.x[:7].astype(np.int16)
    copies[:, ::3] += np.where(copies[:, ::3] > 0, -1, 1)  # another computation of the same features
    own = Recordings(
        "known", np.concatenate([own.x, copies.astype(np.int8)]), np.append(own.y, np.zeros(7, np.int64)), NAMES, np.arange(507)
    )
    left = without_copies(own, others)
    np.testing.assert_array_equal(left.speakers, np.arange(500))


def test_new_classes_are_learned_and_known_ones_kept(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    learning = Learning(learning_rate=0.005, replays_per_step=32, replay_buffer_bytes=4096)
    found = study_new_classes(tmp_path / "trees.tflite", known(), new(), counts=(2, 20), orders=2, learning=learning, replay_samples=150)
    few, many = found.rows
    assert (found.classes, found.tested_new, found.tested_known, found.speakers) == (("larch", "pine"), 200, 200, 5)
    assert (few.samples, many.samples, found.figures) == (2, 20, {})
    assert few.known_before == many.known_before > 0.9
    assert many.lowest_new > 0.9
    assert many.new >= few.new > 0.2
    assert many.known > many.known_before - 0.12
    assert study_new_classes(
        tmp_path / "trees.tflite", known(), new(), counts=(2, 20), orders=2, learning=learning, replay_samples=150
    ) == found, "the same seed gives the same study"  # fmt: skip


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    mixed = Recordings("new", new().x, new().y, ("pine", "oak"), new().speakers)
    with pytest.raises(DataError, match="class 'oak' is known and new; expected new classes"):
        study_new_classes(tmp_path / "trees.tflite", known(), mixed)
    with pytest.raises(DataError, match=r"new has 100 samples of a class to teach with; expected 101\nhint: fewer --samples"):
        study_new_classes(tmp_path / "trees.tflite", known(), new(), counts=(5, 101))
    lone = Recordings("new", new().x, new().y, ("larch", "pine"), np.arange(480) % 2)
    with pytest.raises(DataError, match="new has 2 speakers; expected 3 or more"):
        study_new_classes(tmp_path / "trees.tflite", known(), lone)


def test_files_that_hold_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.npz cannot be read: .*; expected an .npz file"):
        read_recordings(tmp_path / "none.npz")
    np.savez(tmp_path / "floats.npz", x=np.zeros((3, 4)), y=np.zeros(3, int))
    with pytest.raises(DataError, match=r"floats.npz holds x float64, y int64; expected int8 x or mfcc, y or label"):
        read_recordings(tmp_path / "floats.npz")
    np.savez(tmp_path / "short.npz", mfcc=np.zeros((3, 4, 2), np.int8), label=np.zeros(2, int), speaker=["a"])
    with pytest.raises(DataError, match=r"short.npz has 3 samples, 2 labels and 1 speakers; expected as many of each"):
        read_recordings(tmp_path / "short.npz")


def test_from_the_shell(tmp_path: Path) -> None:
    (tmp_path / "trees.tflite").write_bytes(classifier())
    own, others = known(), new()
    np.savez(tmp_path / "known.npz", x=own.x, y=own.y, classes=list(own.classes))
    np.savez(tmp_path / "new.npz", x=others.x, y=others.y, classes=list(others.classes), speaker=others.speakers)
    words = ["study", "new-classes", *(str(tmp_path / name) for name in ("trees.tflite",)), "--known", str(tmp_path / "known.npz")]
    words += ["--new", str(tmp_path / "new.npz"), "--orders", "1", "--replay-samples", "100", "--learning-rate", "0.005"]
    ran = CliRunner().invoke(cli, [*words, "--samples", "1,4", "--validation", "--json"], catch_exceptions=False)
    told = json.loads(ran.stdout)
    assert [row["samples"] for row in told["rows"]] == [1, 4]
    assert (told["tested_new"], told["tested_known"], told["speakers"]) == (80, 100, 2)
    shown = CliRunner().invoke(cli, [*words, "--samples", "4"], catch_exceptions=False)
    assert "larch, pine: 200 samples of 5 other speakers, 200 known ones" in " ".join(shown.stdout.split())
    wrong = CliRunner().invoke(cli, [*words, "--samples", "4,x"])
    assert wrong.exit_code == 2 and "'4,x' is no list of numbers; expected e.g. 5,20,100" in wrong.stderr


@pytest.mark.long
def test_a_keyword_model_learns_three_words() -> None:
    """Five samples of bed, cat and happy each; 694 other speakers say them. Measured: 10 draws in docs/measured.md, of which this is the first."""
    model = published_file("mlperf_tiny/kws_ref_model.tflite")
    folder = Path(os.environ["TINYTL_DATA_DIR"]) / "packed"
    words, three = folder / "kws01_mfcc_int8.npz", folder / "bed_cat_happy_mfcc_int8.npz"
    if not (words.exists() and three.exists()):
        pytest.skip(f"{folder} has no recordings of words")
    found = study_new_classes(model, read_recordings(words), read_recordings(three), counts=(5,), orders=1)
    (row,) = found.rows
    assert (found.tested_new, found.tested_known, found.speakers, found.left_out) == (2108, 398, 694, 6)
    assert row.known_before > 0.88
    assert row.new > 0.55, "chance is 1 of 15; the model itself calls them unknown"
    assert row.known > row.known_before - 0.06


def test_the_stored_study_is_what_readme_and_measured_tell() -> None:
    root = Path(__file__).resolve().parents[2]
    stored = json.loads((root / "benchmarks/studies/new-words.json").read_text(encoding="utf-8"))
    readme, measured = ((root / name).read_text(encoding="utf-8") for name in ("README.md", "docs/measured.md"))
    figures = {name: each["value"] for name, each in stored["figures"].items()}
    for row in stored["rows"]:
        new, lowest_new, before, known, lowest = (
            f"{100 * row[name]:.1f} %" for name in ("new", "lowest_new", "known_before", "known", "lowest_known")
        )
        seconds = len(stored["classes"]) * row["samples"] * figures["taught_sample_milliseconds_model"] / 1000
        assert f"| {row['samples']} | {new} | {known} | {seconds:.1f} s |" in readme
        assert f"| {row['samples']} | {new} ({lowest_new}) | {known} ({lowest}) |" in measured
        assert f"the twelve, {before} before" in readme
    for page in (readme, measured):
        assert f"{figures['ram_bytes']:,} bytes of RAM" in page
    assert (
        f"an image of {figures['image_bytes']:,}; a taught sample takes {figures['instructions_per_taught_sample'] / 1e6:.2f} M" in measured
    )
