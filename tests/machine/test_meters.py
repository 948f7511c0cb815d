# SPDX-License-Identifier: Apache-2.0
"""Meters: a Pi 5's PMIC through a program on PATH, INA chips over hwmon and IIO, which are found, and a thread that records them."""

import time
from pathlib import Path

import numpy as np
import pytest
from machine_trees import PIS, RAILS, RAILS_W, pmic_text, vcgencmd_script, write_files, write_pi, write_program

from tinytl.errors import BenchError
from tinytl_bridge.machine.meters import MeterRecorder, find_meters
from tinytl_bridge.machine.meters.ina import HwmonMeter, IioMeter
from tinytl_bridge.machine.meters.pmic import PmicMeter, rails_of

HWMON = {"name": "ina219\n", "power1_input": "3240000\n", "in1_input": "5120\n", "curr1_input": "640\n", "shunt_resistor": "100000\n"}
IIO = {"name": "ina226\n", "in_power2_raw": "130\n", "in_power2_scale": "25.000000000\n", "in_voltage0_raw": "900\n",
       "in_voltage0_scale": "0.002500000\n", "in_voltage1_raw": "4096\n", "in_voltage1_scale": "1.250000000\n",
       "in_current3_raw": "640\n", "in_current3_scale": "1\n", "in_shunt_resistor": "0.010000000\n"}  # fmt: skip


def write_chip(folder: Path, files: dict[str, str], *, without: tuple[str, ...] = ()) -> Path:
    return write_files(folder, {name: text for name, text in files.items() if name not in without})


def test_rails_are_paired_by_name_and_the_input_voltage_is_no_rail() -> None:
    assert rails_of(pmic_text()) == {name: (amperes, volts) for name, (_, _, amperes, volts) in RAILS.items()}


def test_the_pmic_of_a_program_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "vcgencmd", vcgencmd_script(PIS["pi5"]))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    meter = PmicMeter()
    assert meter.sample() == pytest.approx(RAILS_W)
    assert "USB" in meter.how and "a plug meter shows more" in meter.how


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo 'error=1 error_msg=\"Command not registered\"'", "Command not registered"),
        ("echo 'VDD_CORE_A current(7)=1.5A'; echo 'EXT5V_V volt(24)=5.1V'", "VDD_CORE_A current"),
        ("echo 'VDD_CORE_A current(7)=1.5V'; echo 'VDD_CORE_V volt(7)=nanV'", "VDD_CORE_A current"),
        ("printf '\\377\\000\\377'", "said '"),
        ("exit 1", "said 'nothing' and ended with 1"),
    ],
)
def test_a_pmic_that_tells_no_rail_is_refused(script: str, text: str, tmp_path: Path) -> None:
    write_program(tmp_path / "usr/bin/vcgencmd", script)
    with pytest.raises(BenchError, match=r"PMIC: .*expected current and voltage of rails") as caught:
        PmicMeter(tmp_path).sample()
    assert text in caught.value.what


def test_an_ina_over_hwmon_tells_power_or_voltage_and_current(tmp_path: Path) -> None:
    meter = HwmonMeter(write_chip(tmp_path / "a", HWMON))
    assert (meter.sample(), meter.name, meter.rate_hz) == (3.24, "ina219 (hwmon)", 50)
    assert meter.resolution_w == pytest.approx(0.002)
    assert "shunt resistor (100000 by the driver" in meter.how
    meter = HwmonMeter(write_chip(tmp_path / "b", HWMON, without=("power1_input",)))
    assert meter.sample() == pytest.approx(5.12 * 0.64)
    meter = HwmonMeter(write_chip(tmp_path / "c", HWMON | {"power1_input": "", "curr1_input": "none"}))
    with pytest.raises(BenchError, match=r"ina219 \(hwmon\): no number in its files; expected power1_input, or in1_input and curr1_input"):
        meter.sample()


def test_an_ina_over_iio_is_scaled_and_its_shunt_voltage_is_not_its_voltage(tmp_path: Path) -> None:
    meter = IioMeter(write_chip(tmp_path / "a", IIO))
    assert (meter.sample(), meter.name, meter.resolution_w, meter.rate_hz) == (3.25, "ina226 (IIO)", 0.025, 50)
    meter = IioMeter(write_chip(tmp_path / "b", IIO, without=("in_power2_raw",)))
    assert meter.sample() == pytest.approx(5.12 * 0.64)
    shared = IIO | {"in_power_scale": "20.0\n"}
    assert IioMeter(write_chip(tmp_path / "c", shared, without=("in_power2_scale",))).sample() == pytest.approx(2.6)
    damaged = IIO | {"in_power2_scale": "inf\n", "in_voltage1_scale": "?\n"}
    with pytest.raises(BenchError, match=r"ina226 \(IIO\): no number in its files"):
        IioMeter(write_chip(tmp_path / "d", damaged)).sample()


