# SPDX-License-Identifier: Apache-2.0
"""Power by an INA219, INA226 or a sister of them, over the kernel's hwmon or IIO driver. In: files below `/sys`. Out: W.

hwmon: `power1_input` in µW, else `in1_input` in mV × `curr1_input` in mA. IIO: `in_power*_raw` × `in_power*_scale` in mW, else
`in_voltage1_raw` × scale in mV times `in_current*_raw` × scale in mA; voltage0 is the shunt's. The numbers are as right as the shunt
resistor that the driver was told (`shunt_resistor`).
"""

import math
import re
from pathlib import Path

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters.base import Watts
from tinytl_bridge.machine.tree import number_of, text_of

CHIPS = re.compile(r"ina(?:219|220|226|230|231|234|260)")
_STEP_W = {"ina219": 0.020, "ina220": 0.020}
"""Of power as the kernel's drivers set the chip with their default shunt; of the others 0.025."""


def is_ina(name: str | None) -> bool:
    """Tell whether the name of a chip is one of those that this file reads."""
    return name is not None and CHIPS.fullmatch(name) is not None


class HwmonMeter:
    """A chip of the INA2xx family over hwmon.

    Args:
        folder: `/sys/class/hwmon/hwmonN`, or one like it.
    """

    rate_hz = 50.0

    def __init__(self, folder: Path) -> None:
        chip = text_of(folder, "name") or "ina"
        self._folder = folder
        self.name = f"{chip} (hwmon)"
        self.how = f"{chip} over hwmon, power of the line that its shunt lies in; {_shunt(folder)}"
        self.resolution_w = _STEP_W.get(chip, 0.025)

    def sample(self) -> Watts:
        """Read the power now, in W.

        Raises:
            BenchError: neither power nor voltage and current can be read.
        """
        microwatts = number_of(self._folder, "power1_input")
        if microwatts is not None:
            return microwatts / 1e6
        millivolts, milliamperes = number_of(self._folder, "in1_input"), number_of(self._folder, "curr1_input")
        if millivolts is None or milliamperes is None:
            raise _silent(self.name, "power1_input, or in1_input and curr1_input")
        return millivolts * milliamperes / 1e6


class IioMeter:
    """A chip of the INA2xx family over IIO.

    Args:
        folder: `/sys/bus/iio/devices/iio:deviceN`, or one like it.
    """

    rate_hz = 50.0

    def __init__(self, folder: Path) -> None:
        chip = text_of(folder, "name") or "ina"
        self._folder = folder
        self.name = f"{chip} (IIO)"
        self.how = f"{chip} over IIO, power of the line that its shunt lies in; {_shunt(folder)}"
        self.resolution_w = _STEP_W.get(chip, 0.025)

    def sample(self) -> Watts:
        """Read the power now, in W.

        Raises:
            BenchError: neither power nor voltage and current can be read.
        """
        milliwatts = _scaled(self._folder, "in_power*_raw")
        if milliwatts is not None:
            return milliwatts / 1e3
        millivolts, milliamperes = _scaled(self._folder, "in_voltage1_raw"), _scaled(self._folder, "in_current*_raw")
        if millivolts is None or milliamperes is None:
            raise _silent(self.name, "in_power*_raw, or in_voltage1_raw and in_current*_raw, with a scale")
        return millivolts * milliamperes / 1e6


def _scaled(folder: Path, pattern: str) -> float | None:
    """Return raw × scale of the first channel of that kind; a channel without a scale of its own has its kind's, or 1."""
    for path in sorted(folder.glob(pattern)):
        raw = number_of(folder, path.name)
        channel = path.name.removesuffix("_raw")
        text = text_of(folder, f"{channel}_scale") or text_of(folder, f"{channel.rstrip('0123456789')}_scale") or "1"
        try:
            scale = float(text)
        except ValueError:
            continue
        if raw is not None and math.isfinite(scale):
            return raw * scale
    return None


def _shunt(folder: Path) -> str:
    shunt = text_of(folder, "shunt_resistor") or text_of(folder, "in_shunt_resistor")
    return f"as right as its shunt resistor ({shunt} by the driver, µΩ or Ω)" if shunt else "as right as its shunt resistor"


def _silent(name: str, files: str) -> BenchError:
    return BenchError(f"{name}: no number in its files", expected=files, hint="look whether the chip still answers: dmesg | grep ina")
