# SPDX-License-Identifier: Apache-2.0
"""Instructions and cycles that the processor counts, of the calling thread in user mode, by `perf_event_open`.

In: a callable. Out: `Counted`, numbers a call. Where the kernel or the processor refuses, there are none, and the reason stands in words.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinytl.errors import BenchError
from tinytl_bridge.machine.tree import ROOT, text_of

HARDWARE, SOFTWARE = 0, 1
_SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "arm": 364, "i386": 336}
_READ_FORMAT = 1 | 2 | 8  # time enabled, time running, whole group
_DISABLED, _NO_KERNEL, _NO_HYPERVISOR = 1 << 0, 1 << 5, 1 << 6
_ENABLE, _DISABLE, _RESET, _GROUP = 0x2400, 0x2401, 0x2403, 1
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
_PARANOID = "proc/sys/kernel/perf_event_paranoid"


@dataclass(frozen=True)
class Event:
    """One event of the kernel: name as figures say it, kind (`HARDWARE`, `SOFTWARE`), number among its kind."""

    name: str
    kind: int
    number: int


CYCLES = Event("cycles", HARDWARE, 0)
INSTRUCTIONS = Event("instructions", HARDWARE, 1)


@dataclass(frozen=True)
class Counted:
    """What was counted in one call, on average.

    Attributes:
        per_call: event → number; empty where nothing could be counted.
        calls: that were counted together.
        how: in words; or why there are no numbers.
    """

    per_call: dict[str, float]
    calls: int
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return the object for `json.dump`."""
        return asdict(self)


def count_events(call: Callable[[], object], *, calls: int = 50, events: Sequence[Event] = (INSTRUCTIONS, CYCLES)) -> Counted:
    """Count events of `calls` calls, all as one group, so that their relation holds. Python's own loop around the call is counted with it.

    Args:
        call: what is counted; its result is dropped. Threads that it starts or uses are not counted.
        calls: 1 or more.
        events: of one group; the kernel counts all of them at once or none.

    Returns:
        Numbers a call; none, with the reason, where the machine does not count.

    Raises:
        BenchError: calls below 1, or no event.
    """
    if calls < 1 or not events:
        raise BenchError(f"{len(events)} events of {calls} calls", expected="at least one event of at least one call")
    descriptors: list[int] = []
    try:
        for event in events:
            descriptors.append(_open(event, descriptors[0] if descriptors else -1))
        values, share = _values(call, calls, descriptors)
    except OSError as error:
        return Counted({}, 0, _refusal(error))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    if share == 0:
        return Counted({}, 0, "none: the processor's counters were taken by somebody else all the time")
    how = f"perf_event_open, user mode, calling thread, {calls} calls together"
    if share < 1:
        how += f", counted {share:.0%} of the time and scaled"
    return Counted({event.name: value / share / calls for event, value in zip(events, values, strict=True)}, calls, how)


def _machine() -> str:
    """Return the machine whose system calls this program makes: one of 32 bits on a kernel of 64 has its own numbers."""
    machine, wide = platform.machine(), struct.calcsize("P") == 8
    if machine in ("aarch64", "arm64"):
        return "aarch64" if wide else "arm"
    if machine in ("x86_64", "AMD64"):
        return "x86_64" if wide else "i386"
    return "arm" if machine.startswith("arm") else machine


def _open(event: Event, leader: int) -> int:
    number = _SYSCALLS.get(_machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"the system call's number on {_machine()} is not known")
    flags = _NO_KERNEL | _NO_HYPERVISOR | (_DISABLED if leader < 0 else 0)
    attributes = _ATTRIBUTES.pack(event.kind, _ATTRIBUTES.size, event.number, 0, 0, _READ_FORMAT, flags, 0, 0, 0)
    system = ctypes.CDLL(None, use_errno=True).syscall
    system.restype = ctypes.c_long
    this_thread, any_core, no_flags = ctypes.c_int(0), ctypes.c_int(-1), ctypes.c_ulong(0)
    descriptor = system(ctypes.c_long(number), attributes, this_thread, any_core, ctypes.c_int(leader), no_flags)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    os.set_inheritable(descriptor, False)
    return int(descriptor)


def _values(call: Callable[[], object], calls: int, descriptors: list[int]) -> tuple[tuple[int, ...], float]:
    """Return the group's numbers and the share of the time in which it was counted, 0 … 1."""
    leader = descriptors[0]
    call()
    fcntl.ioctl(leader, _RESET, _GROUP)
    fcntl.ioctl(leader, _ENABLE, _GROUP)
    try:
        for _ in range(calls):
            call()
    finally:
        fcntl.ioctl(leader, _DISABLE, _GROUP)
    data = os.read(leader, 8 * (3 + len(descriptors)))
    _, enabled, running, *values = struct.unpack(f"={3 + len(descriptors)}Q", data)
    return tuple(values), running / enabled if enabled else 0.0


def _refusal(error: OSError, root: Path = ROOT) -> str:
    reasons = {
        errno.ENOENT: "the processor offers no such counter here, as in most virtual machines",
        errno.ENOSYS: "this kernel has no perf_event_open, as under user-mode emulation",
        errno.EOPNOTSUPP: "the processor cannot count user mode alone",
    }
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    if error.errno in (errno.EPERM, errno.EACCES):
        level = text_of(root, _PARANOID) or "not known"
        return f"none: {name}; kernel.perf_event_paranoid is {level}, 2 or less is needed: sudo sysctl kernel.perf_event_paranoid=2"
    return f"none: {name}; {reasons.get(error.errno or 0, error.strerror)}"
