# SPDX-License-Identifier: Apache-2.0
"""The whole bench of a Linux machine. In: callables `infer(sample)` and `teach(sample, label)`. Out: figures that say how they were had.

As JSON: `{"figures": {name: {"value", "unit", "how"}}, "missing": {name: reason}, "machine": {"cpu", "memory", "before", "after",
"throttled"}, "storable": bool, "storable_why": text}`. A run in which the machine was throttled, or that ran emulated, is not storable.
"""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from tinytl.errors import BenchError
from tinytl_bridge.machine.cpu import Cpu, examine_cpu
from tinytl_bridge.machine.energy_run import MeterFile, measure_energy
from tinytl_bridge.machine.latency import Latency, measure_latency
from tinytl_bridge.machine.memory import forget_peak, read_memory
from tinytl_bridge.machine.meters import MeasuredEnergy, Meter, find_meters
from tinytl_bridge.machine.perf_counters import count_events
from tinytl_bridge.machine.thermal import read_temperature
from tinytl_bridge.machine.throttling import Happened, Throttling, read_throttling
from tinytl_bridge.machine.tree import ROOT

Sample = TypeVar("Sample")
ENERGY_FIGURES = ("inference_energy_j", "inference_energy_uncertainty_j", "run_power_w", "idle_power_w")
COUNTED = {"instructions": "instructions_per_inference", "cycles": "cycles_per_inference"}
_COUNTED_CALLS = 50


def measure_machine(
    infer: Callable[[Sample], object],
    teach: Callable[[Sample, int], object] | None,
    *,
    samples: Sequence[Sample],
    labels: Sequence[int] = (),
    count: int = 200,
    warmup: int = 20,
    max_seconds: float = 60.0,
    energy: Meter | MeterFile | None = None,
    idle_seconds: float = 5.0,
    run_seconds: float = 10.0,
    settle_seconds: float = 0.5,
    root: Path = ROOT,
) -> dict[str, Any]:
    """Measure on this machine: latency of both, counters, peak memory, energy, heat and throttling around and between them.

    Each part runs alone, so that none disturbs another. The head changes by what `teach` does: the caller keeps what it wants to keep.

    Args:
        infer: one inference of one sample. teach: one teach step, or None: not measured.
        samples: one or more; they are taken in turn. labels: their classes, as many, where `teach` is given.
        count, warmup, max_seconds: of each latency, as `measure_latency` takes them.
        energy: a meter or the file of one; None: the first that this machine has.
        idle_seconds, run_seconds, settle_seconds: of the energy, in s, as `measure_energy` takes them.
        root: folder that stands for `/`.

    Returns:
        The object above; what cannot be had is named in `missing`, with the reason.

    Raises:
        BenchError: no sample, another number of labels, or what `energy` names cannot answer.
    """
    if not samples or (teach is not None and len(labels) != len(samples)):
        raise BenchError(f"bench of {len(samples)} samples and {len(labels)} labels", expected="at least one sample, a label for each")
    if isinstance(energy, MeterFile):
        energy.check()
    turns = cycle(samples)

    def infer_next() -> None:
        infer(next(turns))

    figures: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    peak_reason = forget_peak(root)
    before = _state(root)
    readings = [read_throttling(root)]
    figures |= _latency_figures("inference", measure_latency(infer_next, warmup=warmup, count=count, max_seconds=max_seconds))
    readings.append(read_throttling(root))
    if teach is not None:
        step, pairs = teach, cycle(zip(samples, labels, strict=True))
        taught = measure_latency(lambda: step(*next(pairs)), warmup=warmup, count=count, max_seconds=max_seconds)
        figures |= _latency_figures("teach_step", taught)
    else:
        missing["milliseconds_per_teach_step"] = "no teach step was given"
    readings.append(read_throttling(root))
    _add_memory(figures, missing, root, peak_reason)
    _add_counters(figures, missing, infer_next)
    readings.append(read_throttling(root))
    durations = {"idle_seconds": idle_seconds, "run_seconds": run_seconds, "settle_seconds": settle_seconds}
    _add_energy(figures, missing, infer_next, energy, durations, root)
    readings.append(read_throttling(root))
    throttled = Throttling.happened_between(readings[0], readings[-1], readings[1:-1])
    cpu = examine_cpu(root)
    machine = {"cpu": cpu.to_json(), "memory": read_memory(root).to_json(), "before": before, "after": _state(root),
               "throttled": throttled.to_json()}  # fmt: skip
    storable, why = _storable(cpu, throttled)
    return {"figures": figures, "missing": missing, "machine": machine, "storable": storable, "storable_why": why}


