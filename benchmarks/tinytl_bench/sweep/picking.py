# SPDX-License-Identifier: Apache-2.0
"""The pick: which plan, for a budget, and why, in one sentence.

In: rows of a sweep and a `Budget`. Out: a `Pick`. Of what fits, the plan that takes the least energy among those within one standard error
of the most accurate one on the validation part: what lies closer together the validation samples cannot tell apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from tinytl.errors import BenchError
from tinytl_bench.sweep.preparing import Costs, Prepared
from tinytl_bench.sweep.results import Row
from tinytl_bench.sweep.settings import TWIN, Budget


@dataclass(frozen=True)
class Pick:
    """The plan that a sweep picks. rate: learning rate of the first step. reason: a sentence."""

    plan: str
    weights: str
    rate: float
    reason: str


@dataclass(frozen=True)
class _Excess:
    """A limit that is not kept: how many times it is taken, and what that is in words."""

    ratio: float
    told: str


def pick(rows: Sequence[Row], budget: Budget, *, validation_samples: int) -> Pick:
    """Pick a plan.

    Args:
        rows: of a sweep; those of the twin count, of the host where there are no others. budget: what it has to fit.
        validation_samples: that the accuracies are of.

    Raises:
        BenchError: no row fits; names the nearest. No rows at all.
    """
    on_twin = [row for row in rows if row.place == TWIN] or list(rows)
    if not on_twin:
        raise BenchError("all cells of the sweep were lost", expected="one that was done", hint="run it again: it tries them anew")
    expect_reachable([(_named(row), row.costs) for row in on_twin], budget)
    fitting = [row for row in on_twin if not list(_excesses(row.costs, budget))]
    best = max(fitting, key=lambda row: (row.accuracy, -row.costs.energy_nj_sample))
    right = (best.accuracy * validation_samples + 1) / (validation_samples + 2)  # Laplace: all right is not certain
    error = sqrt(right * (1 - right) / validation_samples)
    close = [row for row in fitting if row.accuracy >= best.accuracy - error]
    chosen = min(close, key=lambda row: (row.costs.energy_nj_sample, row.costs.arena_bytes, -row.accuracy))
    count = f"{len(fitting)} of {len(on_twin)} that fit the budget" if _limited(budget) else f"{len(on_twin)} that were tried"
    gets = f"{100 * chosen.accuracy:.1f} % of the {validation_samples:,} validation samples right"
    takes = f"{chosen.costs.energy_nj_sample / 1000:.3g} µJ a taught sample (model: full) and {chosen.costs.arena_bytes:,} B of RAM"
    if chosen is best:
        reason = f"{_named(chosen)} has {gets}, the most of the {count}, for {takes}."
    else:
        reason = (
            f"{_named(chosen)} takes the least energy, {takes}, of the {len(close)} within one standard error ({100 * error:.1f} points) "
            f"of the most accurate of the {count}: it has {gets}, {_named(best)} {100 * best.accuracy:.1f} %."
        )
    return Pick(chosen.plan, chosen.weights, chosen.rate, reason)


def expect_affordable(prepared: Iterable[Prepared], budget: Budget) -> None:
    """Refuse, before anything learns, a budget that no plan meets.

    Raises:
        BenchError: names the nearest plan, and what it takes too much.
    """
    expect_reachable([(f"{each.plan} with {each.weights} weights", each.costs) for each in prepared], budget)


def expect_reachable(costs: Sequence[tuple[str, Costs]], budget: Budget) -> None:
    """Refuse a budget that nothing meets.

    Args:
        costs: names with what they take; one at least. budget: the limits.

    Raises:
        BenchError: names the nearest.
    """
    excesses = [(name, list(_excesses(cost, budget))) for name, cost in costs]
    if any(not found for _, found in excesses):
        return
    name, found = min(excesses, key=lambda each: max(excess.ratio for excess in each[1]))
    raise BenchError(
        f"none of {len(costs)} plans meets the budget; the nearest is {name}: {' and '.join(excess.told for excess in found)}",
        expected="a plan within all limits",
        hint="a larger budget, --weights int8, or fewer replays (--replays)",
    )


def _limited(budget: Budget) -> bool:
    return budget != Budget()


def _excesses(costs: Costs, budget: Budget) -> Iterator[_Excess]:
    limits = (
        ("RAM", costs.arena_bytes, budget.ram_bytes, "B", 1.0), ("flash", costs.image_bytes, budget.flash_bytes, "B", 1.0),
        ("energy a taught sample", costs.energy_nj_sample, budget.energy_nj, "µJ", 1000.0),
    )  # fmt: skip
    for name, takes, limit, unit, factor in limits:
        if limit is not None and takes > limit:
            shown = f"{takes / factor:,.0f}" if factor == 1 else f"{takes / factor:,.3g}"
            allowed = f"{limit / factor:,.0f}" if factor == 1 else f"{limit / factor:,.3g}"
            yield _Excess(takes / limit, f"{shown} {unit} of {name}, and {allowed} {unit} are allowed")
    if costs.misfit:
        yield _Excess(float("inf"), costs.misfit)


def _named(row: Row) -> str:
    return f"{row.plan} with {row.weights} weights"
