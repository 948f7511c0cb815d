# SPDX-License-Identifier: Apache-2.0
"""The `DatasetCard`: what a list of datasets shows, and the `Source` that every registered dataset is."""

from dataclasses import dataclass
from typing import Protocol

from tinytl.data.dataset import Dataset


@dataclass(frozen=True)
class DatasetCard:
    """Facts about a registered dataset.

    Attributes:
        name: what `load_dataset` takes. title: one line for lists.
        samples: (train, test) counts.
        shape: (H, W, C) of one sample.
        classes: number of classes.
        needs: where the samples come from: a package, a download, a file.
    """

    name: str
    title: str
    samples: tuple[int, int]
    shape: tuple[int, ...]
    classes: int
    needs: str


class Source(Protocol):
    """One registered dataset: its card, and how it is loaded."""

    @property
    def card(self) -> DatasetCard:
        """What the list shows."""

    def load(self, *, seed: int) -> Dataset:
        """Load it; `seed` decides the split where the origin has none."""
