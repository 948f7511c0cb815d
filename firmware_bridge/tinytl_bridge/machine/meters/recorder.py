# SPDX-License-Identifier: Apache-2.0
"""A thread that samples a meter around a run. In: a `Meter`. Out: a `PowerTrace` on the monotonic clock."""

import threading
import time
from types import TracebackType

import numpy as np

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.base import Meter
from tinytl_bridge.machine.meters.trace import PowerTrace

MOST_SAMPLES = 1_000_000
"""Kept at most: 16 MB; later ones are dropped, and the window of a later run is then refused."""
MOST_FAILURES = 5
"""One after another; then recording ends."""


class MeterRecorder:
    """Samples a meter from `with` to its end, at the meter's rate. A sample that fails is left out; five in a row end it.

    The time of a sample is the middle between its request and its answer. The thread takes Python's lock for a moment a sample: measure
    latency in a run without it.

    Args:
        meter: that is sampled.
        rate_hz: samples a second, above 0; the meter's own rate where None.

    Raises:
        BenchError: a rate that is not above 0.
    """

    def __init__(self, meter: Meter, *, rate_hz: float | None = None) -> None:
        rate = meter.rate_hz if rate_hz is None else rate_hz
        if not rate > 0:
            raise BenchError(f"{meter.name}: {rate:g} samples a second", expected="more than 0")
        self._meter, self._period = meter, 1 / rate
        self._times: list[float] = []
        self._watts: list[float] = []
        self._failure: BenchError | None = None
        self._stop = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._record, name="meter", daemon=True)

    def __enter__(self) -> "MeterRecorder":
        self._thread.start()
        self._first.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def trace(self) -> PowerTrace:
        """Return what was recorded.

        Raises:
            BenchError: the meter gave no sample, or stopped to answer.
        """
        if self._failure is not None:
            raise self._failure
        times, watts = np.array(self._times, np.float64), np.array(self._watts, np.float64)
        return PowerTrace(times, watts, self._meter.name, self._meter.how, "monotonic", self._meter.resolution_w)

    def _record(self) -> None:
        failures, due = 0, time.monotonic()
        ending = False
        # One sample begins after the end of the run: it closes the last trapezoid.
        while not ending and failures < MOST_FAILURES and len(self._times) < MOST_SAMPLES:
            ending, begin = self._stop.is_set(), time.monotonic()
            try:
                watts = self._meter.sample()
            except BenchError as error:
                failures += 1
                self._failure = error if failures == MOST_FAILURES else None
            else:
                failures = 0
                self._times.append((begin + time.monotonic()) / 2)
                self._watts.append(watts)
                self._first.set()
            due = max(due + self._period, time.monotonic())
            self._stop.wait(due - time.monotonic())
        self._first.set()
