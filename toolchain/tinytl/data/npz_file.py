# SPDX-License-Identifier: Apache-2.0
"""`.npz` files: `x_train, y_train, x_test, y_test`, or `x, y` to be split; `classes` (names) where there are any."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.data.limits import expect_classes, expect_memory
from tinytl.data.split import check_classes, class_counts, split_dataset
from tinytl.errors import DataError

_BROKEN = (
    OSError, EOFError, ValueError, TypeError, AttributeError, SyntaxError, KeyError, MemoryError, RecursionError, RuntimeError,
    NotImplementedError, OverflowError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy and the zip reader raise on bytes that are no .npz file."""
SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: Path, *, seed: int, class_names: tuple[str, ...] = ()) -> Dataset:
    """Load a dataset from one .npz file.

    Images are uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3); everything else is numbers, (N, D), (N, T, F) or (N, H, W, C), of the shape
    that the model takes: int8 stays int8, the rest becomes float32.

    Args:
        path: of the file; its stem names the dataset. seed: of the split, where the file has none.
        class_names: used where the file has no `classes`; else a label is the number of its class, and numbers may be left out.

    Raises:
        DataError: a file that cannot be read; missing keys; samples or labels of a type or shape that cannot be used.
    """
    arrays = _read(path)
    names = _class_names(path, arrays, class_names)
    if all(key in arrays for key in SPLIT_KEYS):
        x_train, x_test = (usable_samples(f"{path}: {key}", arrays[key]) for key in ("x_train", "x_test"))
        y_train, y_test = (_labels(path, key, arrays[key]) for key in ("y_train", "y_test"))
        numbered, names = not names, names or _numbers(y_train, y_test)
        dataset = Dataset(path.stem, x_train, y_train, x_test, y_test, names)
        counts = class_counts(y_train, len(names))
        needed = counts + class_counts(y_test, len(names)) > 0 if numbered else None
        check_classes(path.stem, counts, names, needed=needed)
        return dataset
    if "x" in arrays and "y" in arrays:
        x, y = usable_samples(f"{path}: x", arrays["x"]), _labels(path, "y", arrays["y"])
        numbered, names = not names, names or _numbers(y)
        Dataset(path.stem, x, y, x[:0], y[:0], names)  # refuses what does not fit together before it is split
        return split_dataset(path.stem, x, y, names, seed=seed, gaps=numbered)
    raise DataError(
        f"{path} holds {', '.join(arrays) or 'no arrays'}",
        expected=f"{', '.join(SPLIT_KEYS)} (or x, y, to be split); classes if there are names",
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        _expect_memory(path)
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read: {error}", expected="an .npz file without Python objects") from error


def _expect_memory(path: Path) -> None:
    """Refuse by the arrays' headers, before anything is allocated: a few kilobytes can declare gigabytes."""
    wanted_bytes = 0
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as member:
                version = np.lib.format.read_magic(member)
                read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read_header(member)
            if any(type(side) is not int or side < 0 for side in shape):
                raise DataError(f"{path}: array {entry.filename!r} has shape {shape}", expected="whole numbers of 0 or more")
            wanted_bytes += math.prod(shape) * dtype.itemsize
    expect_memory(str(path), wanted_bytes)


def usable_samples(name: str, x: np.ndarray) -> np.ndarray:
    """Return an array of samples as a `Dataset` holds them.

    Args:
        name: of the array, for the error. x: as in a file, see `load_npz`.

    Raises:
        DataError: a type or shape that no model takes.
    """
    if x.dtype == np.uint8 and x.ndim > 2:
        images = x[..., None] if x.ndim == 3 else x
        if images.ndim == 4 and images.shape[3] in (1, 3):
            return images
    elif x.ndim in (2, 3, 4) and x.dtype.kind in "fiu":
        return x if x.dtype == np.int8 else x.astype(np.float32)
    raise DataError(
        f"{name} is {x.dtype} of shape {x.shape}",
        expected="uint8 images (N, H, W), (N, H, W, 1) or (N, H, W, 3); or numbers (N, D), (N, T, F) or (N, H, W, C), float or int8",
        hint="tinytl data --help tells which samples are taken how",
    )


def _labels(path: Path, key: str, y: np.ndarray) -> np.ndarray:
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise DataError(f"{path}: {key} is {y.dtype} of shape {y.shape}", expected="integers (N,), one class number a sample")
    if len(y) == 0:
        raise DataError(f"{path}: {key} is empty", expected="at least one sample")
    expect_classes(f"{path}: {key}", int(y.min()), int(y.max()))
    return y.astype(np.int64)


def _class_names(path: Path, arrays: dict[str, np.ndarray], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    if "classes" not in arrays:
        return otherwise
    names = arrays["classes"]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise DataError(f"{path}: classes is {names.dtype} of shape {names.shape}", expected="a list of names")
    return tuple(name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names)


def _numbers(*labels: np.ndarray) -> tuple[str, ...]:
    """Return the names of classes that have none: their numbers, those without samples among them, so that 5 stays class 5."""
    return tuple(str(number) for number in range(max(int(y.max()) for y in labels) + 1))
