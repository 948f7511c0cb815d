# SPDX-License-Identifier: Apache-2.0
"""A new measurement against a stored baseline: fails past a stated tolerance, naming each figure that moved.

In: two measurements of one target. Out: a `Change` a figure. More instructions, cycles, bytes or energy than the tolerance allows fail;
so does an accuracy lower by more than half a point, and a figure that the baseline has and the measurement lacks. Less never fails.
Accuracies are only compared when they were had on the same samples. Of a machine that measured itself, the median times, the peak memory
and its counters move with whatever else it does: they fail past `MACHINE_TOLERANCE`, against a baseline of the same machine alone. Other
times, and measured energy, are not compared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytl.errors import BenchError
from tinytl.measurement import Figure, Measurement

ACCURACY_TOLERANCE = 0.005
MACHINE_TOLERANCE = 0.25
"""Of figures that a Linux machine measures of itself; another process or a warm day moves medians by some per cent."""
MACHINE_FIGURES = (
    "milliseconds_per_inference_p50", "milliseconds_per_teach_step_p50", "peak_rss_bytes", "instructions_per_inference",
    "cycles_per_inference",
)  # fmt: skip
_COMPARED = ("instructions", "cycles", "B", "nJ")


@dataclass(frozen=True)
class Change:
    """One figure: before, now, and by which fraction it grew (accuracy: by how much it fell); limit: what is allowed."""

    name: str
    unit: str
    before: float
    now: float
    change: float
    limit: float

    @property
    def fails(self) -> bool:
        """Whether it moved further than the tolerance allows."""
        return self.change > self.limit

    @property
    def moved(self) -> str:
        """By how much it moved: accuracy in points, everything else in per cent of what it was."""
        if self.unit == "fraction":
            return f"{round(-100 * self.change, 2) + 0.0:+.2f} points"  # + 0.0: nothing moved by −0
        return f"{round(100 * self.change, 1) + 0.0:+.1f} %"

    @property
    def values(self) -> tuple[str, str]:
        """Before and now, as people read them."""
        if self.unit == "fraction":
            return f"{self.before:.4f}", f"{self.now:.4f}"
        return _amount(self.before), _amount(self.now)

    @property
    def told(self) -> str:
        """The change in words: of an accuracy in points, of everything else in per cent of what it was."""
        if self.unit == "fraction":
            return f"{self.name} {self.before:.4f} → {self.now:.4f} ({-100 * self.change:+.2f} points)"
        return f"{self.name} {_amount(self.before)} → {_amount(self.now)} ({self.change:+.1%})"


def load_baseline(path: Path, *, target: str, bundle: str | None = None) -> Measurement:
    """Read the baseline for a target from a file that holds one measurement or several; of several models' that of `bundle`.

    Args:
        path: of the JSON file. target: as it was measured on. bundle: name of the model; None: the first that is there.

    Raises:
        BenchError: missing, no JSON, no measurement, or none for the target.
    """
    hint = f"tinytl bench BUNDLE --target {target} -o {path} writes one"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"baseline {path} cannot be read: {error}", hint=hint) from error
    stored = [Measurement.from_json(record) for record in (document if isinstance(document, list) else [document])]
    there = [measurement for measurement in stored if measurement.target == target]
    for measurement in there:
        if bundle in (None, measurement.bundle):
            return measurement
    if there:
        raise BenchError(
            f"baseline {path} has no model {bundle!r} on {target!r}",
            expected=", ".join(repr(baseline.bundle) for baseline in there),
            hint=hint,
        )
    raise BenchError(f"baseline {path} has no target {target!r}", expected=", ".join(baseline.target for baseline in stored), hint=hint)


def compare_measurements(baseline: Measurement, measurement: Measurement, *, tolerance: float = 0.03) -> tuple[Change, ...]:
    """Compare every figure of the baseline that counts something, and refuse what moved too far. Args, Returns: as `changes_since`.

    Args, Returns, Raises: as `changes_since`, and
        BenchError: figures past the tolerance, each with its two values.

    Raises:
        BenchError: as `changes_since`; figures past the tolerance, each with its two values.
    """
    changes = changes_since(baseline, measurement, tolerance=tolerance)
    expect_within(changes, measurement)
    return changes


def changes_since(baseline: Measurement, measurement: Measurement, *, tolerance: float = 0.03) -> tuple[Change, ...]:
    """Return how each figure of the baseline that counts something has moved, in the baseline's order.

    Args:
        baseline: as it was. measurement: as it is, with all figures of the baseline.
        tolerance: fraction by which instructions, cycles, bytes and energy may grow, 0 or more; each change knows whether it fails.

    Raises:
        BenchError: figures that are gone; accuracies of different samples; times of different machines.
    """
    if not tolerance >= 0:
        raise BenchError(f"tolerance {tolerance:g}", expected="a fraction of 0 or more, such as 0.03")
    _expect_same_machine(baseline, measurement)
    _expect_figures(baseline, measurement)
    its_own = _of_machine(baseline)
    figures = ((name, before) for name, before in baseline.figures.items() if _counts(name, before, its_own))
    limits = {name: max(tolerance, MACHINE_TOLERANCE) for name in its_own}
    return tuple(_change(name, before, measurement.figures[name], limits.get(name, tolerance)) for name, before in figures)


def expect_within(changes: tuple[Change, ...], measurement: Measurement) -> None:
    """Raise BenchError where changes fail, naming each with its two values."""
    failed = [change for change in changes if change.fails]
    if failed:
        limits = sorted({change.limit for change in changes if change.unit != "fraction"})
        allowed = " or ".join(f"{100 * limit:g} %" for limit in limits or [0.0])
        raise BenchError(
            f"{len(failed)} {'figure' if len(failed) == 1 else 'figures'} of {measurement.bundle} on {measurement.target} past the "
            f"tolerance: {'; '.join(change.told for change in failed)}",
            expected=f"at most {allowed} more, accuracy at most {100 * ACCURACY_TOLERANCE:g} points less",
            hint="if that is meant, store a new baseline: tinytl bench … -o FILE",
        )


def _expect_figures(baseline: Measurement, measurement: Measurement) -> None:
    its_own = _of_machine(baseline)
    gone = [name for name, figure in baseline.figures.items() if _counts(name, figure, its_own) and name not in measurement.figures]
    if gone:
        reasons = measurement.details.get("missing", {})
        why = "".join(f"\n{name}: {reasons[name]}" for name in gone if name in reasons)
        raise BenchError(
            f"the baseline has figures that {measurement.bundle} on {measurement.target} lacks: {', '.join(gone)}{why}",
            expected="a measurement as complete as its baseline",
            hint="measure where the baseline was measured, or store a new one: tinytl bench … -o FILE",
        )
    for name, before in baseline.figures.items():
        now = measurement.figures.get(name)
        if before.unit == "fraction" and now is not None and now.how != before.how:
            raise BenchError(
                f"{name} was had otherwise than the baseline's: {now.how}", expected=before.how, hint="give the same --data and --samples"
            )


def _counts(name: str, figure: Figure, its_own: tuple[str, ...]) -> bool:
    return figure.unit == "fraction" or figure.unit in _COMPARED or name in its_own


def _of_machine(measurement: Measurement) -> tuple[str, ...]:
    """Return the figures that a machine measured of itself, none of any other target."""
    return MACHINE_FIGURES if _machine(measurement) else ()


def _machine(measurement: Measurement) -> tuple[Any, ...]:
    """Return what tells one kind of machine from another, nothing where the target is none that measures itself."""
    machine = measurement.details.get("machine")
    cpu = machine.get("cpu") if isinstance(machine, Mapping) else None
    return tuple(cpu.get(fact) for fact in ("board", "processor", "cores", "process_bits")) if isinstance(cpu, Mapping) else ()


def _expect_same_machine(baseline: Measurement, measurement: Measurement) -> None:
    before, now = _machine(baseline), _machine(measurement)
    if before != now:
        raise BenchError(
            f"{measurement.bundle} on {measurement.target} was measured by {_named(now)}, and its baseline by {_named(before)}",
            expected="the same kind of machine: times of another one say nothing",
            hint="measure on that machine, or store a new baseline: tinytl bench … -o FILE",
        )


def _named(machine: tuple[Any, ...]) -> str:
    if not machine:
        return "no machine that measures itself"
    board, processor, cores, bits = machine
    return f"{board or 'a machine'} ({cores or '?'} × {processor or 'an unknown processor'}, {bits} bits)"


def _change(name: str, before: Figure, now: Figure, tolerance: float) -> Change:
    if before.unit == "fraction":
        return Change(name, before.unit, before.value, now.value, before.value - now.value, ACCURACY_TOLERANCE)
    grown = now.value / before.value - 1 if before.value else float(now.value > 0)
    return Change(name, before.unit, before.value, now.value, grown, tolerance)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
