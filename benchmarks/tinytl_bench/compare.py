# SPDX-License-Identifier: Apache-2.0
"""A new measurement against a stored baseline: fails past a stated tolerance, naming each figure that moved.

In: two measurements of one target. Out: a `Change` a figure. More instructions, cycles, bytes or energy than the tolerance allows fail;
so does an accuracy lower by more than half a point, and a figure that the baseline has and the measurement lacks. Less never fails.
Wall times are not compared. Accuracies are only compared when they were had on the same samples.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import BenchError
from tinytl.measurement import Figure, Measurement

ACCURACY_TOLERANCE = 0.005
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
        BenchError: figures that are gone; accuracies of different samples.
    """
    if not tolerance >= 0:
        raise BenchError(f"tolerance {tolerance:g}", expected="a fraction of 0 or more, such as 0.03")
    _expect_figures(baseline, measurement)
    figures = ((name, before) for name, before in baseline.figures.items() if _counts(before))
    return tuple(_change(name, before, measurement.figures[name], tolerance) for name, before in figures)


def expect_within(changes: tuple[Change, ...], measurement: Measurement) -> None:
    """Raise BenchError where changes fail, naming each with its two values."""
    failed = [change for change in changes if change.fails]
    if failed:
        tolerance = next((change.limit for change in changes if change.unit != "fraction"), 0.0)
        raise BenchError(
            f"{len(failed)} {'figure' if len(failed) == 1 else 'figures'} of {measurement.bundle} on {measurement.target} past the "
            f"tolerance: {'; '.join(change.told for change in failed)}",
            expected=f"at most {100 * tolerance:g} % more, accuracy at most {100 * ACCURACY_TOLERANCE:g} points less",
            hint="if that is meant, store a new baseline: tinytl bench … -o FILE",
        )


def _expect_figures(baseline: Measurement, measurement: Measurement) -> None:
    gone = [name for name, figure in baseline.figures.items() if _counts(figure) and name not in measurement.figures]
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


def _counts(figure: Figure) -> bool:
    return figure.unit == "fraction" or figure.unit in _COMPARED


def _change(name: str, before: Figure, now: Figure, tolerance: float) -> Change:
    if before.unit == "fraction":
        return Change(name, before.unit, before.value, now.value, before.value - now.value, ACCURACY_TOLERANCE)
    grown = now.value / before.value - 1 if before.value else float(now.value > 0)
    return Change(name, before.unit, before.value, now.value, grown, tolerance)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
