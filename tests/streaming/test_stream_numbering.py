# SPDX-License-Identifier: Apache-2.0
"""The sender's numbers: gaps, repeats and late ones, against a set that remembers everything."""

from hypothesis import given
from hypothesis import strategies as st

from tinytl_bridge.streaming.numbering import MOST_GAPS, Numbering


def taken(numbers: list[int]) -> tuple[Numbering, list[str], list[str]]:
    told: list[str] = []
    numbering = Numbering(told.append)
    return numbering, [numbering.take(number) for number in numbers], told


def test_a_gap_is_told_and_may_be_filled() -> None:
    numbering, kinds, told = taken([119, 120, 158, 159, 130, 130, 121])
    assert kinds == ["next", "next", "gap", "next", "late", "repeat", "late"]
    assert told == [
        "37 samples lost between 120 and 158",
        "n = 130 came late",
        "n = 130 came again: not learned twice",
        "n = 121 came late",
    ]
    assert (numbering.lost, numbering.repeats, numbering.late) == (35, 1, 2)
    assert numbering.gaps == ((122, 129), (131, 157))
    assert numbering.text == "35 samples lost between 121 and 158; 1 came again, not learned twice; 2 came late"


def test_nothing_amiss_tells_nothing() -> None:
    numbering, _, told = taken(list(range(5, 50)))
    assert told == [] and numbering.text is None and numbering.gaps == ()


@given(st.lists(st.integers(0, 60), max_size=80))
def test_it_agrees_with_a_set(numbers: list[int]) -> None:
    numbering, kinds, _ = taken(numbers)
    seen: set[int] = set()
    for number, kind in zip(numbers, kinds, strict=True):
        assert (kind == "repeat") == (number in seen)
        assert (kind == "late") == (number not in seen and bool(seen) and number < max(seen))
        seen.add(number)
    missing = set(range(min(seen), max(seen) + 1)) - seen if seen else set()
    assert numbering.lost == len(missing)
    assert {n for first, last in numbering.gaps for n in range(first, last + 1)} == missing
    assert numbering.repeats == len(numbers) - len(seen)


def test_a_few_are_told_and_all_counted() -> None:
    numbering, _, told = taken(list(range(0, 2 * MOST_GAPS + 4000, 2)))
    assert len(told) == 5
    assert told[-1] == "1 sample lost between 8 and 10; further ones are only counted"
    assert numbering.lost == MOST_GAPS + 1999
    assert len(numbering.gaps) == MOST_GAPS
    assert numbering.take(1) == "repeat", "its gap is forgotten"
    assert numbering.take(numbering.gaps[0][0]) == "late"


def test_a_sender_that_counts_anew_is_noticed() -> None:
    _, kinds, told = taken([*range(500), *range(200)])
    assert kinds[500:] == ["repeat"] * 200
    assert told[-1] == "100 repeats in a row: has the sender begun to count again? nothing is learned until n exceeds 499"
