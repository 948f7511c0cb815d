# SPDX-License-Identifier: Apache-2.0
"""Power over time. In: times and watts. Out: a `PowerTrace`, which integrates by trapezoids between two times."""

from dataclasses import dataclass

import numpy as np

from tinytl.errors import BenchError

LEAST_SAMPLES = 20
"""Of a window that is integrated: with fewer the answer would be the meter's chance."""
MOST_PERIODS = 10
"""A pause longer than so many usual periods is a gap."""


@dataclass(frozen=True, eq=False)
class PowerTrace:
    """Samples of one meter.

    Attributes:
        times_s: float64 (N,), rising, in s of the clock that `clock` names.
        watts: float64 (N,), finite; negative where power flows back.
        name, how: of the meter. clock: `wall` (s since 1970) or `monotonic`.
        resolution_w: smallest step of the meter, in W; 0 where it is not known.

    Raises:
        BenchError: arrays of different lengths, empty, not finite, or times that do not rise.
    """

    times_s: np.ndarray
    watts: np.ndarray
    name: str
    how: str
    clock: str
    resolution_w: float = 0.0

    def __post_init__(self) -> None:
        if self.times_s.shape != self.watts.shape or self.times_s.ndim != 1 or self.times_s.size == 0:
            raise BenchError(
                f"{self.name}: times of shape {self.times_s.shape}, powers of {self.watts.shape}", expected="equal lengths, one or more"
            )
        if not (np.isfinite(self.times_s).all() and np.isfinite(self.watts).all()):
            raise BenchError(f"{self.name}: a time or a power that is no finite number", expected="finite numbers")
        steps = np.diff(self.times_s)
        if steps.size and steps.min() <= 0:
            raise BenchError(f"{self.name}: time does not rise after sample {int(np.argmax(steps <= 0))}", expected="rising times")

    def window(self, begin_s: float, end_s: float) -> "PowerTrace":
        """Cut the trace to a window; power at its ends lies on the line between neighbours.

        Args:
            begin_s: of the window, on this trace's clock.
            end_s: later than `begin_s`.

        Returns:
            The samples within, and one at each end.

        Raises:
            BenchError: an empty window, one that the samples do not span, fewer than 20 samples within, or a gap.
        """
        if not end_s > begin_s:
            raise BenchError(f"{self.name}: a window from {begin_s:.3f} to {end_s:.3f} s", expected="an end after its begin")
        first, last = float(self.times_s[0]), float(self.times_s[-1])
        if begin_s < first or end_s > last:
            raise BenchError(
                f"{self.name}: the run lasted from {begin_s:.3f} to {end_s:.3f} s, samples from {first:.3f} to {last:.3f} s",
                expected="samples before, during and after the run",
                hint="start the meter before the run, and compare the clocks of both machines",
            )
        within = (self.times_s > begin_s) & (self.times_s < end_s)
        count = int(within.sum())
        if count < LEAST_SAMPLES:
            raise BenchError(
                f"{self.name}: {count} samples in a run of {end_s - begin_s:.3g} s",
                expected=f"at least {LEAST_SAMPLES}",
                hint="let the run last longer (more samples), or the meter sample faster",
            )
        self._refuse_gap(begin_s, end_s)
        ends = np.interp([begin_s, end_s], self.times_s, self.watts)
        times = np.concatenate([[begin_s], self.times_s[within], [end_s]])
        watts = np.concatenate([ends[:1], self.watts[within], ends[1:]])
        return PowerTrace(times, watts, self.name, self.how, self.clock, self.resolution_w)

    def energy_j(self) -> float:
        """Return the energy of the whole trace, in J: trapezoids between neighbouring samples."""
        return float(np.sum(np.diff(self.times_s) * (self.watts[1:] + self.watts[:-1]) / 2))

    def mean_w(self) -> float:
        """Return energy by duration, in W; of a single sample its power."""
        duration = float(self.times_s[-1] - self.times_s[0])
        return self.energy_j() / duration if duration > 0 else float(self.watts[0])

    def _refuse_gap(self, begin_s: float, end_s: float) -> None:
        steps = np.diff(self.times_s)
        touches = (self.times_s[:-1] < end_s) & (self.times_s[1:] > begin_s)
        usual, longest = float(np.median(steps)), float(steps[touches].max())
        if longest > MOST_PERIODS * usual:
            at = float(self.times_s[:-1][touches][int(np.argmax(steps[touches]))])
            raise BenchError(
                f"{self.name}: no sample for {longest:.3g} s after {at:.3f} s, in the midst of the run",
                expected=f"one every {usual:.3g} s, at most {MOST_PERIODS} times that apart",
            )
