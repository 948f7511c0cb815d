# SPDX-License-Identifier: Apache-2.0
"""A new measurement against a stored baseline: fails past a stated tolerance, naming each figure that moved.

More instructions, cycles, bytes or energy than the tolerance allows fail; so does an accuracy lower by more than half a point. Less
never fails. Wall times are not compared.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tinytl.errors import BenchError
from tinytl.measurement import Measurement

ACCURACY_TOLERANCE = 0.005
_COMPARED = ("instructions", "cycles", "B", "nJ")


@dataclass(frozen=True)
class Change:
    """One figure: before, now, and by which fraction it grew (accuracy: by how much it fell)."""

    name: str
    before: float
    now: float
    change: float
    limit: float

    @property
    def fails(self) -> bool:
        """Whether it moved further than the tolerance allows."""
        return self.change > self.limit


def load_baseline(path: Path, *, target: str) -> Measurement:
    """Read the baseline for a target from a file that holds one measurement or several.

    Raises:
        BenchError: missing, no JSON, no measurement, or none for the target.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(
            f"baseline {path} cannot be read: {error}", hint=f"tinytl bench BUNDLE --target {target} -o {path} writes one"
        ) from error
    stored = [Measurement.from_json(each) for each in (document if isinstance(document, list) else [document])]
    for measurement in stored:
        if measurement.target == target:
            return measurement
    raise BenchError(f"baseline {path} has no target {target!r}", expected=", ".join(each.target for each in stored))


def compare_measurements(baseline: Measurement, measurement: Measurement, *, tolerance: float = 0.03) -> tuple[Change, ...]:
    """Compare every figure that both have.

    Args:
        tolerance: fraction by which instructions, cycles, bytes and energy may grow.

    Returns:
        All changes, in the measurement's order.

    Raises:
        BenchError: figures past the tolerance, each with its two values.
    """
    changes = []
    for name, figure in measurement.figures.items():
        if name not in baseline.figures:
            continue
        before = baseline.figures[name].value
        if figure.unit == "fraction":
            changes.append(Change(name, before, figure.value, before - figure.value, ACCURACY_TOLERANCE))
        elif figure.unit in _COMPARED:
            changes.append(Change(name, before, figure.value, figure.value / before - 1 if before else float(figure.value > 0), tolerance))
    failed = [change for change in changes if change.fails]
    if failed:
        told = "; ".join(f"{each.name} {each.before:,.6g} → {each.now:,.6g} ({each.change:+.1%})" for each in failed)
        raise BenchError(
            f"{len(failed)} figures of {measurement.bundle} on {measurement.target} are past the tolerance: {told}",
            expected=f"at most {tolerance:.0%} more, accuracy at most {ACCURACY_TOLERANCE * 100:g} points less",
            hint="if that is meant, store a new baseline: tinytl bench … -o FILE",
        )
    return tuple(changes)
