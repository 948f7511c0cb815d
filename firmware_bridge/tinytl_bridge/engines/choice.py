# SPDX-License-Identifier: Apache-2.0
"""Which engine a machine runs by default: the faster one that keeps the accuracy, with the measurement that says so.

In: an `EngineComparison`. Out: an `EngineChoice`, which goes into what the machine tells about itself. `litert` is chosen where its median
latency is lower, and where after teaching it has at most `margin_samples` held-out samples fewer right than `runtime`. Else it is
`runtime`, whose bytes are a microcontroller's; so it is without a measurement.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.errors import BenchError, DeviceError, ModelError
from tinytl_bridge.engines.comparison import EngineComparison, compare_engines
from tinytl_bridge.engines.litert import litert_extractor

LEAST_HELD_OUT = 40
"""With fewer held-out samples one right or wrong says too little: the choice stays with `runtime`."""
_MARGIN = 200


@dataclass(frozen=True)
class EngineChoice:
    """The engine that a machine runs by default.

    Attributes:
        engine: "runtime" or "litert". reason: one sentence with the figures.
        margin_samples: held-out samples that litert may have wrong where runtime has them right; None: nothing was measured.
        comparison: what was measured, when, on which samples, with which versions; None: nothing.
    """

    engine: str
    reason: str
    margin_samples: int | None = None
    comparison: EngineComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object for `json.dump`."""
        return asdict(self)


UNMEASURED = EngineChoice("runtime", "runtime, because the engines were not compared on this machine.")
"""Before any measurement."""


def default_margin(held_out: int) -> int:
    """Return how many of `held_out` samples litert may lose: one in 200, at least one."""
    return max(1, held_out // _MARGIN)


def choose_engine(comparison: EngineComparison, *, margin_samples: int | None = None) -> EngineChoice:
    """Choose by a measurement.

    Args:
        comparison: as `compare_engines` returns it. margin_samples: 0 or more; None: `default_margin`.

    Raises:
        BenchError: a margin below 0.
    """
    margin = default_margin(comparison.held_out) if margin_samples is None else margin_samples
    if margin < 0:
        raise BenchError(f"a margin of {margin} samples", expected="0 or more")
    engine, reason = _judged(comparison, margin)
    return EngineChoice(engine, f"{engine}, because {reason}.", margin, comparison)


def measured_choice(
    bundle: Bundle, samples: np.ndarray, labels: np.ndarray, *, data: str, num_threads: int | None = None, margin_samples: int | None = None
) -> EngineChoice:
    """Compare both engines on this machine and choose; `runtime` where LiteRT is missing or cannot run the extractor.

    Args:
        bundle, samples, labels, data, num_threads: as in `compare_engines`. margin_samples: as in `choose_engine`.

    Raises:
        BenchError, CompileError: as `compare_engines`. BenchError: a margin below 0.
    """
    try:
        litert_extractor(bundle, num_threads=num_threads)
    except (DeviceError, ModelError) as error:
        return EngineChoice("runtime", f"runtime, because litert cannot be had: {error.what}.")
    comparison = compare_engines(bundle, samples, labels, data=data, num_threads=num_threads)
    return choose_engine(comparison, margin_samples=margin_samples)


def _judged(comparison: EngineComparison, margin: int) -> tuple[str, str]:
    runtime, litert, held_out = comparison.runtime, comparison.litert, comparison.held_out
    if held_out < LEAST_HELD_OUT:
        return "runtime", f"{held_out} held-out samples are too few to tell whether litert keeps the accuracy ({LEAST_HELD_OUT} would do)"
    times = f"litert takes {_time(litert.latency.p50_ms)} a sample at the median and runtime {_time(runtime.latency.p50_ms)}"
    right = f"{litert.head.right_after} of {held_out} held-out samples right after teaching, runtime {runtime.head.right_after}"
    if litert.head.right_after < runtime.head.right_after - margin:
        return "runtime", f"litert has {right}, below the margin of {margin}"
    if litert.latency.p50_ms >= runtime.latency.p50_ms:
        return "runtime", f"{times}, so litert is no faster"
    return "litert", f"{times}, and litert has {right}, within the margin of {margin}"


def _time(milliseconds: float) -> str:
    return f"{milliseconds * 1000:.3g} µs" if milliseconds < 1 else f"{milliseconds:.3g} ms"
