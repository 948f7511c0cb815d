# SPDX-License-Identifier: Apache-2.0
"""Energy of a trace: constant power gives P × t however it is sampled, idle power is taken away, poor records are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters import PowerTrace, energy_of_run


def trace_of(times: np.ndarray, watts: np.ndarray, resolution: float = 0.0) -> PowerTrace:
    return PowerTrace(np.asarray(times, np.float64), np.asarray(watts, np.float64), "meter", "of a test", "monotonic", resolution)


@settings(max_examples=60, deadline=None)
@given(
    watts=st.floats(0.01, 100),
    count=st.integers(100, 400),
    seed=st.integers(0, 99),
    ends=st.tuples(st.floats(0, 0.4), st.floats(0.7, 1)),
)
def test_constant_power_gives_power_times_time(watts: float, count: int, seed: int, ends: tuple[float, float]) -> None:
    times = 1e9 + np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, count)) / 100
    begin, end = times[0] + np.array(ends) * (times[-1] - times[0])
    energy = trace_of(times, np.full(count, watts)).window(begin, end).energy_j()
    assert energy == pytest.approx(watts * (end - begin), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=30, max_size=60), st.integers(2, 5))
def test_samples_on_the_same_lines_change_nothing(watts: list[float], finer: int) -> None:
    times = np.arange(len(watts), dtype=np.float64)
    between = np.linspace(0, len(watts) - 1, finer * (len(watts) - 1) + 1)
    coarse = trace_of(times, np.array(watts)).window(0.25, len(watts) - 1.5)
    fine = trace_of(between, np.interp(between, times, watts)).window(0.25, len(watts) - 1.5)
    assert fine.energy_j() == pytest.approx(coarse.energy_j(), rel=1e-9, abs=1e-9)
    split = trace_of(between, np.interp(between, times, watts))
    middle = len(watts) // 2
    parts = sum(part.energy_j() for part in (trace_of(split.times_s[: middle * finer + 1], split.watts[: middle * finer + 1]),
                                            trace_of(split.times_s[middle * finer :], split.watts[middle * finer :])))  # fmt: skip
    assert parts == pytest.approx(split.energy_j(), rel=1e-9, abs=1e-9)


def run_of(noise: float, seed: int, resolution: float = 0.0) -> PowerTrace:
    """5 s of 2 W, then 5 s of 3 W, at 100 Hz."""
    times = np.arange(-10, 1010) / 100
    watts = np.where(times < 5, 2.0, 3.0) + np.random.default_rng(seed).normal(0, noise, times.size)
    return trace_of(times, watts, resolution)


def test_idle_power_is_taken_away_and_both_are_told() -> None:
    measured = energy_of_run(run_of(0, 0), (5.02, 9.98), (0, 4.98), 400)
    assert measured.per_call_j == pytest.approx(1.0 * 4.96 / 400) and measured.total_per_call_j == pytest.approx(3.0 * 4.96 / 400)
    assert (measured.run_w, measured.idle_w, measured.calls) == (pytest.approx(3), pytest.approx(2), 400)
    assert measured.samples == 495 and measured.rate_hz == pytest.approx(495 / 4.96)
    assert measured.how.startswith(
        "measured: meter at 99.8 Hz, 495 samples in 4.96 s of 400 calls, minus idle power of 2.000 W over 4.98 s"
    )
    assert measured.to_json()["idle_w"] == measured.idle_w


def test_the_uncertainty_holds_the_truth_nineteen_times_of_twenty() -> None:
    errors = []
    for seed in range(300):
        measured = energy_of_run(run_of(0.3, seed), (5.02, 9.98), (0, 4.98), 1)
        errors.append(abs(measured.per_call_j - 4.96) / measured.uncertainty_j)
    assert 0.90 <= np.mean(np.array(errors) <= 1) <= 0.99
    coarse = energy_of_run(run_of(0, 0, resolution=0.5), (5.02, 9.98), (0, 4.98), 1)
    assert coarse.uncertainty_j >= 2 * 0.5 / 12**0.5 * 4.96


def test_poor_records_are_refused() -> None:
    trace = run_of(0, 0)
    with pytest.raises(BenchError, match=r"meter: 19 samples in a run of 0.194 s; expected at least 20"):
        trace.window(5.003, 5.197)
    with pytest.raises(
        BenchError, match=r"run lasted from 5.000 to 11.000 s, samples from -0.100 to 10.090 s.*\nhint: start the meter before"
    ):
        trace.window(5, 11)
    with pytest.raises(BenchError, match=r"a window from 3.000 to 3.000 s; expected an end after its begin"):
        trace.window(3, 3)
    with pytest.raises(BenchError, match="energy of 0 calls; expected 1 or more"):
        energy_of_run(trace, (5, 9), (0, 4), 0)
    kept = (trace.times_s < 6) | (trace.times_s > 6.5)
    gap = trace_of(trace.times_s[kept], trace.watts[kept])
    with pytest.raises(BenchError, match=r"no sample for 0.52 s after 5.990 s, in the midst of the run; expected one every 0.01 s"):
        gap.window(5, 9)
    assert gap.window(7, 9).energy_j() == pytest.approx(6)


@pytest.mark.parametrize(
    ("times", "watts", "text"),
    [
        ([], [], r"times of shape \(0,\), powers of \(0,\)"),
        ([1, 2], [1], r"times of shape \(2,\), powers of \(1,\); expected equal lengths"),
        ([1, 2], [1, float("nan")], "no finite number"),
        ([1, 2, 2], [1, 1, 1], "time does not rise after sample 1"),
    ],
)
def test_damaged_traces_are_refused(times: list[float], watts: list[float], text: str) -> None:
    with pytest.raises(BenchError, match=text):
        trace_of(np.array(times), np.array(watts))
