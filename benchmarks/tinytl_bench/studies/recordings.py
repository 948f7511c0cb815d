# SPDX-License-Identifier: Apache-2.0
"""Recordings with their speakers, and splits of them in which nobody who taught is tested.

In: an .npz file. Out: `Recordings`, cut into three: to teach with, to choose settings with, to test with. Speakers, not samples, are dealt
out; a file without speakers has one a sample.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.errors import DataError
from tinytl.exporting.packing import balanced

SHARES = (0.4, 0.2, 0.4)
"""Of teaching, validation, test."""
_SAMPLES, _LABELS = ("x", "mfcc"), ("y", "label")


@dataclass(frozen=True)
class Recordings:
    """Labelled int8 features of sounds. x: (N, …) int8, a model's input. y: (N,) class numbers. speakers: (N,) who made each."""

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    speakers: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Recordings":
        return Recordings(self.name, self.x[chosen], self.y[chosen], self.classes, self.speakers[chosen])

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Parts:
    """Three parts of some recordings, no speaker in two of them."""

    teaching: Recordings
    validation: Recordings
    test: Recordings


def read_recordings(path: Path) -> Recordings:
    """Read an .npz file: `x` or `mfcc` int8 (N, H, W), `y` or `label` (N,), `classes` and `speaker` (N,) where there are any.

    Raises:
        DataError: a file that cannot be read, keys that are missing, arrays that do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="an .npz file") from error
    x, y = (next((arrays[key] for key in keys if key in arrays), None) for keys in (_SAMPLES, _LABELS))
    if x is None or y is None or x.dtype != np.int8:
        raise DataError(
            f"{path} holds {', '.join(f'{key} {array.dtype}' for key, array in arrays.items()) or 'no arrays'}",
            expected="int8 x or mfcc, y or label; classes and speaker where there are any",
        )
    speakers = arrays.get("speaker", np.arange(len(y)))
    if len(x) != len(y) or len(speakers) != len(y):
        raise DataError(f"{path} has {len(x)} samples, {len(y)} labels and {len(speakers)} speakers", expected="as many of each")
    names = tuple(map(str, arrays["classes"])) if "classes" in arrays else tuple(map(str, range(int(y.max()) + 1)))
    return Recordings(path.stem, x[..., None] if x.ndim == 3 else x, y.astype(np.int64), names, speakers)


def split_by_speaker(recordings: Recordings, *, seed: int, draw: int = 0) -> Parts:
    """Deal the speakers out by `SHARES`. Where each sample is its own speaker, classes are shared out evenly.

    Args:
        recordings: of three speakers or more. seed: decides the test part.
        draw: with the seed, how the others are shared by teaching and validation.

    Raises:
        DataError: fewer than three speakers.
    """
    speakers = np.unique(recordings.speakers)
    if len(speakers) < len(SHARES):
        raise DataError(f"{recordings.name} has {len(speakers)} speakers", expected="3 or more, for three parts")
    tested = round(len(speakers) * SHARES[2])
    dealt = _dealt(recordings, np.random.default_rng(seed))
    rest = recordings[np.isin(recordings.speakers, dealt[tested:])]
    taught = round(len(speakers) * SHARES[0])
    again = _dealt(rest, np.random.default_rng((seed, draw)))
    parts = ((rest, again[:taught]), (rest, again[taught:]), (recordings, dealt[:tested]))
    return Parts(*(source[np.isin(source.speakers, part)] for source, part in parts))


def _dealt(recordings: Recordings, generator: np.random.Generator) -> np.ndarray:
    """Return the speakers in random order; those of one sample each so that the classes take turns."""
    speakers = np.unique(recordings.speakers)
    if len(speakers) == len(recordings):
        return recordings.speakers[balanced(recordings.y, len(recordings), generator)]
    return generator.permutation(speakers)


def without_copies(recordings: Recordings, others: Recordings) -> Recordings:
    """Leave out the recordings that are also among others: features that differ by less than one step each, in the mean square."""
    own, foreign = (group.x.reshape(len(group), -1).astype(np.float64) for group in (recordings, others))
    squares = np.square(own).sum(axis=1)[:, None] + np.square(foreign).sum(axis=1) - 2 * own @ foreign.T
    return recordings[squares.min(axis=1) >= own.shape[1]]


def as_dataset(training: Recordings, test: Recordings) -> Dataset:
    """Return two parts as a dataset."""
    return Dataset(training.name, training.x, training.y, test.x, test.y, training.classes)
