# SPDX-License-Identifier: Apache-2.0
"""Samples that commands take: of a dataset or of a .npy file, and whether their labels go by name."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from tinytl.errors import TinytlError

if TYPE_CHECKING:
    from tinytl.data import Dataset
    from tinytl_bridge import Device


def read_samples(source: str, split: Literal["train", "test"]) -> np.ndarray:
    """Return samples (N, …) of a .npy file, or of a dataset's split."""
    from tinytl.data import load_dataset
    from tinytl.data.npz_file import usable_samples

    if not source.endswith(".npy"):
        dataset = load_dataset(source)
        return dataset.x_train if split == "train" else dataset.x_test
    try:
        return usable_samples(source, np.load(source, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise TinytlError(f"{source} cannot be read: {error}", expected="a .npy array of samples") from None


def names_for(device: "Device", dataset: "Dataset", *, new_classes: bool = False) -> tuple[str, ...] | None:
    """Return a dataset's class names where its labels go by name: classes are added now or were before. None: by number."""
    added = len(device.labels()) > len(device.metadata()["labels"])
    return tuple(dataset.classes) if new_classes or added else None
