# SPDX-License-Identifier: Apache-2.0
"""Folders that stand for `/` of a Raspberry Pi 3, 4, 5 and Zero 2 W: the files and programs that the bridge reads, as Pi OS writes them."""

import os
from dataclasses import dataclass
from pathlib import Path

SERIAL = "10000000a3f1b2c4"
HOST_NAME = "annas-kitchen-pi"


@dataclass(frozen=True)
class Pi:
    """What differs between the boards. kHz, m°C; pmic: whether `vcgencmd pmic_read_adc` is known."""

    model: str
    part: str
    revision: str
    now_khz: int
    max_khz: int
    millis: int
    megabytes: int
    firmware_hz: int
    pmic: bool = False


PIS = {
    "pi3": Pi("Raspberry Pi 3 Model B Plus Rev 1.3", "0xd03", "a020d3", 1_400_000, 1_400_000, 53_692, 905, 1_400_000_000),
    "pi4": Pi("Raspberry Pi 4 Model B Rev 1.4", "0xd08", "c03114", 600_000, 1_800_000, 42_355, 3_791, 600_117_184),
    "pi5": Pi("Raspberry Pi 5 Model B Rev 1.0", "0xd0b", "d04170", 2_400_000, 2_400_000, 49_400, 8_062, 2_400_033_792, True),
    "zero2": Pi("Raspberry Pi Zero 2 W Rev 1.0", "0xd03", "902120", 1_000_000, 1_000_000, 46_160, 419, 1_000_000_000),
}

RAILS = {
    "3V7_WL_SW": (0, 8, 0.01, 3.7), "3V3_SYS": (1, 9, 0.06, 3.3), "1V8_SYS": (2, 10, 0.16, 1.8), "DDR_VDD2": (3, 11, 0.02, 1.1),
    "1V1_SYS": (5, 13, 0.18, 1.1), "0V8_SW": (6, 14, 0.33, 0.8), "VDD_CORE": (7, 15, 1.5, 0.75), "HDMI": (22, 23, 0.014, 5.07),
}  # fmt: skip
"""Rail of a Pi 5's PMIC → channel of its current, channel of its voltage, A, V."""
RAILS_W = sum(amperes * volts for _, _, amperes, volts in RAILS.values())


def pmic_text() -> str:
    """What `vcgencmd pmic_read_adc` prints: all currents, all voltages, then two voltages without a current."""
    currents = [f"{name + '_A':>16} current({channel})={amperes:.8f}A" for name, (channel, _, amperes, _) in RAILS.items()]
    voltages = [f"{name + '_V':>16} volt({channel})={volts:.8f}V" for name, (_, channel, _, volts) in RAILS.items()]
    return "\n".join([*currents, *voltages, "         EXT5V_V volt(24)=5.15498000V", "          BATT_V volt(25)=0.00000000V"])


def write_files(root: Path, files: dict[str, str]) -> Path:
    """Write texts by their path below the root."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return root


def write_program(path: Path, script: str) -> Path:
    """Write a shell program that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    os.chmod(path, 0o755)
    return path


def vcgencmd_script(pi: Pi, *, throttled: str = "0x0") -> str:
    """A `vcgencmd` that answers as this board's does."""
    pmic = f"cat <<'TEXT'\n{pmic_text()}\nTEXT" if pi.pmic else "echo 'error=1 error_msg=\"Command not registered\"'"
    return (
        'case "$1 $2" in\n'
        f"'get_throttled ') echo throttled={throttled} ;;\n"
        f"'measure_clock arm') echo 'frequency(48)={pi.firmware_hz}' ;;\n"
        f"'measure_temp ') echo \"temp={pi.millis / 1000:.1f}'C\" ;;\n"
        f"'pmic_read_adc ') {pmic}\n;;\n"
        "*) echo 'error=1 error_msg=\"Command not registered\"' ;;\nesac"
    )


def write_pi(root: Path, name: str, *, throttled: str = "0x0") -> Path:
    """Write the tree of a board, its `vcgencmd` included.

    Args:
        root: an empty folder.
        name: of `PIS`.
        throttled: what the firmware answers.
    """
    pi = PIS[name]
    core = (
        "processor\t: {index}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {pi.part}\nCPU revision\t: 3\n\n"
    )
    files = {
        "proc/cpuinfo": "".join(core.format(index=index) for index in range(4))
        + f"Hardware\t: BCM2835\nRevision\t: {pi.revision}\nSerial\t\t: {SERIAL}\nModel\t\t: {pi.model}\n",
        "proc/device-tree/model": pi.model + "\0",
        "proc/device-tree/serial-number": SERIAL + "\0",
        "proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-v8\n",
        "proc/sys/kernel/arch": "aarch64\n",
        "proc/sys/kernel/hostname": HOST_NAME + "\n",
        "etc/hostname": HOST_NAME + "\n",
        "proc/meminfo": f"MemTotal:        {pi.megabytes * 1024} kB\nMemFree:  1 kB\n",
        "sys/devices/system/cpu/online": "0-3\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": f"{pi.millis}\n",
    }
    for index in range(4):
        folder = f"sys/devices/system/cpu/cpu{index}/cpufreq"
        files |= {f"{folder}/scaling_cur_freq": f"{pi.now_khz}\n", f"{folder}/cpuinfo_max_freq": f"{pi.max_khz}\n",
                  f"{folder}/scaling_governor": "ondemand\n"}  # fmt: skip
    write_program(root / "usr/bin/vcgencmd", vcgencmd_script(pi, throttled=throttled))
    return write_files(root, files)
