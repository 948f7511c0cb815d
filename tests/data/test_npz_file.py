# SPDX-License-Identifier: Apache-2.0
"""`.npz` files: what they may hold, and every refusal's text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinytl.data import load_dataset
from tinytl.errors import DataError


def images(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 6, 5, channels), np.uint8)


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    y = np.arange(12) % 3
    return {"x_train": images(12), "y_train": y, "x_test": images(6), "y_test": y[:6], **changes}


def saved(tmp_path: Path, **contents: Any) -> Path:
    path = tmp_path / "own.npz"
    np.savez(path, **contents)
    return path


def test_published_split_is_kept(tmp_path: Path) -> None:
    dataset = load_dataset(saved(tmp_path, **arrays(classes=np.array(["a", "b", "c"]))))
    assert dataset.name == "own"
    assert dataset.classes == ("a", "b", "c")
    assert np.array_equal(dataset.y_train, np.arange(12) % 3)
    assert dataset.origin == str(tmp_path / "own.npz")


def test_grey_images_without_channels_get_one(tmp_path: Path) -> None:
    dataset = load_dataset(saved(tmp_path, **arrays(x_train=images(12)[..., 0], x_test=images(6)[..., 0])))
    assert dataset.x_train.shape == (12, 6, 5, 1)
    assert dataset.classes == ("0", "1", "2")


def test_x_and_y_are_split_by_seed(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.arange(80.0).reshape(40, 2), y=np.arange(40) % 4)
    dataset = load_dataset(path, seed=3)
    assert (len(dataset.y_train), len(dataset.y_test)) == (32, 8)
    assert np.bincount(dataset.y_test).tolist() == [2, 2, 2, 2]
    assert dataset.x_train.dtype == np.float32
    both = np.concatenate([dataset.x_train, dataset.x_test])
    assert sorted(both[:, 0].tolist()) == list(np.arange(0.0, 80.0, 2))


def test_int8_features_pass_through(tmp_path: Path) -> None:
    features = np.arange(-60, 60, dtype=np.int8).reshape(12, 10)
    dataset = load_dataset(saved(tmp_path, **arrays(x_train=features, x_test=features[:6])))
    assert dataset.x_train.dtype == np.int8


@pytest.mark.parametrize("whole", [True, False])
def test_labels_without_names_are_the_numbers_of_their_classes(tmp_path: Path, whole: bool) -> None:
    y = 5 + np.arange(40) % 5
    parts = {"x": images(40), "y": y} if whole else arrays(x_train=images(40), y_train=y, y_test=y[:6])
    dataset = load_dataset(saved(tmp_path, **parts))
    assert dataset.classes == tuple("0123456789")
    assert set(dataset.y_train) == set(dataset.y_test) == {5, 6, 7, 8, 9}
    assert not whole or np.bincount(dataset.y_test).tolist() == [0] * 5 + [2, 2, 2, 1, 1]


@pytest.mark.parametrize("kind", [np.int8, np.float64, np.int16])
@pytest.mark.parametrize("shape", [(10,), (5, 2), (5, 2, 4)])
def test_numbers_keep_their_shape(tmp_path: Path, kind: type, shape: tuple[int, ...]) -> None:
    x = np.arange(12)[(..., *(None,) * len(shape))] * np.ones(shape)
    dataset = load_dataset(saved(tmp_path, **arrays(x_train=x.astype(kind), x_test=x[:6].astype(kind))))
    assert dataset.sample_shape == shape
    assert dataset.x_train.dtype == (np.int8 if kind is np.int8 else np.float32)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"y_train": (np.arange(12) % 3).astype(float)}, "y_train is float64 of shape (12,); expected integers (N,)"),
        ({"x_train": images(12).astype(np.float32)}, "test samples are uint8; expected float32, as in the train split"),
        ({"x_train": images(12).astype(bool)}, "x_train is bool of shape (12, 6, 5, 1); expected uint8 images"),
        ({"x_train": np.zeros((12, 2, 2, 2, 2))}, "x_train is float64 of shape (12, 2, 2, 2, 2); expected uint8 images (N, H, W)"),
        ({"x_train": images(12, 4)}, "x_train is uint8 of shape (12, 6, 5, 4); expected uint8 images"),
        ({"x_train": images(11)}, "train split has 11 samples and 12 labels; expected as many of both"),
        ({"x_test": images(6, 3)}, "test samples have shape (6, 5, 3); expected (6, 5, 1), as in the train split"),
        (
            {"y_train": np.arange(12) % 3 * 2},
            "class '1' has 0 training sample(s); expected at least one\nhint: number the classes without a gap, or teach samples of one class "
            "without the others: tinytl teach --label NAME --data SAMPLES.npy",
        ),
        ({"y_test": np.arange(6), "classes": np.array(["a", "b", "c"])}, "test label 5; expected 0 to 2 (3 classes)"),
        ({"y_test": np.arange(6)}, "class '3' has 0 training sample(s); expected at least one"),
        ({"classes": np.array(["a", "b", "c", "d"])}, "class 'd' has 0 training sample(s); expected at least one"),
        ({"y_train": np.arange(12) % 3 - 1}, "y_train holds label -1; expected class numbers from 0 to 65534"),
        (
            {"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)},
            "has 1 class(es); expected 2 or more\nhint: teach samples of one class without the others: tinytl teach --label NAME --data SAMPLES.npy",
        ),
        ({"classes": np.arange(3)}, "classes is int64 of shape (3,); expected a list of names"),
        ({"y_train": np.zeros(0, int)}, "y_train is empty; expected at least one sample"),
    ],
)
def test_contents_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset(saved(tmp_path, **arrays(**changes)))
    assert text in str(refused.value)


def test_nan_is_named_with_its_sample(tmp_path: Path) -> None:
    x = np.ones((12, 4))
    x[7, 2] = np.nan
    with pytest.raises(DataError, match="train sample 7 holds NaN or infinity; expected finite numbers"):
        load_dataset(saved(tmp_path, **arrays(x_train=x, x_test=np.ones((6, 4)))))


def test_missing_keys_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset(saved(tmp_path, x_train=images(3), labels=np.arange(3)))
    assert "own.npz holds x_train, labels; expected x_train, y_train, x_test, y_test (or x, y, to be split)" in str(refused.value)


def test_class_with_one_sample_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset(saved(tmp_path, x=np.ones((5, 2)), y=np.array([0, 0, 0, 0, 1])))
    assert "class '1' has 1 training sample(s); expected 2 or more, one to learn from and one to test with" in str(refused.value)


def test_objects_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own\.npz cannot be read: .*; expected an \.npz file without Python objects"):
        load_dataset(saved(tmp_path, **arrays(y_train=np.array([{}] * 12))))
    whole = saved(tmp_path, **arrays()).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"half\.npz cannot be read"):
        load_dataset(tmp_path / "half.npz")
