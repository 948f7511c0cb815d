# SPDX-License-Identifier: Apache-2.0
"""Samples that commands take: of a dataset or of a .npy file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinytl.class_match import ClassMatch, match_classes
from tinytl.errors import TinytlError


def read_samples(source: str, split: Literal["train", "test"], resize: tuple[int, int] | None = None) -> np.ndarray:
    """Return samples (N, …) of a .npy file or of one image, or of a dataset's split. resize: of a folder of images."""
    from tinytl.data import load_dataset
    from tinytl.data.image_folder import is_image, read_image
    from tinytl.data.npz_file import usable_samples

    if is_image(Path(source)):
        return read_image(Path(source))
    if not source.endswith(".npy"):
        dataset = load_dataset(source, resize=resize)
        return dataset.x_train if split == "train" else dataset.x_test
    try:
        return usable_samples(source, np.load(source, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise TinytlError(f"{source} cannot be read: {error}", expected="a .npy array of samples") from None


@dataclass(frozen=True)
class Labelled:
    """Samples (N, …) to classify, with labels (N,) and their names where they come from a dataset."""

    x: np.ndarray
    y: np.ndarray | None = None
    names: tuple[str, ...] = ()

    def match(self, known: tuple[str, ...]) -> ClassMatch | None:
        """Find the labels' classes among a device's; None where there are no labels."""
        return None if self.y is None else match_classes(self.y, self.names, known)

    def truth(self, sample: int, predicted: int, match: ClassMatch | None) -> dict[str, Any]:
        """Return what the data says a sample is, and whether that is the class predicted; {} where it says nothing."""
        if self.y is None or match is None:
            return {}
        label = int(self.y[sample])
        return {"in_data": self.names[label], "right": int(match.numbers[label]) == predicted}


def read_labelled(source: str, samples: int, resize: tuple[int, int] | None = None) -> Labelled:
    """Return at most so many samples of a .npy file, one image, or of a dataset's test split with their labels."""
    from tinytl.data import load_dataset
    from tinytl.data.image_folder import is_image

    if source.endswith(".npy") or is_image(Path(source)):
        return Labelled(read_samples(source, "test")[:samples])
    dataset = load_dataset(source, resize=resize)
    return Labelled(dataset.x_test[:samples], dataset.y_test[:samples], dataset.classes)
