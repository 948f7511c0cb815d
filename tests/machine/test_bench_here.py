# SPDX-License-Identifier: Apache-2.0
"""The bench of a machine: energy of a run by a meter and by a file that grows meanwhile, figures with their origins, throttled runs."""

import json
import threading
import time
from pathlib import Path

import pytest
from machine_trees import RAILS_W, write_files, write_pi, write_program

from tinytl.errors import BenchError
from tinytl_bridge.machine.bench_here import COUNTED, ENERGY_FIGURES, measure_machine
from tinytl_bridge.machine.energy_run import MeterFile, measure_energy

CHIP = "sys/class/hwmon/hwmon1"


class Load:
    """A call of 2 ms, and a meter that shows 3 W while it was called within the last 400 ms, 2 W else.

    It is slow on purpose: what other programs take of the processor meanwhile must not look like a gap or like rest.
    """

    name, how, rate_hz, resolution_w = "load", "of a test", 20.0, 0.0

    def __init__(self) -> None:
        self.calls, self._last = 0, 0.0

    def __call__(self) -> None:
        time.sleep(0.002)
        self.calls, self._last = self.calls + 1, time.monotonic()

    def sample(self) -> float:
        return 3.0 if time.monotonic() - self._last < 0.4 else 2.0


@pytest.mark.long
def test_energy_of_a_call_by_a_meter() -> None:
    load = Load()
    measured = measure_energy(load, load, idle_seconds=2, run_seconds=3, settle_seconds=0.1)
    assert measured.calls == load.calls and measured.idle_w == pytest.approx(2.0)
    assert measured.run_w == pytest.approx(3.0, abs=0.05)
    assert measured.per_call_j == pytest.approx(1.0 * measured.seconds / load.calls, rel=0.05)
    assert abs(measured.per_call_j - measured.seconds / load.calls) <= 2 * measured.uncertainty_j + 1e-6


