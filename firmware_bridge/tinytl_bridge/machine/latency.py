# SPDX-License-Identifier: Apache-2.0
"""Wall latency of a call. In: a callable without arguments. Out: a `Latency`, percentiles in milliseconds and how they were had."""

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinytl.errors import BenchError

LEAST_FOR_P99 = 100
"""With fewer calls the 99th percentile lies between the two slowest."""
_NS_PER_MS = 1e6
_NS_PER_S = 1e9


@dataclass(frozen=True)
class Latency:
    """How long one call took, over many calls.

    Attributes:
        p50_ms, p90_ms, p99_ms: percentiles, linear between neighbours. mean_ms, least_ms, most_ms: of the same calls. All in ms.
        count: calls that were timed.
        per_second: calls in a second of calls, 1000 / mean_ms.
        how: in words.
    """

    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    least_ms: float
    most_ms: float
    count: int
    per_second: float
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return asdict(self)


def measure_latency(
    call: Callable[[], object],
    *,
    warmup: int = 20,
    count: int = 200,
    max_seconds: float = 60.0,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Latency:
    """Time a call: first `warmup` calls untimed, then `count` calls one by one, Python's garbage collector off meanwhile.

    Once `max_seconds` have passed no further call begins, apart from one timed call that always runs.

    Args:
        call: what is measured; its result is dropped.
        warmup: calls before timing, 0 or more.
        count: calls to time, 1 or more.
        max_seconds: bound on warm-up and timing together, in s, above 0.
        clock: returns ns, never runs backwards.

    Returns:
        The latency. `count` in it is smaller than asked where time ran out, and `how` says so.

    Raises:
        BenchError: warmup below 0, count below 1, max_seconds not above 0, or a clock that did not move in all those calls.
    """
    _check(warmup, count, max_seconds)
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        deadline = clock() + int(max_seconds * _NS_PER_S)
        warmed = _warm(call, warmup, clock, deadline)
        durations = _durations(call, count, clock, deadline)
    finally:
        if collected:
            gc.enable()
    return summary_of(durations, _how(warmed, len(durations), warmup, count, max_seconds))


def summary_of(durations_ns: "list[int] | np.ndarray", how: str) -> Latency:
    """Summarize timed calls.

    Args:
        durations_ns: one number a call, in ns, 0 or more, at least one.
        how: how they were had, in words.

    Returns:
        Percentiles, mean and rate of these calls.

    Raises:
        BenchError: no call, a negative duration, or all of them 0: the clock did not move.
    """
    times = np.asarray(durations_ns, np.float64)
    if times.size == 0 or times.min() < 0 or times.sum() == 0:
        total = f"{times.size} calls that took {times.sum():g} ns in all"
        raise BenchError(f"latency of {total}", expected="at least one call, and a clock that moves forward")
    p50, p90, p99 = np.percentile(times, (50, 90, 99)) / _NS_PER_MS
    mean = float(times.mean()) / _NS_PER_MS
    least, most = float(times.min()) / _NS_PER_MS, float(times.max()) / _NS_PER_MS
    return Latency(float(p50), float(p90), float(p99), mean, least, most, int(times.size), 1000 / mean, how)


def _check(warmup: int, count: int, max_seconds: float) -> None:
    if warmup < 0:
        raise BenchError(f"warm-up of {warmup} calls", expected="0 or more")
    if count < 1:
        raise BenchError(f"latency of {count} calls", expected="1 or more")
    if not max_seconds > 0:
        raise BenchError(f"latency within {max_seconds:g} s", expected="more than 0 s")


def _warm(call: Callable[[], object], warmup: int, clock: Callable[[], int], deadline: int) -> int:
    for done in range(warmup):
        if clock() >= deadline:
            return done
        call()
    return warmup


def _durations(call: Callable[[], object], count: int, clock: Callable[[], int], deadline: int) -> list[int]:
    durations = []
    for _ in range(count):
        begin = clock()
        call()
        end = clock()
        durations.append(end - begin)
        if end >= deadline:
            break
    return durations


def _how(warmed: int, counted: int, warmup: int, count: int, max_seconds: float) -> str:
    words = f"wall clock, {counted} calls after {warmed} of warm-up, garbage collector off"
    if counted < count or warmed < warmup:
        words += f"; {warmup} and {count} were asked, {max_seconds:g} s had passed"
    if counted < LEAST_FOR_P99:
        words += f"; p99 of {counted} calls lies near the slowest"
    return words
