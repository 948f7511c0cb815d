# SPDX-License-Identifier: Apache-2.0
"""Memory that this program holds. In: a folder that stands for `/`. Out: a `Memory`, in bytes."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinytl_bridge.machine.tree import ROOT, fields_of, text_of

_STATUS = "proc/self/status"
_CLEAR = "proc/self/clear_refs"
_FORGET_PEAK = b"5"
_KB = re.compile(r"(\d+) kB")


@dataclass(frozen=True)
class Memory:
    """Resident memory. None where it is not known; `missing` says why.

    Attributes:
        peak_bytes: most that was resident since the program began or `forget_peak`. now_bytes: resident now.
        machine_bytes: all that the machine has.
        missing: field → reason.
    """

    peak_bytes: int | None
    now_bytes: int | None
    machine_bytes: int | None
    missing: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return asdict(self)


def read_memory(root: Path = ROOT) -> Memory:
    """Read what this program holds, libraries and Python included.

    Args:
        root: folder that stands for `/`.

    Returns:
        Bytes, by `VmHWM` and `VmRSS` of `/proc/self/status` and `MemTotal` of `/proc/meminfo`.
    """
    status = fields_of(text_of(root, _STATUS) or "")
    total = fields_of(text_of(root, "proc/meminfo") or "")
    facts = {"peak_bytes": _bytes(status, "VmHWM"), "now_bytes": _bytes(status, "VmRSS"), "machine_bytes": _bytes(total, "MemTotal")}
    reasons = {
        "peak_bytes": f"/{_STATUS} has no VmHWM",
        "now_bytes": f"/{_STATUS} has no VmRSS",
        "machine_bytes": "/proc/meminfo has no MemTotal",
    }
    return Memory(**facts, missing={fact: reasons[fact] for fact, value in facts.items() if value is None})


def forget_peak(root: Path = ROOT) -> str:
    """Ask the kernel to begin the peak anew, from what is resident now.

    Args:
        root: folder that stands for `/`.

    Returns:
        An empty text where it did; else why not, in words: the peak then counts from the beginning of the program.
    """
    path = root / _CLEAR
    if not path.exists():
        return f"/{_CLEAR} is missing"
    try:
        path.write_bytes(_FORGET_PEAK)
    except OSError as error:
        return f"/{_CLEAR}: {error.strerror}"
    return ""


def _bytes(fields: dict[str, str], name: str) -> int | None:
    found = _KB.fullmatch(fields.get(name, ""))
    return 1024 * int(found[1]) if found else None
