# SPDX-License-Identifier: Apache-2.0
"""Finds a dataset by name or path, and lists the names."""

import difflib
from dataclasses import replace
from pathlib import Path

from tinytl.data.card import DatasetCard, Source
from tinytl.data.catalogue import PUBLISHED
from tinytl.data.csv_file import load_csv
from tinytl.data.dataset import Dataset
from tinytl.data.image_folder import is_image, load_image_folder
from tinytl.data.npz_file import load_npz
from tinytl.data.packaged import PACKAGED
from tinytl.errors import DataError

SOURCES: dict[str, Source] = {source.card.name: source for source in (*PACKAGED, *PUBLISHED)}
FILE_KINDS = "a folder of images by class, an .npz or a .csv file"


def list_datasets() -> tuple[DatasetCard, ...]:
    """Return the cards of all registered datasets."""
    return tuple(source.card for source in SOURCES.values())


def load_dataset(name_or_path: str | Path, *, seed: int = 0, resize: tuple[int, int] | None = None) -> Dataset:
    """Load a dataset.

    Args:
        name_or_path: a registered name (`list_datasets`), or the path of a folder of images by class, an .npz or a .csv file.
        seed: of the split, where the origin has none.
        resize: (height, width) that all images of a folder become; other datasets have samples of one size.

    Returns:
        The checked dataset.

    Raises:
        DataError: no such name or path, or contents that cannot be used.

    Example:
        >>> load_dataset("mnist-5k").x_train.shape
        (4000, 28, 28, 1)
    """
    if name_or_path in SOURCES:
        _expect_folder(str(name_or_path), resize)
        return replace(SOURCES[str(name_or_path)].load(seed=seed), origin=str(name_or_path), seed=seed)
    path = Path(name_or_path).expanduser()
    if path.exists() and not path.is_dir():
        _expect_folder(str(path), resize)
    return replace(_load_path(path, seed, resize), origin=str(path.resolve()), seed=seed, resize=resize)


def _expect_folder(name: str, resize: tuple[int, int] | None) -> None:
    if resize is not None:
        height, width = resize
        raise DataError(
            f"{name} is no folder of images and cannot be resized to {height}×{width}",
            expected="a folder with one sub-folder a class",
            hint="leave it out: uint8 images of one size are resized to the model's input",
        )


def _load_path(path: Path, seed: int, resize: tuple[int, int] | None) -> Dataset:
    if path.is_dir():
        return load_image_folder(path, seed=seed, resize=resize)
    suffix = path.suffix.lower()
    if path.is_file() and suffix in (".npz", ".csv"):
        return load_npz(path, seed=seed) if suffix == ".npz" else load_csv(path, seed=seed)
    if path.exists():
        hint = "tinytl infer --input takes single images and .npy files" if is_image(path) or suffix == ".npy" else ""
        raise DataError(f"{path} is no dataset", expected=FILE_KINDS, hint=hint)
    if suffix in (".npz", ".csv") or len(path.parts) > 1:
        raise DataError(f"no file or folder {path}", expected=FILE_KINDS)
    raise _unknown(str(path))


def _unknown(name: str) -> DataError:
    close = difflib.get_close_matches(name, SOURCES, n=1)
    hint = f"did you mean {close[0]}?" if close else "tinytl data list"
    return DataError(f"no dataset {name!r}", expected=f"{', '.join(SOURCES)}; or {FILE_KINDS}", hint=hint)
