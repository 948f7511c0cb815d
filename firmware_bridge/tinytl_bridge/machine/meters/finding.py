# SPDX-License-Identifier: Apache-2.0
"""Which meters a machine has. In: a folder that stands for `/`. Out: meters that answered once."""

from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.base import Meter
from tinytl_bridge.machine.meters.ina import HwmonMeter, IioMeter, is_ina
from tinytl_bridge.machine.meters.pmic import PmicMeter
from tinytl_bridge.machine.tree import ROOT, text_of


def find_meters(root: Path = ROOT) -> tuple[tuple[Meter, ...], tuple[str, ...]]:
    """Look for meters, the most trustworthy first: INA chips over hwmon, over IIO, the PMIC of a Pi 5. Each is read once.

    Args:
        root: folder that stands for `/`.

    Returns:
        Meters that answer; and of each kind or chip that does not, why, in words.
    """
    candidates: list[Meter] = [HwmonMeter(folder) for folder in _chips(root, "sys/class/hwmon/hwmon*")]
    candidates += [IioMeter(folder) for folder in _chips(root, "sys/bus/iio/devices/iio:device*")]
    reasons = [] if candidates else ["no INA219, INA226 or the like over hwmon or IIO"]
    meters = []
    for meter in (*candidates, PmicMeter(root)):
        try:
            meter.sample()
        except BenchError as error:
            reasons.append(error.what)
        else:
            meters.append(meter)
    return tuple(meters), tuple(reasons)


def _chips(root: Path, pattern: str) -> list[Path]:
    folders = sorted(root.glob(pattern), key=lambda path: (len(path.name), path.name))
    return [folder for folder in folders if is_ina(text_of(folder, "name"))]
