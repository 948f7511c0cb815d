# SPDX-License-Identifier: Apache-2.0
"""Well-known image sets: from the user's own folder (`TINYTL_DATA_DIR`) if they are there, else downloaded once.

In that folder `NAME.npz` wins; then the published files under their own names, in `NAME/` or beside each other.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tinytl.data.card import DatasetCard
from tinytl.data.dataset import Dataset
from tinytl.data.fetch import cache_folder, fetch
from tinytl.data.npz_file import load_npz
from tinytl.data.packed import read_cifar, read_idx_images, read_idx_labels, read_members
from tinytl.errors import DataError
from tinytl.progress import Progress

DATA_DIR_VARIABLE = "TINYTL_DATA_DIR"
IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
Reader = Callable[[str, tuple[Path, ...], tuple[str, ...]], Dataset]


@dataclass(frozen=True)
class Published:
    """A dataset that its authors publish as files.

    Attributes:
        card: what lists show.
        class_names: in order of the labels; empty where the files hold them.
        base_url: folder of the files; empty: there is no download, only `TINYTL_DATA_DIR/NAME.npz`.
        checksums: file name → checksum, in the order that `read` takes.
        read: makes the dataset of the name, the files and the class names.
        own_folder: the file names are also another set's, so they count only in `TINYTL_DATA_DIR/NAME/`.
    """

    card: DatasetCard
    class_names: tuple[str, ...]
    base_url: str = ""
    checksums: dict[str, str] = field(default_factory=dict)
    read: Reader | None = None
    own_folder: bool = False

    def load(self, *, seed: int, progress: Progress | None = None) -> Dataset:
        """Load the published split; `seed` is not needed. Raises DataError where the files are missing or broken."""
        folder = data_folder()
        if folder and (folder / f"{self.card.name}.npz").is_file():
            return load_npz(folder / f"{self.card.name}.npz", seed=seed, class_names=self.class_names)
        if self.read is None:
            raise DataError(
                f"dataset {self.card.name!r} has no download, and {DATA_DIR_VARIABLE} {_where(folder)}",
                expected=f"the file {self.card.name}.npz with x_train, y_train, x_test, y_test",
                hint=f"export {DATA_DIR_VARIABLE}=FOLDER",
            )
        return self.read(self.card.name, self._local(folder) or self._fetched(progress), self.class_names)

    def _local(self, folder: Path | None) -> tuple[Path, ...] | None:
        places = [folder / self.card.name] + ([] if self.own_folder else [folder]) if folder else []
        for place in places:
            if all((place / name).is_file() for name in self.checksums):
                return tuple(place / name for name in self.checksums)
        return None

    def _fetched(self, progress: Progress | None) -> tuple[Path, ...]:
        hint = f"put {self.card.name}.npz or {', '.join(self.checksums)} into a folder and export {DATA_DIR_VARIABLE}=FOLDER"
        place = cache_folder() / self.card.name
        return tuple(
            fetch(self.base_url + name, checksum=checksum, path=place / name, hint=hint, progress=progress)
            for name, checksum in self.checksums.items()
        )


def data_folder() -> Path | None:
    """Return the user's own folder of datasets, or None. Raises DataError where the variable names no folder."""
    value = os.environ.get(DATA_DIR_VARIABLE)
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{DATA_DIR_VARIABLE}={value} is no folder", expected="a folder with NAME.npz files", hint=f"unset {DATA_DIR_VARIABLE}"
        )
    return folder


def read_idx_set(name: str, files: tuple[Path, ...], class_names: tuple[str, ...]) -> Dataset:
    """Make a dataset of MNIST's four files.

    Args:
        name: of the dataset. files: in the order of `IDX_FILES`; names with "images" hold samples, others labels.
        class_names: in order of the labels.
    """
    x_train, y_train, x_test, y_test = ((read_idx_images if "images" in path.name else read_idx_labels)(path) for path in files)
    return Dataset(name, x_train, y_train, x_test, y_test, class_names)


def read_cifar10(name: str, files: tuple[Path, ...], class_names: tuple[str, ...]) -> Dataset:
    """Make a dataset of CIFAR-10's binary archive.

    Args:
        name: of the dataset. files: the archive alone. class_names: in order of the labels.
    """
    folder = "cifar-10-batches-bin"
    x_train, y_train = read_cifar(files[0], [f"{folder}/data_batch_{number}.bin" for number in range(1, 6)], label_bytes=1)
    x_test, y_test = read_cifar(files[0], [f"{folder}/test_batch.bin"], label_bytes=1)
    return Dataset(name, x_train, y_train, x_test, y_test, class_names)


def read_cifar100(name: str, files: tuple[Path, ...], class_names: tuple[str, ...]) -> Dataset:
    """Make a dataset of CIFAR-100's binary archive, with its fine labels.

    Args:
        name: of the dataset. files: the archive alone. class_names: in order of the labels; empty: those of the archive.
    """
    folder = "cifar-100-binary"
    (names,) = read_members(files[0], [f"{folder}/fine_label_names.txt"])
    x_train, y_train = read_cifar(files[0], [f"{folder}/train.bin"], label_bytes=2)
    x_test, y_test = read_cifar(files[0], [f"{folder}/test.bin"], label_bytes=2)
    return Dataset(name, x_train, y_train, x_test, y_test, class_names or tuple(names.decode("ascii").split()))


def _where(folder: Path | None) -> str:
    return f"({folder}) does not hold it" if folder else "is not set"
