# SPDX-License-Identifier: Apache-2.0
"""Magic-wand gestures by person: windows of an accelerometer, from recordings as TFLM's magic-wand example published them.

In: `packed/magic_wand.npz`: `samples` (all recordings, one behind the other, × 3 axes), `offset` (where each begins, and the end), `label`,
`fname` (output_GESTURE_PERSON.txt). Out: (source, target). The source's people taught the model; the target is another person, who holds
the board turned by a quarter about its long axis: upright, the model has this person's gestures right without learning. Recordings
that name no person, all «negative», are shared out.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from tinytl.data import Dataset
from tinytl.data.split import split_dataset
from tinytl.errors import DataError

GESTURES = ("wing", "ring", "slope", "negative")
NEW_PERSON = "hyw"
WINDOW = 128
COPIES = 10
"""Of each window of the source, shifted in time and scaled: a person is taught from few recordings."""
_LARGEST_G = 20.0
"""Recordings beyond it are in thousandths of g."""
_MOST_SHIFT, _SCALES = 12, (0.8, 1.2)
_TEST_SHARE = 0.6
_QUARTER = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)


def load_gestures(path: Path, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Load the source, three parts in four of its people's windows and copies of them to train with, and the target.

    Args:
        seed: of the splits, of the copies and of who gets which recording without a person.

    Returns:
        Two datasets of vectors (N, 384) float32 in g, classes `GESTURES`.

    Raises:
        DataError: no such file, or other arrays in it.
    """
    windows, labels, people = _windows(path)
    generator = np.random.default_rng(seed)
    nobody = np.char.isdigit(people) | (people == "ccw")
    new = (people == NEW_PERSON) | (nobody & (generator.random(len(people)) < 0.5))
    source = _split("gestures", windows[~new], labels[~new], share=0.25, seed=seed)
    target = _split("gestures of a new person", windows[new] @ _QUARTER.T, labels[new], share=_TEST_SHARE, seed=seed)
    copies = [_copy(source.x_train.reshape(-1, WINDOW, 3), generator) for _ in range(COPIES)]
    x_train = np.concatenate(copies).reshape(-1, WINDOW * 3)
    y_train = np.tile(source.y_train, COPIES)
    return Dataset(source.name, x_train, y_train, source.x_test, source.y_test, GESTURES), target


def _windows(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows (N, 128, 3) in g, gesture numbers (N,) and people (N,)."""
    try:
        with np.load(path, allow_pickle=False) as file:
            samples, offsets, names, files = (file[key] for key in ("samples", "offset", "label", "fname"))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="an .npz file with samples, offset, label, fname") from error
    rows = []
    for number, (start, stop) in enumerate(pairwise(offsets)):
        recording = samples[start:stop].astype(np.float32)
        recording = recording / 1000 if np.abs(recording).max() > _LARGEST_G else recording
        person = str(files[number]).removesuffix(".txt").split("_")[2]
        rows += [(window, GESTURES.index(names[number]), person) for window in _cut(recording)]
    windows, labels, people = zip(*rows, strict=True)
    return np.stack(windows), np.array(labels, np.int64), np.array(people)


def _cut(recording: np.ndarray) -> list[np.ndarray]:
    """Return a recording in windows; a short one in the middle of one window, its ends held."""
    if len(recording) > WINDOW:
        return [recording[start : start + WINDOW] for start in range(0, len(recording) - WINDOW + 1, WINDOW)]
    front = (WINDOW - len(recording)) // 2
    return [np.pad(recording, ((front, WINDOW - len(recording) - front), (0, 0)), mode="edge")]


def _split(name: str, windows: np.ndarray, labels: np.ndarray, *, share: float, seed: int) -> Dataset:
    vectors = windows.reshape(len(windows), -1)
    return split_dataset(name, vectors, labels, GESTURES, seed=seed, test_samples=round(share * len(vectors)))


def _copy(windows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return windows shifted in time, their ends held, and scaled."""
    shifts = generator.integers(-_MOST_SHIFT, _MOST_SHIFT + 1, len(windows))
    times = np.clip(np.arange(WINDOW) - shifts[:, None], 0, WINDOW - 1)
    shifted = windows[np.arange(len(windows))[:, None], times]
    return (shifted * generator.uniform(*_SCALES, (len(windows), 1, 1))).astype(np.float32)
