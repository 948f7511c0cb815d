# SPDX-License-Identifier: Apache-2.0
"""What a machine measured of itself, for people: times of each engine, how the engines differ, the state of the machine.

In: a measurement whose details an agent gave. Out: rows and notes; none for any other measurement, or where the details are not as `bench`
writes them: a page is drawn of what strangers' files hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinytl.measurement import Measurement
from tinytl.report.wording import name

_WHAT = {"inference": ("inference", "inferences"), "teach step": ("teach_step", "teach_steps")}
_TIMES = ("p50", "p90", "p99", "mean")
TIME_FIGURES = frozenset(
    figure for one, many in _WHAT.values() for figure in (*(f"milliseconds_per_{one}_{time}" for time in _TIMES), f"{many}_per_second")
)
"""Figures that the rows hold."""


@dataclass(frozen=True)
class EngineRow:
    """Times of one engine.

    Attributes:
        what: "inference" or "teach step". engine: "runtime" or "litert". is_used: whether it is the one in use.
        times_ms: p50, p90, p99 and mean, in ms. per_second: how many in a second. how: they were had.
    """

    what: str
    engine: str
    is_used: bool
    times_ms: tuple[float, float, float, float]
    per_second: float
    how: str


def engine_rows(measurement: Measurement) -> list[EngineRow]:
    """Return the times of each engine, the one in use first."""
    engines, used = measurement.details.get("engines"), measurement.details.get("engine")
    if not isinstance(engines, Mapping):
        return []
    try:
        in_order = sorted(engines, key=lambda engine: engine != used)
        return [_row(what, engine, engine == used, engines[engine]["figures"]) for what in _WHAT for engine in in_order]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def machine_notes(measurement: Measurement) -> list[tuple[str, str]]:
    """Return (what, sentence): why this engine, how features differ, machine, heat, throttling, what could not be had."""
    details = measurement.details
    rows = engine_rows(measurement)
    if not rows:
        return []
    used, chosen = str(details.get("engine_reason", "")), _attempt(lambda: details["choice"]["reason"])
    notes = [("times", f"{rows[0].how}; in ms"), ("in use", used), ("compared", "" if chosen == used else f"it would be {chosen}")]
    notes.append(("features", _attempt(lambda: _features(details["choice"]["comparison"]))))
    notes.append(("machine", _attempt(lambda: _machine(details["machine"]["cpu"]))))
    notes.append(("temperature", _attempt(lambda: _temperature(details["machine"]))))
    notes.append(("throttled", _attempt(lambda: details["machine"]["throttled"]["words"])))
    notes.append(("not stored", str(details.get("not_storable", ""))))
    notes += [("not had", f"{names}: {reason}") for reason, names in _missing(measurement)]
    return [(what, text) for what, text in notes if text]


def _row(what: str, engine: str, is_used: bool, figures: Mapping[str, Any]) -> EngineRow:
    one, many = _WHAT[what]
    p50, p90, p99, mean = (float(figures[f"milliseconds_per_{one}_{time}"]["value"]) for time in _TIMES)
    median = figures[f"milliseconds_per_{one}_p50"]
    return EngineRow(what, engine, is_used, (p50, p90, p99, mean), float(figures[f"{many}_per_second"]["value"]), str(median["how"]))


def _attempt(text: Callable[[], object]) -> str:
    """Return what a function returns, nothing where the details lack what it reads."""
    try:
        return str(text())
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""


def _features(comparison: Mapping[str, Any]) -> str:
    features, held_out = comparison["features"], comparison["held_out"]
    right = {engine: comparison[engine]["head"]["right_after"] for engine in ("litert", "runtime")}
    return (
        f"{features['features_differing']:,} of {features['features']:,} differ between the engines, by {features['largest']} at most; "
        f"{comparison['classes_differing']} of {features['samples']} samples go to another class; after teaching litert has "
        f"{right['litert']} of {held_out} held-out samples right, runtime {right['runtime']}"
    )


def _machine(cpu: Mapping[str, Any]) -> str:
    clock = cpu["clock_measured_mhz"] or cpu["clock_mhz"]
    parts = (
        cpu["board"], cpu["processor"] and f"{cpu['cores'] or '?'} × {cpu['processor']}", clock and f"{clock:,.0f} MHz",
        cpu["governor"] and f"governor {cpu['governor']}", cpu["kernel"] and f"Linux {cpu['kernel']}", f"{cpu['process_bits']} bits",
    )  # fmt: skip
    return ", ".join(str(part) for part in parts if part)


def _temperature(machine: Mapping[str, Any]) -> str:
    before, after = (machine[when]["temperature"] for when in ("before", "after"))
    if before["celsius"] is None or after["celsius"] is None:
        return str(after["how"])
    return f"{before['celsius']:.1f} °C before, {after['celsius']:.1f} °C after ({after['how']})"


def _missing(measurement: Measurement) -> list[tuple[str, str]]:
    """Return (reason, names) of what the machine could not measure, each reason once."""
    names: dict[str, list[str]] = {}
    engine = measurement.details["engines"][measurement.details["engine"]]
    for figure, reason in engine.get("missing", {}).items():
        if figure not in measurement.figures:
            names.setdefault(str(reason), []).append(name(str(figure)).lower())
    return [(reason, ", ".join(figures)) for reason, figures in names.items()]
