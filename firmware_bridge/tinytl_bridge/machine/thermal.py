# SPDX-License-Identifier: Apache-2.0
"""Temperature of the processor. In: a folder that stands for `/`. Out: a `Temperature`, of the sensor that is nearest to the cores."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinytl_bridge.machine.tree import ROOT, number_of, program_answer, text_of

_NEAR_CORES = ("cpu-thermal", "cpu_thermal", "soc_thermal", "soc-thermal", "bcm2835_thermal", "x86_pkg_temp", "coretemp", "k10temp")
_LEAST_C, _MOST_C = -55.0, 200.0
"""A sensor that tells less or more is broken."""
_MEASURED = re.compile(r"temp=(-?\d+(?:\.\d+)?)'C")


@dataclass(frozen=True)
class Temperature:
    """Heat of the processor. celsius: None where no sensor tells. how: which sensor, or why none."""

    celsius: float | None
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return the flat object for `json.dump`."""
        return asdict(self)


def read_temperature(root: Path = ROOT) -> Temperature:
    """Read the temperature of the processor: thermal zones, then hwmon, then a Pi's firmware.

    Args:
        root: folder that stands for `/`.

    Returns:
        °C between -55 and 200, of a sensor known to be of the processor, else of the first zone; None where nothing tells.
    """
    zones = _sensors(root, "sys/class/thermal/thermal_zone*", "type", "temp", "thermal zone")
    chips = _sensors(root, "sys/class/hwmon/hwmon*", "name", "temp1_input", "hwmon")
    near = [sensor for name, sensor in zones + chips if name in _NEAR_CORES]
    if near:
        return near[0]
    measured, why = _firmware(root)
    if measured is not None:
        return measured
    if zones:
        return zones[0][1]
    return Temperature(None, f"not known: no thermal zone, no hwmon of the processor; {why}")


def _sensors(root: Path, pattern: str, name_file: str, value_file: str, kind: str) -> list[tuple[str, Temperature]]:
    sensors = []
    for folder in sorted(root.glob(pattern), key=lambda path: (len(path.name), path.name)):
        name, millis = text_of(folder, name_file), number_of(folder, value_file)
        if name is not None and millis is not None and _LEAST_C <= millis / 1000 <= _MOST_C:
            sensors.append((name, Temperature(millis / 1000, f"{kind} {name}")))
    return sensors


def _firmware(root: Path) -> tuple[Temperature | None, str]:
    answer, why = program_answer(root, "vcgencmd", "measure_temp")
    if answer is None:
        return None, why
    found = _MEASURED.fullmatch(answer)
    if found is None:
        return None, f"vcgencmd measure_temp said {answer[:40]!r}"
    return Temperature(float(found[1]), "vcgencmd measure_temp"), ""