@pytest.mark.parametrize(
    ("files", "step_w", "rate_hz"),
    [
        ({"name": "ina219"}, 0.020, 50),
        ({"name": "ina226", "update_interval": "35"}, 0.00625, 1000 / 35),
        ({"name": "ina226", "shunt_resistor": "100000", "update_interval": "0"}, 0.000625, 50),
        ({"name": "ina234", "shunt_resistor": "-1"}, 0.008, 50),
        ({"name": "ina260", "update_interval": "?"}, 0.010, 50),
    ],
)
def test_step_and_rate_of_chips_over_hwmon(files: dict[str, str], step_w: float, rate_hz: float, tmp_path: Path) -> None:
    meter = HwmonMeter(write_chip(tmp_path, files))
    assert (meter.resolution_w, meter.rate_hz) == (pytest.approx(step_w), pytest.approx(rate_hz))


def test_step_and_rate_of_chips_over_iio(tmp_path: Path) -> None:
    meter = IioMeter(write_chip(tmp_path / "a", IIO | {"in_sampling_frequency": "28"}, without=("in_power2_scale",)))
    assert (meter.resolution_w, meter.rate_hz) == (0, 28)
    meter = IioMeter(write_chip(tmp_path / "b", IIO | {"in_sampling_frequency": "114", "in_power2_scale": "6.25"}))
    assert (meter.resolution_w, meter.rate_hz) == (0.00625, 50)


@pytest.mark.parametrize("name", PIS)
def test_which_meters_a_pi_has(name: str, tmp_path: Path) -> None:
    meters, reasons = find_meters(write_pi(tmp_path, name))
    assert [meter.name for meter in meters] == (["Raspberry Pi 5 PMIC"] if name == "pi5" else [])
    assert reasons[0] == "no INA219, INA226 or the like over hwmon or IIO"
    assert len(reasons) == (1 if name == "pi5" else 2)


def test_chips_are_found_by_their_names_and_a_dead_one_says_why(tmp_path: Path) -> None:
    root = write_pi(tmp_path, "pi5")
    write_chip(root / "sys/class/hwmon/hwmon0", {"name": "cpu_thermal\n", "power1_input": "1\n"})
    write_chip(root / "sys/class/hwmon/hwmon10", HWMON | {"name": "ina226\n"})
    write_chip(root / "sys/class/hwmon/hwmon2", {"name": "ina219\n"})
    write_chip(root / "sys/bus/iio/devices/iio:device0", IIO)
    meters, reasons = find_meters(root)
    assert [meter.name for meter in meters] == ["ina226 (hwmon)", "ina226 (IIO)", "Raspberry Pi 5 PMIC"]
    assert reasons == ("ina219 (hwmon): no number in its files",)


def test_no_meter_on_an_empty_machine(tmp_path: Path) -> None:
    assert find_meters(tmp_path)[0] == ()


class SteadyMeter:
    """Power that is the number of samples so far; refuses those whose numbers are given."""

    name, how, rate_hz, resolution_w = "steady", "counted", 500.0, 0.0

    def __init__(self, refused: range = range(0)) -> None:
        self.count, self._refused = 0, refused

    def sample(self) -> float:
        self.count += 1
        if self.count in self._refused:
            raise BenchError(f"sample {self.count} refused")
        return float(self.count)


def test_a_recorder_spans_the_run_at_its_rate() -> None:
    meter = SteadyMeter()
    with MeterRecorder(meter) as recorder:
        begin = time.monotonic()
        time.sleep(0.2)
        end = time.monotonic()
    trace = recorder.trace()
    assert trace.times_s[0] < begin and trace.times_s[-1] > end and trace.clock == "monotonic"
    assert 10 < trace.times_s.size <= 0.2 * 500 * 1.5 + 3
    np.testing.assert_array_equal(trace.watts, np.arange(1, meter.count + 1))


def test_a_recorder_reads_files_that_change_meanwhile(tmp_path: Path) -> None:
    folder = write_chip(tmp_path, HWMON)
    with MeterRecorder(HwmonMeter(folder), rate_hz=200) as recorder:
        time.sleep(0.05)
        changed = folder / "changed"
        changed.write_text("1000000\n")
        changed.replace(folder / "power1_input")  # as the kernel's file, it is never half written
        time.sleep(0.05)
    watts = recorder.trace().watts
    assert watts[0] == 3.24 and watts[-1] == 1.0 and set(watts) == {3.24, 1.0}


def test_single_failures_are_left_out_and_a_dead_meter_is_told() -> None:
    with MeterRecorder(SteadyMeter(range(2, 5))) as recorder:
        time.sleep(0.05)
    assert list(recorder.trace().watts[:2]) == [1.0, 5.0]
    with MeterRecorder(SteadyMeter(range(3, 99))) as recorder:
        time.sleep(0.05)
    with pytest.raises(BenchError, match="sample 7 refused"):
        recorder.trace()
    with MeterRecorder(SteadyMeter(range(99))) as recorder:
        pass
    with pytest.raises(BenchError, match="refused"):
        recorder.trace()


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(BenchError, match="steady: 0 samples a second; expected more than 0"):
        MeterRecorder(SteadyMeter(), rate_hz=0)
