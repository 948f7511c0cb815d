# SPDX-License-Identifier: Apache-2.0
"""Processor, clock and system of a Linux machine. In: a folder that stands for `/`. Out: a `Cpu`.

A Pi's firmware lowers its clock without telling the kernel, so that `clock_measured_mhz` is asked from `vcgencmd measure_clock arm`.
"""

import platform
import re
import struct
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinytl_bridge.machine.tree import ROOT, fields_of, number_of, program_answer, text_of

_ARM_PARTS = {
    0xB76: "ARM1176", 0xC07: "Cortex-A7", 0xC08: "Cortex-A8", 0xC09: "Cortex-A9", 0xC0F: "Cortex-A15", 0xD03: "Cortex-A53",
    0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72", 0xD09: "Cortex-A73", 0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76", 0xD0C: "Neoverse-N1", 0xD40: "Neoverse-V1", 0xD41: "Cortex-A78", 0xD49: "Neoverse-N2",
}  # fmt: skip
_ARM = 0x41
_ARCH = "proc/sys/kernel/arch"
_KINDS = {"aarch64": "arm", "arm64": "arm", "x86_64": "x86", "i386": "x86", "i686": "x86"}
_CPU = "sys/devices/system/cpu"
_FREQUENCY = re.compile(r"frequency\(\d+\)=(\d+)")


@dataclass(frozen=True)
class Cpu:
    """What runs the code. None where it is not known; `missing` says why.

    Attributes:
        board: model of the board by its device tree, e.g. `Raspberry Pi 5 Model B Rev 1.0`.
        processor: model of the cores, e.g. `Cortex-A76`. cores: that the kernel runs.
        clock_mhz: of the fastest core now, by the kernel. clock_max_mhz: its limit. Both in MHz.
        clock_measured_mhz: by a Pi's firmware, in MHz; lower than the kernel's where the firmware throttles.
        governor: of the clock. kernel: its release. machine: what this program runs on, e.g. `aarch64`.
        emulated: whether the kernel is of another kind of processor than this program, as under `qemu-aarch64`; what `/proc` tells of
            the processor is then the host's, and wall times are of no such board.
        process_bits: of a pointer of this program, 32 or 64. libc: of this program.
        missing: field → reason.
    """

    board: str | None
    processor: str | None
    cores: int | None
    clock_mhz: float | None
    clock_max_mhz: float | None
    clock_measured_mhz: float | None
    governor: str | None
    kernel: str | None
    machine: str | None
    emulated: bool | None
    process_bits: int
    libc: str | None
    missing: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return asdict(self)


def examine_cpu(root: Path = ROOT) -> Cpu:
    """Look at the processor.

    Args:
        root: folder that stands for `/`. `process_bits` and `libc` are always those of this program.

    Returns:
        What is known; a damaged file counts as a missing one.
    """
    cpuinfo = text_of(root, "proc/cpuinfo") or ""
    arch = text_of(root, _ARCH)
    measured, why = _measured(root)
    name, version = platform.libc_ver()
    facts: dict[str, Any] = {
        "board": text_of(root, "proc/device-tree/model") or fields_of(cpuinfo).get("Model"),
        "processor": _processor(cpuinfo),
        "cores": _cores(root, cpuinfo),
        "clock_mhz": _fastest(root, "scaling_cur_freq") or _x86_clock(cpuinfo),
        "clock_max_mhz": _fastest(root, "cpuinfo_max_freq"),
        "clock_measured_mhz": measured,
        "governor": text_of(root, f"{_CPU}/cpu0/cpufreq/scaling_governor"),
        "kernel": text_of(root, "proc/sys/kernel/osrelease"),
        "machine": platform.machine() if root == ROOT else arch,
        "emulated": is_emulated(arch, platform.machine()) if arch and root == ROOT else None,
        "libc": f"{name} {version}" if name else None,
    }
    reasons = {
        "board": "no device tree names one", "processor": "/proc/cpuinfo names none that is known", "cores": "the kernel lists none",
        "clock_mhz": "no cpufreq", "clock_max_mhz": "no cpufreq", "clock_measured_mhz": why, "governor": "no cpufreq",
        "kernel": "/proc/sys/kernel/osrelease is missing", "machine": f"/{_ARCH} is missing",
        "emulated": f"/{_ARCH} is missing, as before Linux 6.1" if root == ROOT else "not this machine",
        "libc": "not glibc",
    }  # fmt: skip
    missing = {fact: reasons[fact] for fact, value in facts.items() if value is None}
    return Cpu(**facts, process_bits=8 * struct.calcsize("P"), missing=missing)


def is_emulated(kernel: str, program: str) -> bool:
    """Tell whether a program runs on a kernel for another kind of processor; 32 bits on a kernel of 64 bits is the same kind.

    Args:
        kernel: machine by `/proc/sys/kernel/arch`, e.g. `x86_64`.
        program: machine by `uname`, e.g. `armv7l`.

    Returns:
        Whether their kinds differ.
    """
    return _kind(kernel) != _kind(program)


def _kind(machine: str) -> str:
    return _KINDS.get(machine, "arm" if machine.startswith("arm") else machine)


def _processor(cpuinfo: str) -> str | None:
    """Return the model of the cores: of Arm by their part numbers, each kind once with its count where there are several."""
    models = []
    for block in re.split(r"\n\s*\n", cpuinfo):
        fields = fields_of(block)
        try:
            implementer, part = int(fields["CPU implementer"], 16), int(fields["CPU part"], 16)
        except (KeyError, ValueError):
            continue
        unknown = f"implementer 0x{implementer:02x} part 0x{part:03x}"
        models.append(_ARM_PARTS.get(part, unknown) if implementer == _ARM else unknown)
    kinds = Counter(models)
    if len(kinds) > 1:
        return " + ".join(f"{count} × {kind}" for kind, count in kinds.items())
    return models[0] if models else fields_of(cpuinfo).get("model name") or None


def _cores(root: Path, cpuinfo: str) -> int | None:
    """Return how many cores are online, e.g. of `0-3` or `0,2-3`; else the processors that /proc/cpuinfo lists."""
    ranges = re.findall(r"(\d+)(?:-(\d+))?", text_of(root, f"{_CPU}/online") or "")
    count = sum(int(last or first) - int(first) + 1 for first, last in ranges)
    return count if count > 0 else len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or None


def _fastest(root: Path, name: str) -> float | None:
    """Return the highest of that file of all cores, which hold kHz, in MHz."""
    paths = sorted((root / _CPU).glob(f"cpu[0-9]*/cpufreq/{name}"))
    clocks = [number_of(path.parent, path.name) for path in paths]
    return max((clock / 1000 for clock in clocks if clock is not None and clock > 0), default=None)


def _x86_clock(cpuinfo: str) -> float | None:
    clocks = [float(clock) for clock in re.findall(r"^cpu MHz\s*:\s*([0-9]+(?:\.[0-9]+)?)\s*$", cpuinfo, re.MULTILINE)]
    return max(clocks, default=None)


def _measured(root: Path) -> tuple[float | None, str]:
    answer, why = program_answer(root, "vcgencmd", "measure_clock", "arm")
    if answer is None:
        return None, why
    found = _FREQUENCY.fullmatch(answer)
    return (int(found[1]) / 1e6, "") if found else (None, f"vcgencmd measure_clock said {answer[:40]!r}")
