# SPDX-License-Identifier: Apache-2.0
"""The contact sheet, and the augmentation that pretraining sees."""

import numpy as np
import pytest

from tinytl.data import Dataset, contact_sheet
from tinytl.data.augment import Augmentation, augment
from tinytl.errors import DataError


def dataset(x: np.ndarray, classes: int = 3) -> Dataset:
    y = np.arange(len(x)) % classes
    return Dataset("toy", x, y, x[:classes], y[:classes], tuple(f"class {number}" for number in range(classes)))


def test_sheet_shows_only_samples_of_the_row() -> None:
    x = np.zeros((30, 8, 8, 3), np.uint8)
    for number in range(30):
        x[number, :, :, number % 3] = 255
    sheet = np.asarray(contact_sheet(dataset(x), per_class=4))
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    found = [np.argwhere((sheet == colour).all(axis=2)) for colour in colours]
    assert [len(pixels) for pixels in found] == [4 * 56 * 56] * 3
    assert found[0][:, 0].max() < found[1][:, 0].min() < found[1][:, 0].max() < found[2][:, 0].min()


def test_sheet_is_the_same_for_the_same_seed() -> None:
    data = dataset(np.random.default_rng(0).integers(0, 256, (40, 100, 60, 1), np.uint8))
    pictures = [np.asarray(contact_sheet(data, per_class=3, seed=seed)) for seed in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_sheet_draws_int8_features_and_refuses_vectors() -> None:
    assert contact_sheet(dataset(np.zeros((6, 49, 10, 1), np.int8))).size[1] > 200
    with pytest.raises(DataError, match="dataset 'toy' has samples of shape 4; expected images to draw"):
        contact_sheet(dataset(np.zeros((6, 4), np.float32)))
    with pytest.raises(DataError, match="0 samples a class; expected 1 or more"):
        contact_sheet(dataset(np.zeros((6, 4, 4, 1), np.uint8)), per_class=0)


def blob() -> np.ndarray:
    x = np.zeros((1, 21, 21, 1), np.float32)
    x[0, 8:13, 8:13] = 1.0
    return x


def changed(**ranges: float) -> np.ndarray:
    still = {"shift": 0.0, "rotation_degrees": 0.0, "zoom": 0.0, "stretch": 0.0}
    return augment(np.repeat(blob(), 50, axis=0), generator=np.random.default_rng(0), ranges=Augmentation(**{**still, **ranges}))


def test_no_range_no_change() -> None:
    assert np.allclose(changed(), blob(), atol=1e-6)


def test_same_seed_same_pixels() -> None:
    assert np.array_equal(changed(shift=0.2, zoom=0.5), changed(shift=0.2, zoom=0.5))


def test_shift_moves_the_centre_and_keeps_the_mass() -> None:
    images = changed(shift=0.2)[..., 0]
    rows = (images.sum(axis=2) * np.arange(21)).sum(axis=1) / images.sum(axis=(1, 2))
    assert images.sum(axis=(1, 2)) == pytest.approx([25.0] * 50, rel=1e-4)
    assert 2.0 < np.abs(rows - 10).max() <= 0.2 * 21 + 1e-3


def test_zoom_changes_the_area_both_ways() -> None:
    mass = changed(zoom=0.5).sum(axis=(1, 2, 3))
    assert mass.max() > 25 * 1.5
    assert mass.min() < 25 / 1.5
    assert mass.max() < 25 * 1.5**2 * 1.1


def test_stretch_changes_height_against_width() -> None:
    images = changed(stretch=0.6)[..., 0]
    height, width = images[:, :, 10].sum(axis=1), images[:, 10, :].sum(axis=1)
    assert (height / width).max() > 1.3
    assert (height / width).min() < 0.77


def test_rotation_keeps_the_centre() -> None:
    images = changed(rotation_degrees=45.0)
    assert np.allclose(images[:, 10, 10, 0], 1.0)
    assert images.std(axis=0).max() > 0.1
