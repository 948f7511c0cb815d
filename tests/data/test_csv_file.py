# SPDX-License-Identifier: Apache-2.0
"""CSV files of vectors: header or not, labels as words or numbers, and the line that a refusal names."""

from pathlib import Path

import numpy as np
import pytest

from tinytl.data import load_dataset
from tinytl.errors import DataError


def saved(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gestures.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_label_in_the_last_column_without_header(tmp_path: Path) -> None:
    dataset = load_dataset(saved(tmp_path, "".join(f"{n},{n * 2},{n % 2 + 5}\n" for n in range(10))))
    assert dataset.classes == ("5", "6")
    assert dataset.x_train.shape == (8, 2)
    assert all(number % 2 == label for number, label in zip(dataset.x_train[:, 0], dataset.y_train, strict=True))


def test_label_column_by_header_and_words(tmp_path: Path) -> None:
    lines = "".join(f"{'wing' if n % 2 else 'ring'},{n},0.5\n" for n in range(10))
    dataset = load_dataset(saved(tmp_path, "\ufeffLabel,x,y\n" + lines))
    assert dataset.classes == ("ring", "wing")
    assert np.array_equal(dataset.x_test[:, 0] % 2, dataset.y_test)


def test_header_without_the_word_label(tmp_path: Path) -> None:
    dataset = load_dataset(saved(tmp_path, "a,b,kind\n" + "1,2,x\n3,4,y\n" * 3))
    assert dataset.classes == ("x", "y")


def test_integer_labels_are_sorted_by_value(tmp_path: Path) -> None:
    assert load_dataset(saved(tmp_path, "1,10\n2,10\n3,9\n4,9\n")).classes == ("9", "10")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("1,2,a\n1,2,b\n1,a\n", "gestures.csv line 3: 2 fields; expected 3, as in the first line"),
        ("x,y,label\n1,2,a\n1,oops,b\n", "gestures.csv line 3, field 2: 'oops'; expected a finite number"),
        ("1,nan,a\n1,2,b\n", "gestures.csv line 1, field 2: 'nan'; expected a finite number"),
        ("1,2,a\n1,2,\n", "gestures.csv line 2: no label; expected a class in field 3"),
        ("", "gestures.csv is empty; expected lines of numbers with a label in the last field"),
        ("x,y,label\n", "gestures.csv holds no samples"),
        ("1,2,a\n1,2,a\n", "has 1 class(es); expected 2 or more"),
        ("1,2,a\n1,2,a\n3,4,b\n", "class 'b' has 1 training sample(s); expected 2 or more"),
    ],
)
def test_refusals(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset(saved(tmp_path, text))
    assert refusal in str(refused.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"1,2\xff\xfe,3\n")
    with pytest.raises(DataError, match=r"b\.csv cannot be read: .*; expected comma-separated text in UTF-8"):
        load_dataset(tmp_path / "b.csv")
