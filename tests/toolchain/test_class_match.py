# SPDX-License-Identifier: Apache-2.0
"""The rule by which classes of data map to classes of a device: every branch, every text."""

import numpy as np
import pytest

from tinytl.class_match import UNKNOWN, ClassMatch, match_classes
from tinytl.errors import DeviceError

ANIMALS = ("cat", "dog", "cow")
NUMBERS = ("0", "1", "2")


def match(names: tuple[str, ...], known: tuple[str, ...], *, adding: bool = False, y: tuple[int, ...] | None = None) -> ClassMatch:
    return match_classes(np.array(range(len(names)) if y is None else y, np.int64), names, known, adding=adding)


@pytest.mark.parametrize(
    ("names", "known", "numbers", "text"),
    [
        (ANIMALS, ANIMALS, [0, 1, 2], "by name"),
        (("dog", "cow", "cat"), ANIMALS, [1, 2, 0], "by name, numbered otherwise in the data"),
        (("cow",), ANIMALS, [2], "by name, numbered otherwise in the data"),
        (("cat", "emu"), ANIMALS, [0, UNKNOWN], "by name; not on the device, never right: 'emu'"),
        (NUMBERS, NUMBERS, [0, 1, 2], "by name"),
        (NUMBERS, ANIMALS, [0, 1, 2], "by number: the data has no names for its classes"),
        (ANIMALS, NUMBERS, [0, 1, 2], "by number: the device has no names for its classes"),
        (("2", "0"), ANIMALS, [2, 0], "by number: the data has no names for its classes"),
        (ANIMALS, ("0", "2", "1"), [0, 2, 1], "by number: the device has no names for its classes"),
        (("1", "2"), (*NUMBERS, "emu"), [1, 2], "by name, numbered otherwise in the data"),
        (("0", "1", "2", "3"), (*ANIMALS, "emu"), [0, 1, 2, 3], "by number: the data has no names for its classes"),
        (("0", "1", "2", "3"), (*NUMBERS, "emu"), [0, 1, 2, 3], "by name; by number: '3' is 'emu'"),
        ((*ANIMALS, "emu"), (*NUMBERS, "emu"), [0, 1, 2, 3], "by name; by number: 'cat' is '0', 'dog' is '1', 'cow' is '2'"),
        (("0", "1", "2", "3"), ("0", "1", "3", "2"), [0, 1, 3, 2], "by name, numbered otherwise in the data"),
        (("cat", "1"), ("bar", "cat"), [1, UNKNOWN], "by name, numbered otherwise in the data; not on the device, never right: '1'"),
        (("ä", "00"), ("00", "ä"), [1, 0], "by name, numbered otherwise in the data"),
        (("1",), NUMBERS[:1], [UNKNOWN], "not on the device, never right: '1'"),
    ],
)  # fmt: skip
def test_names_where_both_have_names_numbers_where_one_has_none(
    names: tuple[str, ...], known: tuple[str, ...], numbers: list[int], text: str
) -> None:
    found = match(names, known)
    assert (found.numbers.tolist(), found.text) == (numbers, text)
    y = np.arange(len(names))[::-1]
    assert found.numbers_of(y).tolist() == numbers[::-1]


@pytest.mark.parametrize(
    ("names", "known", "numbers", "text"),
    [
        (("ring", "cat"), ANIMALS, [UNKNOWN, 0], "by name, numbered otherwise in the data; new: 'ring'"),
        (("ring", "disc"), NUMBERS, [UNKNOWN, UNKNOWN], "new: 'ring', 'disc'"),
        (("0", "1", "2", "3"), ANIMALS, [0, 1, 2, UNKNOWN], "by number: the data has no names for its classes; new: '3'"),
        (("0", "1", "2", "3"), (*ANIMALS, "3"), [0, 1, 2, 3], "by name; by number: '0' is 'cat', '1' is 'dog', '2' is 'cow'"),
    ],
)
def test_new_names_are_never_taken_for_a_class_that_has_only_a_number(
    names: tuple[str, ...], known: tuple[str, ...], numbers: list[int], text: str
) -> None:
    found = match(names, known, adding=True)
    found.expect_teachable()
    assert (found.numbers.tolist(), found.text) == (numbers, text)


def test_classes_without_samples_are_not_told() -> None:
    found = match(("cat", "emu", "gnu"), ANIMALS, y=(0, 0, 2))
    assert (found.missing, found.text) == (("gnu",), "by name; not on the device, never right: 'gnu'")
    assert match(ANIMALS, ANIMALS, y=()).text == "no samples"
    many = match(("cat", *(f"bird {i}" for i in range(14))), ANIMALS)
    assert many.text.endswith("'bird 11' and 2 more")


def test_a_label_without_a_name_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"labels \[3\] have no name; expected 0 to 2: cat, dog, cow"):
        match(ANIMALS, ANIMALS, y=(0, 3))


def test_what_cannot_be_right_is_not_evaluated() -> None:
    match(("cat", "emu"), ANIMALS).expect_known()
    text = r"none of the data's classes 'emu', 'gnu' is the device's; expected cat, dog, cow\nhint: name them as the device does, or leave"
    with pytest.raises(DeviceError, match=text):
        match(("emu", "gnu"), ANIMALS).expect_known()
    text = r"labels \[3\] are outside the model's 3 classes \(cat, dog, cow\); expected 0 to 2\nhint: teach a dataset"
    for names, known in ((("0", "1", "2", "3"), ANIMALS), (("3",), ANIMALS)):
        with pytest.raises(DeviceError, match=text):
            match(names, known).expect_known()
    with pytest.raises(DeviceError, match=r"labels \[3\] are outside the model's 3 classes \(0, 1, 2\)"):
        match((*ANIMALS, "emu"), NUMBERS).expect_known()


def test_what_would_mix_classes_up_is_not_taught() -> None:
    match(("dog", "cat"), ANIMALS).expect_teachable()
    match(("0", "1", "2", "3"), (*NUMBERS, "emu")).expect_teachable()
    text = r"the device has no class 'emu'; expected cat, dog, cow\nhint: teach --new-classes adds them"
    with pytest.raises(DeviceError, match=text):
        match(("cat", "emu"), ANIMALS).expect_teachable()
    with pytest.raises(DeviceError, match=r"labels \[3\] are outside the model's 3 classes"):
        match(("0", "1", "2", "3"), ANIMALS).expect_teachable()
    text = r"the device has no class 'cat', 'dog', though it has others of the data by name; expected 0, 1, emu\nhint: name all classes"
    with pytest.raises(DeviceError, match=text):
        match(("cat", "dog", "emu"), ("0", "1", "emu")).expect_teachable()
