# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: random samples of each class on one labelled picture, to see what a dataset holds before training on it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tinytl.data.dataset import Dataset
from tinytl.data.pillow import pillow
from tinytl.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

CELL = 56  # pixels a side, the space of one sample
GAP, MARGIN, TITLE = 4, 16, 44
PAPER, INK, FAINT = (255, 255, 255), (32, 36, 44), (120, 126, 136)


def contact_sheet(dataset: Dataset, *, per_class: int = 10, seed: int = 0) -> "Image.Image":
    """Draw random training samples, one row a class.

    Args:
        dataset: of images, or of numbers (N, H, W, C) with one or three channels: int8 from −128 to 127, floats each from its lowest to
            its highest.
        per_class: samples in each row, ≥ 1; fewer where the class has fewer.
        seed: of the choice.

    Returns:
        RGB picture.

    Raises:
        DataError: vectors, which have no picture; `per_class` below 1; Pillow is missing.
    """
    if len(dataset.sample_shape) != 3 or dataset.sample_shape[2] not in (1, 3):
        shape = "×".join(str(side) for side in dataset.sample_shape)
        raise DataError(f"dataset {dataset.name!r} has samples of shape {shape}", expected="images to draw")
    if per_class < 1:
        raise DataError(f"{per_class} samples a class", expected="1 or more")
    font, title_font = _font(14), _font(18)
    labels = max(font.getlength(name) for name in (*dataset.classes, "99999 samples"))
    left = MARGIN + int(labels) + 12
    width = left + per_class * (CELL + GAP) + MARGIN
    drawn = [number for number in range(len(dataset.classes)) if (dataset.y_train == number).any()]
    page = pillow().new("RGB", (width, TITLE + MARGIN + len(drawn) * (CELL + GAP)), PAPER)
    draw = pillow("ImageDraw").Draw(page)
    draw.text((MARGIN, MARGIN), _fitting(_title(dataset), title_font, width - 2 * MARGIN), fill=INK, font=title_font)
    generator = np.random.default_rng(seed)
    for row, number in enumerate(drawn):
        name = dataset.classes[number]
        top = TITLE + MARGIN // 2 + row * (CELL + GAP)
        members = np.flatnonzero(dataset.y_train == number)
        draw.text((MARGIN, top + CELL // 2 - 16), name, fill=INK, font=font)
        draw.text((MARGIN, top + CELL // 2 + 2), f"{len(members):,} samples".replace(",", " "), fill=FAINT, font=_font(11))
        for column, member in enumerate(generator.permutation(members)[:per_class]):
            picture = _picture(dataset.x_train[member])
            at = (left + column * (CELL + GAP), top)
            page.paste(picture, (at[0] + (CELL - picture.width) // 2, at[1] + (CELL - picture.height) // 2))
    return page


def _font(size: int) -> Any:
    """Return Pillow's own font, size in pixels; before Pillow 10.1 there was but one size."""
    fonts = pillow("ImageFont")
    try:
        return fonts.load_default(size=size)
    except TypeError:
        return fonts.load_default()


def _title(dataset: Dataset) -> str:
    shape = "×".join(str(side) for side in dataset.sample_shape)
    return f"{dataset.name} · {len(dataset.y_train):,} to learn, {len(dataset.y_test):,} to test · {shape}"


def _fitting(text: str, font: Any, width: int) -> str:
    """Drop trailing parts of the title until it fits."""
    while font.getlength(text) > width and " · " in text:
        text = text.rpartition(" · ")[0]
    return text


def _picture(sample: np.ndarray) -> "Image.Image":
    """Scale one sample to its cell: whole-number steps up, so that pixels stay visible; smoothly down."""
    pixels = (sample.astype(np.int16) + 128).astype(np.uint8) if sample.dtype == np.int8 else sample
    if pixels.dtype != np.uint8:
        pixels = np.rint(255 * (sample - sample.min()) / (np.ptp(sample) or 1.0)).astype(np.uint8)
    library = pillow()
    image: Image.Image = library.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    longest = max(image.size)
    if longest <= CELL:
        factor = CELL // longest
        return image.resize((image.width * factor, image.height * factor), library.Resampling.NEAREST)
    image.thumbnail((CELL, CELL), library.Resampling.LANCZOS)
    return image
