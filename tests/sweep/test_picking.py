# SPDX-License-Identifier: Apache-2.0
"""The pick for a budget, its sentence, and budgets that nothing meets; the tables and the plot of known rows."""

from dataclasses import replace

import numpy as np
import pytest
from example_rows import known_row
from sklearn.metrics import f1_score, log_loss

from tinytl.errors import BenchError
from tinytl_bench.sweep import tables
from tinytl_bench.sweep.metrics import quality
from tinytl_bench.sweep.pareto import draw_pareto, front
from tinytl_bench.sweep.picking import Pick, expect_reachable, pick
from tinytl_bench.sweep.settings import Budget

SMALL = known_row("last-dense", accuracy=0.80, energy=100.0, arena=9_000)
MIDDLE = known_row("fc", accuracy=0.91, energy=900.0, arena=20_000)
LARGE = known_row("fc+conv1", accuracy=0.92, energy=4_000.0, arena=70_000)
ROWS = (SMALL, MIDDLE, LARGE)


def test_of_what_samples_cannot_tell_apart_the_cheapest_is_picked() -> None:
    picked = pick(ROWS, Budget(), validation_samples=200)
    assert picked == Pick(
        "fc", "float32", 0.01,
        "fc with float32 weights takes the least energy, 0.9 µJ a taught sample (model: full) and 20,000 B of RAM, of the 2 within one "
        "standard error (2.0 points) of the most accurate of the 3 that were tried: it has 91.0 % of the 200 validation samples right, "
        "fc+conv1 with float32 weights 92.0 %.",
    )  # fmt: skip


def test_with_many_samples_the_most_accurate_is_picked() -> None:
    picked = pick(ROWS, Budget(), validation_samples=100_000)
    assert picked.plan == "fc+conv1"
    assert picked.reason == (
        "fc+conv1 with float32 weights has 92.0 % of the 100,000 validation samples right, the most of the 3 that were tried, for 4 µJ a "
        "taught sample (model: full) and 70,000 B of RAM."
    )


@pytest.mark.parametrize(
    ("budget", "plan", "count"),
    [
        (Budget(ram_bytes=69_999), "fc", "2 of 3 that fit the budget"),
        (Budget(energy_nj=899.0), "last-dense", "1 of 3 that fit"),
        (Budget(ram_bytes=70_000, flash_bytes=12_800, energy_nj=4_000.0), "fc+conv1", "3 of 3"),
    ],
)
def test_the_pick_fits_the_budget(budget: Budget, plan: str, count: str) -> None:
    picked = pick(ROWS, budget, validation_samples=100_000)
    assert picked.plan == plan and count in picked.reason


def test_the_host_does_not_decide_where_there_is_a_twin() -> None:
    host = known_row("all", accuracy=1.0, place="host")
    assert pick((*ROWS, host), Budget(), validation_samples=10_000).plan == "fc+conv1"
    assert pick((host,), Budget(), validation_samples=10_000).plan == "all"


def test_what_a_board_refuses_is_not_picked() -> None:
    refused = replace(LARGE, costs=replace(LARGE.costs, misfit="board b: the arena needs more"))
    assert pick((SMALL, MIDDLE, refused), Budget(board="b"), validation_samples=100_000).plan == "fc"
    with pytest.raises(BenchError, match=r"the nearest is fc\+conv1 with float32 weights: board b: the arena needs more"):
        pick((refused,), Budget(board="b"), validation_samples=100)


def test_a_budget_that_nothing_meets_names_the_nearest() -> None:
    costs = [(row.plan, row.costs) for row in ROWS]
    with pytest.raises(BenchError) as refused:
        expect_reachable(costs, Budget(ram_bytes=8_192, energy_nj=50.0))
    assert str(refused.value) == (
        "none of 3 plans meets the budget; the nearest is last-dense: 9,000 B of RAM, and 8,192 B are allowed and 0.1 µJ of energy a taught "
        "sample, and 0.05 µJ are allowed; expected a plan within all limits\n"
        "hint: a larger budget, --weights int8, or fewer replays (--replays)"
    )
    with pytest.raises(BenchError, match="all cells of the sweep were lost"):
        pick((), Budget(), validation_samples=10)


def test_the_front_has_what_no_other_one_beats() -> None:
    assert front([(3.0, 0.9), (1.0, 0.5), (2.0, 0.9), (4.0, 0.95), (1.0, 0.6), (5.0, 0.7)]) == [4, 2, 3]


def test_tables_say_what_was_reached_and_what_it_costs() -> None:
    picked = Pick("fc", "int8", 0.01, "")
    rows = (known_row(weights="int8"), known_row(place="host"), known_row("last-dense", misfit="too large", instructions_step=1_234_000))
    told = tables.reaches(rows, picked)
    assert told[0] == ("→ fc int8", "twin", "0.01", "90.0", "1.2", "0.890", "88.0", "0.310", "0.870", "−2.1", "1.2")
    assert [line[0] for line in told] == ["→ fc int8", "fc", "last-dense"]
    costs = tables.costs(rows, picked)
    assert costs[0] == ("→ fc int8", "68", "1.64M", "64", "0.2048", "0.7", "1", "19.5", "12.5", "–")
    assert costs[1][0] == "last-dense" and costs[1][-3:] == ("19.5*", "12.5", "1.23")
    unseen = replace(known_row(), test_accuracy=None, test_loss=None, test_macro_f1=None, source_change=None)
    assert tables.reaches((unseen,), None)[0][6:10] == ("–", "–", "–", "–")
    assert all(len(note) <= 100 for note in tables.NOTES)


def test_the_plot_is_a_png_and_the_same_each_time() -> None:
    rows = (*ROWS, known_row("fc", weights="int8", accuracy=0.9))
    one = draw_pareto(rows, Pick("fc", "int8", 0.01, ""), title="a → b")
    assert one.startswith(b"\x89PNG") and one == draw_pareto(rows, Pick("fc", "int8", 0.01, ""), title="a → b")
    assert one != draw_pareto(rows, None, title="a → b"), "the ring is drawn"


def test_quality_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    logits, labels = generator.normal(0, 2, (200, 5)).astype(np.float32), generator.integers(0, 4, 200)
    judged = quality(logits, labels)
    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(axis=1, keepdims=True)
    assert judged.accuracy == np.mean(logits.argmax(axis=1) == labels)
    assert judged.loss == pytest.approx(log_loss(labels, shares, labels=range(5)))
    assert judged.macro_f1 == pytest.approx(f1_score(labels, logits.argmax(axis=1), average="macro"))
    with pytest.raises(BenchError, match="no samples to judge a head by"):
        quality(logits[:0], labels[:0])
