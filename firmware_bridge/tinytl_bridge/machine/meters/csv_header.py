# SPDX-License-Identifier: Apache-2.0
"""Columns of a power meter's file. In: names of its header, e.g. `Time (s)`, `power_mw`, `Voltage[V]`. Out: where time and power stand.

Power is one column, or voltage × current. Units come from the names and are never guessed; of time a number without a unit is taken by
its size, since it counts from 1970.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinytl.errors import BenchError

_NAMES = {
    "time": ("time", "timestamp", "datetime", "time stamp", "date time", "t"),
    "power": ("power", "p"),
    "voltage": ("voltage", "bus voltage", "vbus voltage", "vbus", "u"),
    "current": ("current", "bus current", "vbus current", "i"),
}
_SPELLED = {"watts": "w", "watt": "w", "volts": "v", "volt": "v", "amps": "a", "amperes": "a", "ampere": "a", "milliwatts": "mw",
            "seconds": "s", "sec": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}  # fmt: skip
_UNITS = {
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9},
    "power": {"w": 1.0, "mw": 1e-3, "uw": 1e-6},
    "voltage": {"v": 1.0, "mv": 1e-3, "uv": 1e-6},
    "current": {"a": 1.0, "ma": 1e-3, "ua": 1e-6},
}
_HINT = "name the columns like this: timestamp_s,power_w or timestamp_ms,voltage_v,current_ma"


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row.

    Attributes:
        time: column of time. time_scale: its unit in s; None: a number by its size, or a date.
        factors: columns whose product is the power, each with its unit in W, V or A.
    """

    time: int
    time_scale: float | None
    factors: tuple[tuple[int, float], ...]


def columns_of(names: Sequence[str]) -> Columns:
    """Find time and power among the names of a header.

    Args:
        names: one a column.

    Returns:
        Columns and units. Where both stand, power is taken, not voltage and current.

    Raises:
        BenchError: no time; no power nor voltage and current; one of them twice, or without its unit.
    """
    found: dict[str, list[tuple[int, str]]] = {quantity: [] for quantity in _NAMES}
    for index, name in enumerate(names):
        quantity, unit = _read(name)
        if quantity:
            found[quantity].append((index, unit))
    header = ", ".join(name.strip() for name in names)[:100]
    for quantity, columns in found.items():
        if len(columns) > 1:
            raise BenchError(f"header `{header}` has {len(columns)} columns of {quantity}", expected="one", hint=_HINT)
    if not found["time"]:
        raise BenchError(f"header `{header}` has no column of time", expected="time or timestamp", hint=_HINT)
    quantities = ("power",) if found["power"] else ("voltage", "current")
    if not all(found[quantity] for quantity in quantities):
        raise BenchError(f"header `{header}` has no power", expected="power, or voltage and current", hint=_HINT)
    time, unit = found["time"][0]
    factors = []
    for quantity in quantities:
        index, of = found[quantity][0]
        if not of:
            units = ", ".join(_UNITS[quantity])
            raise BenchError(f"column `{names[index].strip()}` names no unit of {quantity}", expected=f"one of {units}", hint=_HINT)
        factors.append((index, _UNITS[quantity][of]))
    return Columns(time, _UNITS["time"][unit] if unit else None, tuple(factors))


def _read(name: str) -> tuple[str, str]:
    """Return quantity and unit of a column's name, each empty where it names none."""
    words = [_SPELLED.get(word, word) for word in re.findall(r"[a-z]+", name.lower().replace("µ", "u").replace("μ", "u"))]
    for quantity, units in _UNITS.items():
        if len(words) == 1 and words[0] in units:
            return quantity, words[0]
        unit = words[-1] if len(words) > 1 and words[-1] in units else ""
        if " ".join(words[:-1] if unit else words) in _NAMES[quantity]:
            return quantity, unit
    return "", ""
