# SPDX-License-Identifier: Apache-2.0
"""Latency: percentiles of known durations, bounded time, the garbage collector as it was, refusals."""

import gc
import json
import time

import numpy as np
import pytest

from tinytl.errors import BenchError
from tinytl_bridge.machine.latency import measure_latency, summary_of

MS = 1_000_000


class Clock:
    """A clock that stands still but for the calls it is told of, in ns."""

    def __init__(self, durations: list[int]) -> None:
        self.now, self._durations = 0, iter(durations)

    def __call__(self) -> int:
        return self.now

    def pass_time(self) -> None:
        self.now += next(self._durations)


def test_percentiles_and_rate_of_known_durations() -> None:
    rng = np.random.default_rng(0)
    durations = [int(duration) for duration in rng.integers(1, 9, 200) * MS]
    clock = Clock([50 * MS] * 3 + durations)
    latency = measure_latency(clock.pass_time, warmup=3, clock=clock)
    assert latency.count == 200
    assert (latency.p50_ms, latency.p90_ms, latency.p99_ms) == tuple(np.percentile(np.array(durations) / MS, (50, 90, 99)))
    assert latency.most_ms == 8 and latency.least_ms == 1, "warm-up must not count"
    assert latency.mean_ms == pytest.approx(np.mean(durations) / MS)
    assert latency.per_second == pytest.approx(200 / (sum(durations) / 1e9))
    assert latency.how == "wall clock, 200 calls after 3 of warm-up, garbage collector off"
    assert json.loads(json.dumps(latency.to_json()))["p90_ms"] == latency.p90_ms


def test_time_is_bounded_and_the_words_say_so() -> None:
    clock = Clock([400 * MS] * 100)
    latency = measure_latency(clock.pass_time, warmup=2, count=50, max_seconds=2, clock=clock)
    assert latency.count == 3
    assert latency.how.startswith("wall clock, 3 calls after 2 of warm-up") and "2 and 50 were asked, 2 s had passed" in latency.how
    assert "p99 of 3 calls lies near the slowest" in latency.how


def test_one_call_is_timed_even_where_warm_up_took_all_the_time() -> None:
    clock = Clock([3_000 * MS] * 9)
    latency = measure_latency(clock.pass_time, warmup=5, count=5, max_seconds=1, clock=clock)
    assert latency.count == 1 and latency.mean_ms == 3_000 and "after 1 of warm-up" in latency.how


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collector_is_off_meanwhile_and_as_before_after(enabled: bool) -> None:
    states = []
    (gc.enable if enabled else gc.disable)()
    try:
        measure_latency(lambda: states.append(gc.isenabled()), warmup=1, count=3)
        assert gc.isenabled() is enabled
        with pytest.raises(ZeroDivisionError):
            measure_latency(lambda: 1 / 0)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert states == [False] * 4


def test_a_real_wait_is_measured_and_bounded() -> None:
    begin = time.perf_counter()
    latency = measure_latency(lambda: time.sleep(0.005), warmup=1, count=10_000, max_seconds=0.1)
    assert latency.least_ms >= 5 and 1 <= latency.count < 25
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"warmup": -1}, "warm-up of -1 calls; expected 0 or more"),
        ({"count": 0}, "latency of 0 calls; expected 1 or more"),
        ({"max_seconds": 0}, "latency within 0 s; expected more than 0 s"),
        ({"max_seconds": float("nan")}, "latency within nan s; expected more than 0 s"),
    ],
)
def test_refusals(arguments: dict, text: str) -> None:
    with pytest.raises(BenchError, match=text):
        measure_latency(lambda: None, **arguments)


def test_a_clock_that_stands_is_refused() -> None:
    with pytest.raises(BenchError, match="latency of 200 calls that took 0 ns in all; expected at least one call, and a clock that moves"):
        measure_latency(lambda: None, clock=lambda: 7)
    with pytest.raises(BenchError, match="latency of 0 calls"):
        summary_of([], "")
