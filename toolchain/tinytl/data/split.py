# SPDX-License-Identifier: Apache-2.0
"""Seeded, stratified splits: every class is shared between train and test in proportion to its size, to the exact total."""

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.errors import DataError

TEST_FRACTION = 0.2
_ONE_CLASS = "teach samples of one class without the others: tinytl teach --label NAME --data SAMPLES.npy"


def class_counts(y: np.ndarray, classes: int) -> np.ndarray:
    """Return how many samples each class has (classes,). y: (N,) labels of any integer type. classes: how many there are."""
    # bincount takes no int64 where an index is narrower, as on 32-bit Arm.
    return np.bincount(y.astype(np.intp), minlength=classes)


def split_dataset(
    name: str, x: np.ndarray, y: np.ndarray, classes: tuple[str, ...], *, seed: int, test_samples: int | None = None, gaps: bool = False
) -> Dataset:
    """Split samples into a `Dataset`; the train split comes in random order, as a stream of samples would.

    Args:
        name: of the dataset. x, y: samples and class numbers, see `Dataset`. classes: names in order of the numbers. seed: of the split.
        test_samples: in all; a fifth if None, at least one of each class. gaps: whether classes may have no samples at all.

    Raises:
        DataError: a class with fewer than two samples.
    """
    counts = class_counts(y, len(classes))
    filled = counts > 0 if gaps else np.ones(len(classes), bool)
    check_classes(name, counts, classes, at_least=2, needed=filled)
    test_count = max(round(len(y) * TEST_FRACTION), int(filled.sum())) if test_samples is None else test_samples
    generator = np.random.default_rng(seed)
    test_mask = np.zeros(len(y), bool)
    for number, share in zip(np.flatnonzero(filled), _shares(counts[filled], test_count), strict=True):
        test_mask[generator.permutation(np.flatnonzero(y == number))[:share]] = True
    train = generator.permutation(np.flatnonzero(~test_mask))
    test = np.flatnonzero(test_mask)
    return Dataset(name, x[train], y[train], x[test], y[test], classes)


def check_classes(name: str, counts: np.ndarray, classes: tuple[str, ...], *, at_least: int = 1, needed: np.ndarray | None = None) -> None:
    """Refuse a dataset with fewer than two classes, or a class with too few samples.

    Args:
        name: of the dataset. counts: (len(classes),) samples of each class. classes: names in the same order. at_least: samples, 1 or 2.
        needed: (len(classes),) bool: which must have samples; None: all.

    Raises:
        DataError: one class or none; or the first class with too few, by name.
    """
    if len(classes) < 2:
        raise DataError(f"dataset {name!r} has {len(classes)} class(es)", expected="2 or more", hint=_ONE_CLASS)
    for number, (class_name, count) in enumerate(zip(classes, counts, strict=True)):
        if count < at_least and (needed is None or needed[number]):
            reason = "2 or more, one to learn from and one to test with" if at_least == 2 else "at least one"
            what = f"dataset {name!r}: class {class_name!r} has {count} training sample(s)"
            raise DataError(what, expected=reason, hint=f"number the classes without a gap, or {_ONE_CLASS}")


def _shares(counts: np.ndarray, wanted: int) -> np.ndarray:
    """Test samples of each class: proportional, largest remainders first, at least 1 and never the whole class."""
    quota = counts * wanted / counts.sum()
    shares = np.clip(np.floor(quota).astype(int), 1, counts - 1)
    for number in np.argsort(-(quota - np.floor(quota)), kind="stable"):
        if shares.sum() < wanted and shares[number] < counts[number] - 1:
            shares[number] += 1
    return shares