@pytest.mark.long
def test_energy_of_a_call_by_a_file_that_a_meter_writes_meanwhile(tmp_path: Path) -> None:
    load, stop, path = Load(), threading.Event(), tmp_path / "meter.csv"

    def write() -> None:
        with path.open("w") as file:
            file.write("timestamp_ms,power_mw\n")
            while not stop.wait(0.05):
                file.write(f"{time.time() * 1000:.3f},{load.sample() * 1000:.0f}\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.05)
        measured = measure_energy(load, MeterFile(path), idle_seconds=2, run_seconds=3, settle_seconds=0.1)
    finally:
        stop.set()
        writer.join()
    assert measured.idle_w == pytest.approx(2.0, abs=0.01) and measured.run_w == pytest.approx(3.0, abs=0.05)
    assert measured.how.startswith("measured: meter.csv at ") and "both clocks must agree" in measured.how


def test_a_record_may_be_exported_after_the_run(tmp_path: Path) -> None:
    load, path, begin = Load(), tmp_path / "later.csv", time.time()

    def export() -> None:
        times = [index / 100 for index in range(int((time.time() - begin) * 100) + 100)]
        path.write_text("seconds,W\n" + "".join(f"{at},2.5\n" for at in times))

    measured = measure_energy(load, MeterFile(path, begin, export), idle_seconds=0.25, run_seconds=0.3, settle_seconds=0.01)
    assert measured.total_per_call_j == pytest.approx(2.5 * measured.seconds / load.calls)
    assert measured.per_call_j == pytest.approx(0, abs=1e-12)


def test_poor_records_of_a_run_are_refused(tmp_path: Path) -> None:
    load = Load()
    with pytest.raises(BenchError, match=r"samples in a run of .*; expected at least 20"):
        measure_energy(load, load, idle_seconds=0.2, run_seconds=0.02, settle_seconds=0)
    with pytest.raises(BenchError, match="energy of 1 s after 0 s of rest; expected durations above 0 s"):
        measure_energy(load, load, idle_seconds=0, run_seconds=1)
    path = tmp_path / "old.csv"
    path.write_text("time,power_w\n" + "".join(f"{1_790_000_000 + index},2\n" for index in range(40)))
    with pytest.raises(BenchError, match=r"old.csv: the run lasted from .*\nhint: start the meter before the run"):
        measure_energy(load, MeterFile(path), idle_seconds=0.01, run_seconds=0.01, settle_seconds=0)


def write_throttling(root: Path, answers: str) -> None:
    """A vcgencmd whose n-th answer to get_throttled is the n-th word; the last one stays."""
    count = root / "count"
    write_program(
        root / "usr/bin/vcgencmd",
        f'[ "$1" = get_throttled ] || exit 1\necho >> {count}\nset -- {answers}\n'
        f'n=$(wc -l < {count})\n[ "$n" -gt $# ] && n=$#\nshift $((n - 1))\necho throttled=$1',
    )


def measure(root: Path, *, seconds: float = 0.8, **arguments: object) -> dict:
    return measure_machine(
        lambda sample: sum(range(sample)), lambda sample, label: sum(range(sample * label)), samples=[100, 200], labels=[1, 2],
        count=30, warmup=3, idle_seconds=seconds, run_seconds=seconds, settle_seconds=0.02, root=root, **arguments,
    )  # fmt: skip


def test_the_bench_of_a_pi_with_a_chip_says_how_each_figure_was_had(tmp_path: Path) -> None:
    root = write_pi(tmp_path, "pi4")
    write_files(root, {f"{CHIP}/name": "ina219\n", f"{CHIP}/power1_input": "3200000\n",
                       "proc/self/status": "VmHWM:\t   5120 kB\nVmRSS:\t   4096 kB\n"})  # fmt: skip
    result = json.loads(json.dumps(measure(root)))
    figures = result["figures"]
    for what in ("inference", "teach_step"):
        times = [figures[f"milliseconds_per_{what}_{name}"]["value"] for name in ("p50", "p90", "p99")]
        assert times == sorted(times) and times[0] > 0 and figures[f"{what}s_per_second"]["value"] > 0
    assert figures["peak_rss_bytes"]["value"] == 5120 * 1024 and "clear_refs is missing" in figures["peak_rss_bytes"]["how"]
    assert [figures[name]["unit"] for name in ENERGY_FIGURES] == ["J", "J", "W", "W"]
    assert figures["idle_power_w"]["value"] == pytest.approx(3.2) and figures["inference_energy_j"]["value"] == pytest.approx(0, abs=1e-9)
    assert figures["inference_energy_uncertainty_j"]["value"] > 0, "the chip's step of 20 mW"
    assert figures["inference_energy_j"]["how"].startswith("measured: ina219 (hwmon) at ")
    assert all(figure["how"] for figure in figures.values())
    counted = {name for name in COUNTED.values() if name in figures}
    assert counted | (result["missing"].keys() & set(COUNTED.values())) == set(COUNTED.values())
    assert (result["storable"], result["storable_why"]) == (True, "not throttled, by 5 readings (vcgencmd get_throttled)")
    assert result["machine"]["cpu"]["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert result["machine"]["before"]["temperature"]["celsius"] == 42.355


@pytest.mark.parametrize(
    ("answers", "storable", "why"),
    [
        ("0x0 0x0 0x20002 0x20000", False, "the machine was throttled: frequency capped"),
        ("0x0 0x0 0x0 0x0 0x0 0x40000", False, "the machine was throttled: throttled"),
        ("0x50000", True, "not throttled in any of 5 readings; under-voltage, throttled had occurred before"),
    ],
)
def test_a_throttled_run_is_not_storable(answers: str, storable: bool, why: str, tmp_path: Path) -> None:
    write_throttling(tmp_path, answers)
    result = measure(tmp_path)
    assert (result["storable"], result["storable_why"]) == (storable, why)
    assert result["machine"]["throttled"]["happened"] is not storable


def test_what_a_bare_machine_cannot_tell_is_missing_with_its_reason(tmp_path: Path) -> None:
    result = measure_machine(lambda sample: None, None, samples=[0], count=5, root=tmp_path)
    assert set(ENERGY_FIGURES) < result["missing"].keys() and result["missing"]["run_power_w"].startswith("no meter: no INA219")
    assert result["missing"]["milliseconds_per_teach_step"] == "no teach step was given"
    assert result["missing"]["peak_rss_bytes"] == "/proc/self/status has no VmHWM"
    assert result["storable"] and result["storable_why"].startswith("not known: there is no program vcgencmd")
    assert result["machine"]["throttled"]["happened"] is None


def test_a_found_meter_that_is_too_slow_is_missing_and_a_named_one_refuses(tmp_path: Path) -> None:
    root = write_pi(tmp_path, "pi5")
    result = measure(root, seconds=0.2)
    assert "Raspberry Pi 5 PMIC: " in result["missing"]["inference_energy_j"] and "samples in a run" in result["missing"]["idle_power_w"]
    with pytest.raises(
        BenchError, match=r"none.csv: there is none; expected the file that the meter writes meanwhile\nhint: start the meter first"
    ):
        measure(tmp_path, energy=MeterFile(tmp_path / "none.csv"))


@pytest.mark.long
def test_the_pmic_measures_a_run_long_enough(tmp_path: Path) -> None:
    root = write_pi(tmp_path, "pi5")
    result = measure_machine(lambda sample: time.sleep(0.01), None, samples=[0], count=5, idle_seconds=3, run_seconds=4, root=root)
    assert result["figures"]["run_power_w"]["value"] == pytest.approx(RAILS_W)


def test_samples_and_labels_must_fit() -> None:
    with pytest.raises(BenchError, match="bench of 0 samples and 0 labels; expected at least one sample, a label for each"):
        measure_machine(lambda sample: None, None, samples=[])
    with pytest.raises(BenchError, match="bench of 2 samples and 1 labels"):
        measure_machine(lambda sample: None, lambda sample, label: None, samples=[1, 2], labels=[0])
