# SPDX-License-Identifier: Apache-2.0
"""Folders of images by class: `FOLDER/CLASS/*.png`, or `FOLDER/train/CLASS/*` and `FOLDER/test/CLASS/*`.

All images must have one size unless a size to resize to is given: a silent resize would hide a wrong crop. The samples are grey if
every image is, else RGB. Files that are no .png, .jpg, .jpeg or .bmp, and hidden ones, are passed over.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.data.limits import expect_memory
from tinytl.data.pillow import pillow
from tinytl.data.split import check_classes, class_counts, split_dataset
from tinytl.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
GREY_MODES = ("L", "LA", "1")
_ORIENTATION = 0x0112  # the number of this EXIF tag
Labelled = list[tuple[Path, int]]


def is_image(path: Path) -> bool:
    """Tell whether a path names an image file, by its ending."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_image(path: Path) -> np.ndarray:
    """Return one upright image (1, H, W, C) uint8, C = 1 if it is grey, else 3. Raises DataError where it cannot be read."""
    image = _open(path)
    return np.asarray(image, np.uint8).reshape(1, image.height, image.width, -1)


def load_image_folder(folder: Path, *, seed: int, resize: tuple[int, int] | None = None) -> Dataset:
    """Load images by class; sub-folder names are the class names, in alphabetical order.

    Args:
        folder: with a sub-folder for each class, or with train/ and test/ that have them.
        seed: of the split, or of the order in which the images of train/ come. resize: (height, width) that every image becomes, bilinear.

    Raises:
        DataError: no classes, an empty class, an unreadable image, images of several sizes, a test class that is not in train/.
    """
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        classes = _class_names(folder / "train")
        _same_classes(folder, classes, _class_names(folder / "test"))
        train, test = (_files(folder / split, classes) for split in ("train", "test"))
        x, y = _read(folder, train + test, resize)
        counts = class_counts(y[: len(train)], len(classes))
        check_classes(folder.name, counts, classes)
        order = np.random.default_rng(seed).permutation(len(train))
        return Dataset(folder.name, x[order], y[order], x[len(train) :], y[len(train) :], classes)
    classes = _class_names(folder)
    x, y = _read(folder, _files(folder, classes), resize)
    return split_dataset(folder.name, x, y, classes, seed=seed)


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")))
    if not names:
        raise DataError(f"folder {folder} holds no classes", expected="a sub-folder of images for each class")
    return names


def _same_classes(folder: Path, train: tuple[str, ...], test: tuple[str, ...]) -> None:
    for one, other, split in ((train, test, "test"), (test, train, "train")):
        if missing := sorted(set(one) - set(other)):
            raise DataError(
                f"folder {folder}: class {missing[0]!r} is missing from {split}/", expected="the same classes in train/ and test/"
            )


def _files(folder: Path, classes: tuple[str, ...]) -> Labelled:
    samples: Labelled = []
    for number, name in enumerate(classes):
        paths = sorted(path for path in (folder / name).iterdir() if path.is_file() and is_image(path))
        if not paths:
            raise DataError(f"class folder {folder / name} holds no images", expected=f"files ending in {', '.join(SUFFIXES)}")
        samples += [(path, number) for path in paths]
    return samples


def _read(folder: Path, files: Labelled, resize: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    height, width = resize or _one_size(folder, [path for path, _ in files])
    expect_memory(f"folder {folder}", len(files) * height * width * 3)
    images = [_sized(_open(path), height, width) for path, _ in files]
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    x = np.stack([np.asarray(image.convert(mode), np.uint8) for image in images])
    return x.reshape(*x.shape[:3], -1), np.array([number for _, number in files], np.int64)


def _sized(image: "Image.Image", height: int, width: int) -> "Image.Image":
    """Resize at once: of a folder of large photographs one at a time is in memory."""
    return image if image.size == (width, height) else image.resize((width, height), pillow().Resampling.BILINEAR)


def _size(path: Path) -> tuple[int, int]:
    """Return (height, width) of an upright image from its header alone."""
    with _readable(path), pillow().open(path) as image:
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def _open(path: Path) -> "Image.Image":
    """Return an upright image of mode L or RGB."""
    with _readable(path), pillow().open(path) as image:
        upright = pillow("ImageOps").exif_transpose(image)
        return upright.convert("L" if upright.mode in GREY_MODES else "RGB")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, pillow().DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be read: {error}", expected="a whole .png, .jpg or .bmp file") from error


def _one_size(folder: Path, paths: list[Path]) -> tuple[int, int]:
    """Return the size that all images have, as (height, width)."""
    sizes = Counter(_size(path) for path in paths)
    if len(sizes) == 1:
        return next(iter(sizes))
    common = sizes.most_common()
    listed = ", ".join(f"{height}×{width} ({count})" for (height, width), count in common[:5])
    rest = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
    (height, width), _ = common[0]
    raise DataError(
        f"folder {folder} holds images of {len(sizes)} sizes: {listed}{rest}",
        expected="one size (height×width)",
        hint=f"--resize {height}x{width} (resize=({height}, {width}) of load_dataset), or crop them",
    )
