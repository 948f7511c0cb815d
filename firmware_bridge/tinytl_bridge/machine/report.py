# SPDX-License-Identifier: Apache-2.0
"""All that a maintainer needs of somebody who runs tinytl on hardware for the first time. In: a folder that stands for `/`. Out: JSON.

Nothing personal is in it: no host name, no user, no serial number, no path of a home; hints, which may name where a package came from,
are left out, and what is left is searched for paths once more.
"""

import os
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tinytl.errors import BenchError
from tinytl.version import __version__
from tinytl_bridge.doctor import examine
from tinytl_bridge.machine.cpu import examine_cpu
from tinytl_bridge.machine.latency import measure_latency
from tinytl_bridge.machine.memory import read_memory
from tinytl_bridge.machine.meters import Meter, find_meters
from tinytl_bridge.machine.perf_counters import count_events
from tinytl_bridge.machine.thermal import read_temperature
from tinytl_bridge.machine.throttling import read_throttling
from tinytl_bridge.machine.tree import ROOT, fields_of, text_of

FORMAT = "tinytl-report"
PACKAGES = (
    "numpy",
    "Pillow",
    "cryptography",
    "pyserial",
    "paho-mqtt",
    "ai-edge-litert",
    "tflite-runtime",
    "picamera2",
    "tensorflow",
)
"""Whose versions matter; None in the report where one is not installed."""
_ENGINES = ("ai-edge-litert", "tflite-runtime")
_HOMES = re.compile(r"/(?:home|Users)/[^\s/,;:()'\"`]*|/root(?=/|\b)")
_BELOW_HOME = re.compile(r"~[^\s,;:()'\"`]*/")
_PUBLIC = ("/sys/", "/proc/", "/usr/", "/dev/", "/bin/", "/class/")
_PATH = re.compile(r"(?<![\w.~])(?:/[^\s/,;:()'\"`]+){2,}")


def report_of(root: Path = ROOT) -> dict[str, Any]:
    """Look at this machine and at what is installed. Changes nothing; takes about a second.

    Args:
        root: folder that stands for `/`; packages and counters are always those of this program.

    Returns:
        An object for `json.dump`: format, versions, machine, engines, findings, meters.
    """
    meters, no_meters = find_meters(root)
    findings = {finding.name: {"found": finding.found, "detail": finding.detail} for finding in examine()}
    report = {
        "format": FORMAT,
        "tinytl": __version__,
        "python": f"{sys.implementation.name} {sys.version.partition(' ')[0]}",
        "system": _system(root),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": examine_cpu(root).to_json(),
        "memory": read_memory(root).to_json(),
        "temperature": read_temperature(root).to_json(),
        "throttling": read_throttling(root).to_json(),
        "counters": count_events(_small_work).to_json(),
        "small_work": measure_latency(_small_work, warmup=20, count=200, max_seconds=1).to_json(),
        "meters": [{"name": meter.name, "how": meter.how, "watts": _watts(meter)} for meter in meters],
        "no_meters": list(no_meters),
        "engines": {"runtime": findings["twin"]["found"], "litert": next((_version(name) for name in _ENGINES if _version(name)), None)},
        "findings": findings,
    }
    return _without_paths(report)


def without_paths(text: str) -> str:
    """Take out of a text what could name somebody: the home folder, and of other paths all but their last name.

    Args:
        text: any.

    Returns:
        The text, paths of the system (`/sys`, `/proc`, `/usr`, `/dev`) as they were.
    """
    for folder in sorted({os.path.expanduser("~"), sys.prefix}, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(folder, "~")
    text = _HOMES.sub("~", text)
    text = _BELOW_HOME.sub("…/", text)
    return _PATH.sub(lambda found: found[0] if found[0].startswith(_PUBLIC) else "…/" + found[0].rpartition("/")[2], text)


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_paths(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_paths(item) for item in value]
    return without_paths(value) if isinstance(value, str) else value


def _system(root: Path) -> str | None:
    """Return the name of the distribution, e.g. `Debian GNU/Linux 12 (bookworm)`."""
    fields = fields_of((text_of(root, "etc/os-release") or "").replace("=", ":"))
    return fields.get("PRETTY_NAME", "").strip('"') or None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _watts(meter: Meter) -> float | None:
    try:
        return meter.sample()
    except BenchError:
        return None


def _small_work() -> int:
    return sum(range(1000))
