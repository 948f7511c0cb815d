# SPDX-License-Identifier: Apache-2.0
"""JSON against dataclasses: what is taken, what is refused and in which words, there and back."""

import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytl.typed_json import Bounds, FieldError, convert, decode, to_plain

Share = Annotated[float, Bounds(ge=0.0, le=1.0)]


class NoPartsError(Exception):
    """Raised by a class's own check."""


@dataclass(frozen=True)
class Part:
    name: Annotated[str, Bounds(shortest=1)]
    share: Share | None = None
    takes: int = field(default=0, metadata={"key": "in"})


@dataclass(frozen=True)
class Whole:
    kind: Literal["a", "b"]
    parts: tuple[Part, ...]
    sides: tuple[int, int]
    facts: dict[str, str | int | float | bool | None]
    pixels: bytes = b""
    rest: Any = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise NoPartsError("no parts")


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "a",
        "parts": [{"name": "x", "share": 1, "in": 3}],
        "sides": [1, 2],
        "facts": {"f": True, "n": 2},
        "pixels": "AAH/",
    } | changes


def test_a_whole_number_is_taken_for_a_float_and_a_list_for_a_tuple() -> None:
    whole = convert(plain(unknown=1), Whole)
    assert whole == Whole("a", (Part("x", 1.0, 3),), (1, 2), {"f": True, "n": 2}, b"\x00\x01\xff")
    assert isinstance(whole.parts[0].share, float) and whole.facts["f"] is True
    assert json.loads(json.dumps(to_plain(whole))) == plain(rest=None)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "c"}, "'kind' is 'c'; expected 'a' or 'b'"),
    ({"kind": True}, "'kind' is True; expected 'a' or 'b'"),
    ({"parts": {"name": "x"}}, "'parts' is {'name': 'x'}; expected a list"),
    ({"parts": "xy"}, "'parts' is 'xy'; expected a list"),
    ({"parts": [3]}, "'parts[0]' is 3; expected an object"),
    ({"parts": [{}]}, "'parts[0].name' is missing"),
    ({"parts": [{"name": ""}]}, "'parts[0].name' is ''; expected a text, at least 1 long"),
    ({"parts": [{"name": "x", "share": 1.5}]}, "'parts[0].share' is 1.5; expected a number, 0.0 to 1.0, or null"),
    ({"parts": [{"name": "x", "share": math.nan}]}, "'parts[0].share' is nan; expected a number, 0.0 to 1.0, or null"),
    ({"parts": [{"name": "x", "share": 10**400}]}, "'parts[0].share' is 10000000000000…"),
    ({"parts": [{"name": "x", "in": "7"}]}, "'parts[0].in' is '7'; expected a whole number"),
    ({"parts": [{"name": "x", "in": True}]}, "'parts[0].in' is True; expected a whole number"),
    ({"parts": [{"name": "x", "in": 7.0}]}, "'parts[0].in' is 7.0; expected a whole number"),
    ({"sides": [1]}, "'sides' is [1]; expected a list of 2"),
    ({"sides": ["wide and very long words " * 9] * 3}, "'sides' is a list of 3; expected a list of 2"),
    ({"facts": {"f": [1]}}, "'facts.f' is [1]; expected a text or a whole number or a number or true or false or null"),
    ({"facts": None}, "'facts' is null; expected an object"),
    ({"pixels": "AA=H"}, "'pixels' is 'AA=H'; expected a text in base64"),
]


@pytest.mark.parametrize(("change", "text"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_what_is_wrong_is_told_with_its_path_and_its_value(change: dict[str, Any], text: str) -> None:
    with pytest.raises(FieldError) as caught:
        convert(plain(**change), Whole)
    said = str(caught.value)
    assert said == text if "…" not in text else said.startswith(text.partition("…")[0])


def test_what_a_class_refuses_itself_is_passed_on() -> None:
    with pytest.raises(NoPartsError, match="no parts"):
        convert(plain(parts=[]), Whole)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"\xff", "can't decode byte 0xff"),
        ('{"a": 1', "line 1 column 8"),
        ('{"a": 1} x', "Extra data"),
        ("[NaN]", "NaN is no JSON"),
        ("[1e999]", "1e999 is out of range"),
        ('["\\ud800"]', "surrogates not allowed"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "9" * 5000 + "]", "4300"),
    ],
)
def test_what_is_no_json_is_refused(document: bytes | str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decode(document)


def test_a_whole_surrogate_pair_is_a_letter() -> None:
    assert decode(b'["\\ud83d\\ude00"]') == ["\U0001f600"]


def test_arrays_become_lists_and_what_json_has_no_form_for_is_named() -> None:
    assert to_plain({"a": np.float32(0.5), "b": np.arange(2), "c": (1, None)}) == {"a": 0.5, "b": [0, 1], "c": [1, None]}
    with pytest.raises(TypeError, match="complex"):
        to_plain([1j])


facts = st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none())
parts = st.builds(Part, st.text(min_size=1), st.none() | st.floats(0, 1), st.integers())
wholes = st.builds(
    Whole, st.sampled_from(["a", "b"]), st.lists(parts, min_size=1).map(tuple), st.tuples(st.integers(), st.integers()), facts, st.binary()
)


@settings(max_examples=25, deadline=None)
@given(wholes)
def test_there_and_back_is_the_same(whole: Whole) -> None:
    assert convert(decode(json.dumps(to_plain(whole))), Whole) == whole


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "parts", "sides", "facts", "name", "share", "in"]), inner),
    max_leaves=20,
)


@settings(max_examples=25, deadline=None)
@given(plain_values)
def test_any_value_is_taken_or_refused_by_name(value: Any) -> None:
    try:
        outcome = convert(value, Whole)
    except FieldError as refusal:
        outcome = refusal.what
    except NoPartsError:
        outcome = "is empty"
    assert isinstance(outcome, Whole) or outcome.startswith("is ")
