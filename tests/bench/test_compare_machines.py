# SPDX-License-Identifier: Apache-2.0
"""Comparing what a Linux machine measured of itself: medians with a wide tolerance, other times not, another machine never."""

import pytest
from machine_measurement import machine_measurement

from tinytl.errors import BenchError
from tinytl_bench.compare import MACHINE_TOLERANCE, changes_since, compare_measurements

P50 = "milliseconds_per_inference_p50"


def test_medians_and_peak_memory_are_compared_and_tails_are_not():
    changes = changes_since(machine_measurement(), machine_measurement(milliseconds_per_inference_p99=99.0))
    assert [change.name for change in changes] == [P50, "milliseconds_per_teach_step_p50", "peak_rss_bytes"]
    assert not any(change.fails for change in changes)


@pytest.mark.parametrize(("value", "fails"), [(0.2 * (1 + MACHINE_TOLERANCE) - 1e-6, False), (0.2 * (1 + MACHINE_TOLERANCE) + 1e-6, True)])
def test_a_median_fails_past_a_fourth(value, fails):
    (change, *_) = changes_since(machine_measurement(), machine_measurement(**{P50: value}), tolerance=0.03)
    assert (change.name, change.fails) == (P50, fails)


def test_the_refusal_names_both_values_and_what_is_allowed():
    expected = (
        r"digits on pi:raspberrypi.local past the tolerance: milliseconds_per_inference_p50 0.2 → 0.3 \(\+50.0%\); expected at most 25 %"
    )
    with pytest.raises(BenchError, match=expected):
        compare_measurements(machine_measurement(), machine_measurement(**{P50: 0.3}))


def test_a_wider_tolerance_that_is_asked_for_holds_for_times_too():
    compare_measurements(machine_measurement(), machine_measurement(**{P50: 0.3}), tolerance=0.6)


def test_times_of_another_machine_are_refused():
    with pytest.raises(BenchError) as refused:
        changes_since(machine_measurement(), machine_measurement(cpu={"board": None, "processor": "Cortex-A72"}))
    assert refused.value.what == (
        "digits on pi:raspberrypi.local was measured by a machine (4 × Cortex-A72, 64 bits), and its baseline by "
        "Raspberry Pi 5 Model B Rev 1.0 (4 × Cortex-A76, 64 bits)"
    )
    assert refused.value.expected == "the same kind of machine: times of another one say nothing"
