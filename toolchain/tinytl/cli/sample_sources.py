# SPDX-License-Identifier: Apache-2.0
"""Samples that commands take: of a dataset or of a .npy file, and whether their labels go by name."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tinytl.errors import TinytlError

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl_bridge import Device


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


def names_for(device: "Device", dataset: "Dataset", *, new_classes: bool = False) -> tuple[str, ...] | None:
    """Return a dataset's class names where its labels go by name: classes are added now or were before. None: by number."""
    added = len(device.labels()) > len(device.metadata()["labels"])
    return tuple(dataset.classes) if new_classes or added else None
