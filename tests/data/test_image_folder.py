# SPDX-License-Identifier: Apache-2.0
"""Folders of images by class: splits, colours, and the refusals that name a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinytl.data import load_dataset
from tinytl.data.image_folder import read_image
from tinytl.errors import DataError


def draw(path: Path, level: int, *, size: tuple[int, int] = (8, 6), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("cat", 10), ("dog", 200)):
        for number in range(5):
            draw(tmp_path / "pets" / name / f"{number}.png", level + number)
    return tmp_path / "pets"


def test_classes_are_the_folders_and_a_fifth_is_for_the_test(folder: Path) -> None:
    (folder / "cat" / ".DS_Store").write_text("x")
    (folder / "cat" / "notes.txt").write_text("x")
    dataset = load_dataset(folder)
    assert dataset.classes == ("cat", "dog")
    assert dataset.x_train.shape == (8, 6, 8, 1)
    assert dataset.y_test.tolist() == [0, 1]
    assert all((image.mean() > 100) == label for image, label in zip(dataset.x_train, dataset.y_train, strict=True))


def test_train_and_test_folders_are_kept(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            for number in range(count):
                draw(tmp_path / split / name / f"{number}.bmp", number, mode="RGB")
    dataset = load_dataset(tmp_path)
    assert dataset.x_train.shape == (6, 6, 8, 3)
    assert dataset.y_test.tolist() == [0, 0, 1, 1]


def test_one_colour_image_makes_the_samples_rgb(folder: Path) -> None:
    draw(folder / "dog" / "5.png", 9, mode="RGBA")
    assert load_dataset(folder).sample_shape == (6, 8, 3)


def test_photographs_are_turned_upright(folder: Path) -> None:
    turned = Image.new("L", (6, 8), 50)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "cat" / "turned.jpg", exif=exif)
    assert load_dataset(folder).sample_shape == (6, 8, 1)


def test_mixed_sizes_are_listed_and_can_be_resized(folder: Path) -> None:
    draw(folder / "dog" / "wide.png", 9, size=(20, 10))
    with pytest.raises(DataError) as refused:
        load_dataset(folder)
    assert "holds images of 2 sizes: 6×8 (10), 10×20 (1); expected one size (height×width)" in str(refused.value)
    assert str(refused.value).endswith("\nhint: --resize 6x8 (resize=(6, 8) of load_dataset), or crop them")
    assert load_dataset(folder, resize=(4, 4)).sample_shape == (4, 4, 1)


def test_other_datasets_are_not_resized(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("1,2,a\n" * 3 + "2,3,b\n" * 3)
    for name in (tmp_path / "v.csv", "uci-digits"):
        with pytest.raises(DataError) as refused:
            load_dataset(name, resize=(4, 5))
        assert f"{name} is no folder of images and cannot be resized to 4×5; expected a folder with one sub-folder a class" in str(
            refused.value
        )


def test_a_single_image_is_read_and_is_no_dataset(folder: Path) -> None:
    draw(folder / "wide.png", 9, size=(20, 10), mode="RGBA")
    assert [read_image(path).shape for path in (folder / "wide.png", folder / "cat" / "0.png")] == [(1, 10, 20, 3), (1, 6, 8, 1)]
    with pytest.raises(DataError, match=r"wide\.png is no dataset; expected a folder .*\nhint: tinytl infer --input takes single images"):
        load_dataset(folder / "wide.png")


def test_broken_image_is_named(folder: Path) -> None:
    whole = (folder / "dog" / "1.png").read_bytes()
    (folder / "dog" / "1.png").write_bytes(whole[: len(whole) - 20])
    with pytest.raises(DataError, match=r"image .*dog/1\.png cannot be read: .*; expected a whole \.png, \.jpg or \.bmp file"):
        load_dataset(folder)


def test_empty_class_is_named(folder: Path) -> None:
    (folder / "eel").mkdir()
    with pytest.raises(DataError, match=r"class folder .*eel holds no images; expected files ending in \.png, \.jpg"):
        load_dataset(folder)


def test_folder_without_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no classes; expected a sub-folder of images for each class"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("missing", "text"), [("test", "class 'b' is missing from test/"), ("train", "class 'b' is missing from train/")])
def test_splits_must_have_the_same_classes(tmp_path: Path, missing: str, text: str) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            if (split, name) != (missing, "b"):
                draw(tmp_path / split / name / "0.png", 1)
    with pytest.raises(DataError) as refused:
        load_dataset(tmp_path)
    assert text in str(refused.value)


def test_samples_keep_their_pixels(folder: Path) -> None:
    dataset = load_dataset(folder)
    levels = np.concatenate([dataset.x_train, dataset.x_test])[:, 0, 0, 0]
    assert sorted(levels.tolist()) == [10, 11, 12, 13, 14, 200, 201, 202, 203, 204]