def _storable(cpu: Cpu, throttled: Happened) -> tuple[bool, str]:
    if throttled.happened:
        return False, f"the machine was throttled: {', '.join(throttled.flags)}"
    if cpu.emulated:
        return False, f"{cpu.machine} is emulated here: wall times are of no such board"
    return True, throttled.words


def _state(root: Path) -> dict[str, Any]:
    cpu = examine_cpu(root)
    return {
        "clock_mhz": cpu.clock_mhz,
        "clock_measured_mhz": cpu.clock_measured_mhz,
        "temperature": read_temperature(root).to_json(),
        "throttling": read_throttling(root).to_json(),
    }


def _figure(value: float, unit: str, how: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "how": how}


def _latency_figures(what: str, latency: Latency) -> dict[str, dict[str, Any]]:
    times = {"p50": latency.p50_ms, "p90": latency.p90_ms, "p99": latency.p99_ms, "mean": latency.mean_ms}
    figures = {f"milliseconds_per_{what}_{name}": _figure(value, "ms", latency.how) for name, value in times.items()}
    return figures | {f"{what}s_per_second": _figure(latency.per_second, "1/s", latency.how)}


def _add_memory(figures: dict[str, Any], missing: dict[str, str], root: Path, peak_reason: str) -> None:
    memory = read_memory(root)
    if memory.peak_bytes is None:
        missing["peak_rss_bytes"] = memory.missing["peak_bytes"]
        return
    since = f"since the program began ({peak_reason})" if peak_reason else "since the bench began"
    figures["peak_rss_bytes"] = _figure(memory.peak_bytes, "B", f"VmHWM of /proc/self/status {since}, Python and libraries included")


def _add_counters(figures: dict[str, Any], missing: dict[str, str], call: Callable[[], object]) -> None:
    counted = count_events(call, calls=_COUNTED_CALLS)
    for event, name in COUNTED.items():
        if event in counted.per_call:
            figures[name] = _figure(counted.per_call[event], event, counted.how)
        else:
            missing[name] = counted.how


def _add_energy(
    figures: dict[str, Any],
    missing: dict[str, str],
    call: Callable[[], object],
    source: Meter | MeterFile | None,
    durations: dict[str, float],
    root: Path,
) -> None:
    """Measure with the meter that was named, whose refusal is one of the bench; or with the first that is found, if it answers."""
    found, reasons = ((), ()) if source is not None else find_meters(root)
    chosen = source or (found[0] if found else None)
    if chosen is None:
        missing.update(dict.fromkeys(ENERGY_FIGURES, f"no meter: {'; '.join(reasons)}"))
        return
    try:
        figures.update(_energy_figures(measure_energy(call, chosen, **durations)))
    except BenchError as error:
        if source is not None:
            raise
        missing.update(dict.fromkeys(ENERGY_FIGURES, error.what))


def _energy_figures(measured: MeasuredEnergy) -> dict[str, dict[str, Any]]:
    values = (measured.per_call_j, measured.uncertainty_j, measured.run_w, measured.idle_w)
    units = ("J", "J", "W", "W")
    return {name: _figure(value, unit, measured.how) for name, value, unit in zip(ENERGY_FIGURES, values, units, strict=True)}
