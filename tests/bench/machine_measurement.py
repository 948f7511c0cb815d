# SPDX-License-Identifier: Apache-2.0
"""A measurement as an agent on a Raspberry Pi gives it, with round numbers."""

from typing import Any

from tinytl.measurement import Figure, LayerRow, Measurement

HOW = "wall clock, 200 calls after 20 of warm-up, garbage collector off"
CPU = {
    "board": "Raspberry Pi 5 Model B Rev 1.0", "processor": "Cortex-A76", "cores": 4, "clock_mhz": 2400.0, "clock_measured_mhz": None,
    "governor": "ondemand", "kernel": "6.6.31", "process_bits": 64,
}  # fmt: skip


def machine_measurement(*, cpu: dict[str, Any] | None = None, **changed: float) -> Measurement:
    """Return it. cpu: facts of the processor that are others. changed: values of figures of the engine in use."""
    engines = {name: {"figures": _figures(base), "missing": _MISSING} for name, base in (("runtime", 1.2), ("litert", 0.2))}
    figures = {name: Figure(entry["value"], entry["unit"], f"engine litert: {HOW}") for name, entry in engines["litert"]["figures"].items()}
    figures["peak_rss_bytes"] = Figure(90_000_000, "B", "engine litert: VmHWM")
    for name, value in changed.items():
        figures[name] = Figure(value, figures[name].unit, figures[name].how)
    state = {"temperature": {"celsius": 48.0, "how": "thermal zone cpu-thermal"}}
    later = {"temperature": {"celsius": 61.5, "how": "thermal zone cpu-thermal"}}
    details = {
        "engine": "litert", "engine_reason": "litert, because it is faster.", "engines": engines,
        "choice": {"reason": "litert, because it is faster.", "comparison": _COMPARISON},
        "machine": {"cpu": CPU | (cpu or {}), "before": state, "after": later, "throttled": {"words": "not throttled, by 5 readings"}},
    }  # fmt: skip
    layer = LayerRow("conv", "conv_2d", (1, 3, 3, 4), 9, 8, 7)
    return Measurement("digits", "pi:raspberrypi.local", figures, (layer,), details)


def _figures(base: float) -> dict[str, dict[str, Any]]:
    figures = {}
    for what, many, start in (("inference", "inferences", base), ("teach_step", "teach_steps", base + 0.3)):
        for number, name in enumerate(("p50", "p90", "p99", "mean")):
            figures[f"milliseconds_per_{what}_{name}"] = {"value": round(start + number / 10, 1), "unit": "ms", "how": HOW}
        figures[f"{many}_per_second"] = {"value": 1000 / start, "unit": "1/s", "how": HOW}
    return figures


_MISSING = {"inference_energy_j": "no meter", "run_power_w": "no meter"}
_COMPARISON = {
    "features": {"samples": 400, "features": 115_200, "features_differing": 9_975, "largest": 2}, "classes_differing": 1, "held_out": 96,
    "runtime": {"head": {"right_after": 96}}, "litert": {"head": {"right_after": 95}},
}  # fmt: skip
