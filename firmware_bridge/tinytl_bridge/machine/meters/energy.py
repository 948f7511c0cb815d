# SPDX-License-Identifier: Apache-2.0
"""Energy of one call, measured. In: power while nothing ran, power while calls ran. Out: `MeasuredEnergy`, with its uncertainty.

`J a call = (mean power of the run - mean power of idle) × duration / calls`
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.trace import PowerTrace

_BLOCKS = 10
"""Neighbouring samples are alike, so that the scatter is taken of the means of so many blocks."""
_COVERAGE = 2


@dataclass(frozen=True)
class MeasuredEnergy:
    """What a meter said of one run.

    Attributes:
        per_call_j: above idle, in J a call. uncertainty_j: of it, twice the standard deviation; scatter, resolution and the ends of the
            run, not the meter's own error.
        total_per_call_j: idle power included, in J a call.
        run_w, idle_w: mean power, in W. seconds: of the run. calls: in it.
        samples: of the meter in the run. rate_hz: of these samples.
        how: in words.
    """

    per_call_j: float
    uncertainty_j: float
    total_per_call_j: float
    run_w: float
    idle_w: float
    seconds: float
    calls: int
    samples: int
    rate_hz: float
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return asdict(self)


def energy_of_run(trace: PowerTrace, run: tuple[float, float], idle: tuple[float, float], calls: int) -> MeasuredEnergy:
    """Integrate a trace over a run, and take away what the machine takes when idle.

    Args:
        trace: samples that span both windows.
        run: begin and end of the run, in s of the trace's clock.
        idle: begin and end of a time in which nothing ran, likewise.
        calls: that the run made, 1 or more.

    Returns:
        Energy a call. It may lie below 0, within its uncertainty, where the run takes no more than idle.

    Raises:
        BenchError: calls below 1, or a window that the trace cannot answer for (see `PowerTrace.window`).
    """
    if calls < 1:
        raise BenchError(f"energy of {calls} calls", expected="1 or more")
    running, resting = trace.window(*run), trace.window(*idle)
    seconds, samples = run[1] - run[0], running.times_s.size - 2
    run_w, idle_w = running.mean_w(), resting.mean_w()
    period = seconds / samples
    ends_w = abs(run_w - idle_w) * period / seconds / math.sqrt(6)  # each end lies anywhere within one period
    step_w = trace.resolution_w / math.sqrt(12)
    deviation_w = math.hypot(_deviation(running.watts[1:-1]), _deviation(resting.watts[1:-1]), step_w, ends_w)
    how = (
        f"measured: {trace.name} at {samples / seconds:.3g} Hz, {samples} samples in {seconds:.3g} s of {calls} calls, minus idle power of "
        f"{idle_w:.3f} W over {idle[1] - idle[0]:.3g} s; ± is two standard deviations without the meter's own error; {trace.how}"
    )
    above, scale = (run_w - idle_w) * seconds / calls, seconds / calls
    return MeasuredEnergy(above, _COVERAGE * deviation_w * scale, run_w * scale, run_w, idle_w, seconds, calls, samples,
                          samples / seconds, how)  # fmt: skip


def _deviation(watts: np.ndarray) -> float:
    """Return the standard deviation of the mean, of block means."""
    means = [float(block.mean()) for block in np.array_split(watts, _BLOCKS)]
    return float(np.std(means, ddof=1)) / math.sqrt(_BLOCKS)
