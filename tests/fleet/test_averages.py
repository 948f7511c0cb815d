# SPDX-License-Identifier: Apache-2.0
"""Averages on a task: the mean of many heads knows more than each, one poisoned head breaks it, the other rules hold."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fleet_of_twins import accuracy, poisoned, taught_heads

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.errors import DeviceError
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge.fleet import HeadFile, LayerWords, average_heads
from tinytl_bridge.fleet.averaging import RULES
from tinytl_bridge.fleet.checking import norms

Fleet = tuple[Bundle, dict[str, HeadFile]]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/fleet.md"


@pytest.fixture(scope="module", params=["float32", "int8"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    folder = tmp_path_factory.mktemp("fleet")
    bundle = read_bundle(find_bundle("digits"))
    if request.param == "int8":
        bundle = with_settings(find_bundle("digits"), folder / "int8.tinytl", weights="int8")
    return bundle, {f"twin {number}": head for number, head in enumerate(taught_heads(bundle, folder / "state"))}


def test_the_mean_knows_more_than_each_alone_and_one_poisoned_head_breaks_it_alone(fleet: Fleet, tmp_path: Path) -> None:
    bundle, heads = fleet
    alone = [accuracy(bundle, head, tmp_path) for head in heads.values()]
    sound, bad = (
        [accuracy(bundle, average_heads(each, rule=rule, most_norm=math.inf).head, tmp_path) for rule in RULES]
        for each in (heads, heads | {"twin 3": poisoned(heads["twin 3"])})
    )
    mean, holds_bytes = sound[0], any(layer.int8_words for layer in heads["twin 3"].layers)
    assert mean > max(alone) + 0.05
    assert bad[0] < (mean - 0.15 if holds_bytes else 0.1)  # a byte cannot be poisoned beyond ±127
    assert bad[1] > mean - 0.02
    assert min(alone) <= bad[2] == sound[2]
    assert row_of("int8 head" if holds_bytes else "float32 head", alone, [*sound, *bad]) in DOCUMENT.read_text(encoding="utf-8")


def row_of(name: str, alone: list[float], found: list[float]) -> str:
    """Return the row of docs/fleet.md."""
    cells = [name, f"{100 * min(alone):.1f} – {100 * max(alone):.1f} %", *(f"{100 * share:.1f} %" for share in found)]
    return f"| {' | '.join(cells)} |"


def test_int8_weights_average_as_weights_do(fleet: Fleet) -> None:
    _, heads = fleet
    first, second = list(heads.values())[:2]
    averaged = average_heads({"a": first, "b": second}, weights=(3, 1)).head
    assert np.abs(averaged.int8_weights - (0.75 * first.int8_weights + 0.25 * second.int8_weights)).max(initial=0) <= 0.5
    assert averaged.floats == pytest.approx(0.75 * first.floats + 0.25 * second.floats, abs=1e-6)
    assert averaged.steps == 80 and averaged.labels == first.labels


def head(*floats: float, steps: int = 10, bundle: bytes = b"b" * 16, labels: tuple[str, ...] = ("x", "y")) -> HeadFile:
    parameters = np.array(floats, "<f4").view("<u4")
    return HeadFile("tiny", bundle, 1, labels, len(labels), (LayerWords("logits", len(floats)),), steps, 7, parameters)


def named(*heads: HeadFile) -> dict[str, HeadFile]:
    return {f"{number}.head": each for number, each in enumerate(heads)}


def test_a_mean_is_weighted_by_samples() -> None:
    assert average_heads(named(head(0, 4, steps=30), head(4, 0, steps=10))).head.floats.tolist() == [1, 3]
    assert average_heads(named(head(0, 4, steps=0), head(4, 0, steps=0))).head.floats.tolist() == [2, 2]
    averaged = average_heads(named(head(0, 4), head(4, 0)), weights=(1, 3))
    assert averaged.head.floats.tolist() == [3, 1] and averaged.weights == (0.25, 0.75)


def test_a_trimmed_mean_leaves_the_extremes_of_each_number_out() -> None:
    heads = named(head(1, -9), head(2, 5), head(3, 6), head(4, 7), head(500, 8))
    assert average_heads(heads, rule="trimmed").head.floats.tolist() == [3, 6]
    assert average_heads(heads, rule="trimmed", poisoned=2).head.floats.tolist() == [3, 6]


def test_krum_takes_the_head_that_most_are_near() -> None:
    heads = named(head(0, 0), head(1, 0), head(0.4, 0.1), head(90, 90), head(-90, 9))
    averaged = average_heads(heads, rule="krum")
    assert averaged.chosen == "2.head" and averaged.head is heads["2.head"]
    assert averaged.outliers == ("3.head", "4.head")


def test_norms_are_in_medians() -> None:
    assert norms([head(3, 4), head(6, 8), head(30, 40)]).tolist() == [0.5, 1, 5]
    assert norms([head(0, 0), head(0, 0), head(1, 0)]).tolist() == [1, 1, math.inf]


@pytest.mark.parametrize(
    ("heads", "options", "text"),
    [
        (named(head(1, 2)), {}, "1 head to average; expected 2 or more"),
        (named(head(1), head(1, bundle=b"c" * 16)), {}, "1.head is of bundle 63636363; expected 62626262, as 0.head"),
        (named(head(1), head(1, labels=("x", "z"))), {}, "1.head has classes x, z; expected x, y, as 0.head"),
        (named(head(1), head(1, 2)), {}, r"1.head has layers logits of 2 words \(0 int8\); expected logits of 1 words"),
        (named(head(1), head(2e6)), {}, "1.head has a parameter of 2e\\+06; expected at most 1e\\+06"),
        (named(head(1), head(1.1), head(-50)), {}, "2.head has 45.5 times the median norm of these heads: it alone would decide the mean"),
        (named(head(1), head(2)), {"rule": "median"}, "rule 'median'; expected mean, trimmed, krum"),
        (named(head(1), head(2)), {"rule": "trimmed"}, "2 heads by rule trimmed against 1 poisoned; expected 1 poisoned or more, and 3 heads"),
        (named(*(head(n) for n in range(4))), {"rule": "krum"}, "4 heads by rule krum against 1 poisoned; .*and 5 heads or more"),
        (named(head(1), head(2)), {"weights": (1,)}, "weights 1 for 2 heads; expected one of 0 or more for each, not all 0"),
        (named(head(1), head(2)), {"weights": (1, -2)}, "weights 1, -2 for 2 heads"),
        (named(head(1), head(2)), {"weights": (0, 0)}, "weights 0, 0 for 2 heads"),
        (named(head(1), head(2), head(3)), {"rule": "trimmed", "weights": (1, 1, 1)}, "weights with rule trimmed, which counts each head once"),
    ],
)  # fmt: skip
def test_what_is_refused(heads: dict[str, HeadFile], options: dict[str, object], text: str) -> None:
    with pytest.raises(DeviceError, match=text):
        average_heads(heads, **options)  # type: ignore[arg-type]


def test_a_number_that_is_none_is_refused() -> None:
    broken = replace(head(1), parameters=np.array([np.nan], "<f4").view("<u4"))
    with pytest.raises(DeviceError, match=r"1\.head has a parameter of nan"):
        average_heads(named(head(1), broken))
