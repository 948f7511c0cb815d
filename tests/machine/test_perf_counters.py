# SPDX-License-Identifier: Apache-2.0
"""Counters of the kernel, for real: software events always, instructions and cycles where the processor offers them; refusals in words."""

import errno
import mmap
import os
from pathlib import Path

import pytest

from tinytl.errors import BenchError
from tinytl_bridge.machine import perf_counters
from tinytl_bridge.machine.perf_counters import SOFTWARE, Counted, Event, count_events

PAGE_FAULTS = Event("page_faults", SOFTWARE, 2)
TASK_CLOCK = Event("task_clock_ns", SOFTWARE, 1)
BYTES = 16 << 20


def touch_pages() -> None:
    with mmap.mmap(-1, BYTES) as memory:
        memory.write(bytes(BYTES))


def counted_or_skip(counted: Counted) -> Counted:
    if not counted.per_call:
        pytest.skip(counted.how)
    return counted


def test_a_group_of_software_events_counts_what_a_call_does() -> None:
    counted = counted_or_skip(count_events(touch_pages, calls=5, events=(TASK_CLOCK, PAGE_FAULTS)))
    assert counted.calls == 5 and counted.per_call.keys() == {"task_clock_ns", "page_faults"}
    idle = count_events(lambda: None, calls=5, events=(TASK_CLOCK, PAGE_FAULTS))
    assert counted.per_call["page_faults"] > idle.per_call["page_faults"]
    assert counted.per_call["task_clock_ns"] > 10 * idle.per_call["task_clock_ns"]
    assert counted.how == "perf_event_open, user mode, calling thread, 5 calls together"
    assert counted.to_json()["per_call"] == counted.per_call


def test_instructions_and_cycles_or_the_reason_why_not() -> None:
    def count_to(last: int) -> Counted:
        return count_events(lambda: sum(range(last)), calls=10)

    few = count_to(1_000)
    if not few.per_call:
        assert few.calls == 0 and few.how.startswith("none: E")
        return
    many = count_to(100_000)
    assert 20 < many.per_call["instructions"] / few.per_call["instructions"] <= 101
    assert many.per_call["cycles"] > 0


def test_an_event_that_no_kernel_has_is_refused_in_words() -> None:
    refused = count_events(lambda: None, events=(Event("none", 77, 1),))
    assert refused.per_call == {} and refused.calls == 0 and refused.how.startswith("none: E")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "none: EACCES; kernel.perf_event_paranoid is 3, 2 or less is needed: sudo sysctl kernel.perf_event_paranoid=2"),
        (errno.ENOENT, "none: ENOENT; the processor offers no such counter here, as in most virtual machines"),
        (errno.ENOSYS, "none: ENOSYS; this kernel has no perf_event_open, as under user-mode emulation"),
        (errno.EMFILE, "none: EMFILE; Too many open files"),
    ],
)
def test_refusals_in_words(code: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text("3\n")
    assert perf_counters._refusal(OSError(code, os.strerror(code)), tmp_path) == words


@pytest.mark.parametrize("arguments", [{"calls": 0}, {"events": ()}])
def test_nothing_to_count_is_refused(arguments: dict) -> None:
    with pytest.raises(BenchError, match="expected at least one event of at least one call"):
        count_events(lambda: None, **arguments)


def test_descriptors_are_closed_even_where_the_call_fails() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ZeroDivisionError):
        count_events(lambda: 1 / 0, events=(PAGE_FAULTS,))
    assert len(os.listdir("/proc/self/fd")) == before
