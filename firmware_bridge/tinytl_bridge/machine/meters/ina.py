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
_STEP_W_OHM = {"ina219": 200e-6, "ina220": 200e-6, "ina234": 80e-6}
"""Step of power × shunt resistor, in W Ω, as the kernel's hwmon driver sets these chips; of the others 62.5e-6."""
_DEFAULT_SHUNT_OHM = 0.010
_INA260_STEP_W = 0.010
"""Its shunt resistor is inside."""
_MOST_HZ = 50.0


def is_ina(name: str | None) -> bool:
    """Tell whether the name of a chip is one of those that this file reads."""
    return name is not None and CHIPS.fullmatch(name) is not None


class HwmonMeter:
    """A chip of the INA2xx family over hwmon.

    Args:
        folder: `/sys/class/hwmon/hwmonN`, or one like it.
    """

    def __init__(self, folder: Path) -> None:
        chip = text_of(folder, "name") or "ina"
        self._folder = folder
        self.name = f"{chip} (hwmon)"
        self.how = f"{chip} over hwmon, power of the line that its shunt lies in; {_shunt(folder)}"
        micro_ohms = number_of(folder, "shunt_resistor") or 0
        ohms = micro_ohms / 1e6 if micro_ohms > 0 else _DEFAULT_SHUNT_OHM
        self.resolution_w = _INA260_STEP_W if chip == "ina260" else _STEP_W_OHM.get(chip, 62.5e-6) / ohms
        interval_ms = number_of(folder, "update_interval") or 0
        self.rate_hz = min(_MOST_HZ, 1000 / interval_ms) if interval_ms > 0 else _MOST_HZ

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

    def __init__(self, folder: Path) -> None:
        chip = text_of(folder, "name") or "ina"
        self._folder = folder
        self.name = f"{chip} (IIO)"
        self.how = f"{chip} over IIO, power of the line that its shunt lies in; {_shunt(folder)}"
        self.resolution_w = (_scale(folder, "in_power*_scale") or 0.0) / 1e3
        self.rate_hz = min(_MOST_HZ, _scale(folder, "in_sampling_frequency") or _MOST_HZ)

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


def _scale(folder: Path, pattern: str) -> float | None:
    """Return the number above 0 that the first file of that name holds."""
    for path in sorted(folder.glob(pattern)):
        try:
            number = float(text_of(folder, path.name) or "")
        except ValueError:
            continue
        if math.isfinite(number) and number > 0:
            return number
    return None


def _shunt(folder: Path) -> str:
    shunt = text_of(folder, "shunt_resistor") or text_of(folder, "in_shunt_resistor")
    return f"as right as its shunt resistor ({shunt} by the driver, µΩ or Ω)" if shunt else "as right as its shunt resistor"


def _silent(name: str, files: str) -> BenchError:
    return BenchError(f"{name}: no number in its files", expected=files, hint="look whether the chip still answers: dmesg | grep ina")
