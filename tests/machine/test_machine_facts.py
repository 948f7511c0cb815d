# SPDX-License-Identifier: Apache-2.0
"""Processor, temperature and memory: of trees as a Pi has them, of damaged ones, and of this machine."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from machine_trees import PIS, write_files, write_pi, write_program

from tinytl_bridge.machine.cpu import Cpu, examine_cpu, is_emulated
from tinytl_bridge.machine.memory import forget_peak, read_memory
from tinytl_bridge.machine.thermal import read_temperature

CORES = {"pi3": "Cortex-A53", "pi4": "Cortex-A72", "pi5": "Cortex-A76", "zero2": "Cortex-A53"}


@pytest.mark.parametrize("name", PIS)
def test_each_pi_is_told_by_its_files(name: str, tmp_path: Path) -> None:
    root, pi = write_pi(tmp_path, name), PIS[name]
    cpu = examine_cpu(root)
    assert (cpu.board, cpu.processor, cpu.cores, cpu.governor) == (pi.model, CORES[name], 4, "ondemand")
    assert (cpu.clock_mhz, cpu.clock_max_mhz, cpu.clock_measured_mhz) == (pi.now_khz / 1e3, pi.max_khz / 1e3, pi.firmware_hz / 1e6)
    assert (cpu.kernel, cpu.machine, cpu.missing.keys() - {"libc"}) == ("6.6.51+rpt-rpi-v8", "aarch64", {"emulated"})
    temperature = read_temperature(root)
    assert (temperature.celsius, temperature.how) == (pi.millis / 1000, "thermal zone cpu-thermal")
    assert read_memory(root).machine_bytes == pi.megabytes * 1024**2
    assert json.loads(json.dumps(cpu.to_json()))["board"] == pi.model


@pytest.mark.parametrize("damage", ["missing", "empty", "noise", "folders"])
def test_no_damage_crashes_and_unknown_is_none_with_a_reason(damage: str, tmp_path: Path) -> None:
    root = tmp_path
    if damage != "missing":
        write_pi(root, "pi4")
        rng = np.random.default_rng(1)
        for path in [path for path in root.rglob("*") if path.is_file()]:
            path.unlink()
            if damage == "folders":
                path.mkdir()
            else:
                path.write_bytes(b"" if damage == "empty" else rng.bytes(300))
        os.chmod(root / "usr/bin/vcgencmd", 0o755)
    cpu, memory, temperature = examine_cpu(root), read_memory(root), read_temperature(root)
    for fact in ("processor", "clock_mhz", "clock_max_mhz", "clock_measured_mhz"):
        assert getattr(cpu, fact) is None and cpu.missing[fact]
    assert (memory.peak_bytes, memory.now_bytes, memory.machine_bytes) == (None, None, None)
    assert memory.missing == {"peak_bytes": "/proc/self/status has no VmHWM", "now_bytes": "/proc/self/status has no VmRSS",
                              "machine_bytes": "/proc/meminfo has no MemTotal"}  # fmt: skip
    assert temperature.celsius is None and temperature.how.startswith("not known: no thermal zone")
    if damage in ("missing", "empty", "folders"):
        assert not {name for name in Cpu.__annotations__ if getattr(cpu, name) is None} ^ cpu.missing.keys()
        assert "board" in cpu.missing and "cores" in cpu.missing


def test_two_kinds_of_cores_and_an_unknown_one(tmp_path: Path) -> None:
    block = "processor : {}\nCPU implementer : {}\nCPU part : {}\n\n"
    blocks = [block.format(i, "0x41", "0xd03") for i in range(4)] + [block.format(i, "0x41", "0xd08") for i in (4, 5)]
    write_files(tmp_path, {"proc/cpuinfo": "".join(blocks)})
    cpu = examine_cpu(tmp_path)
    assert (cpu.processor, cpu.cores) == ("4 × Cortex-A53 + 2 × Cortex-A72", 6)
    write_files(tmp_path, {"proc/cpuinfo": block.format(0, "0x48", "0xd08"), "sys/devices/system/cpu/online": "0,2-3\n"})
    cpu = examine_cpu(tmp_path)
    assert (cpu.processor, cpu.cores) == ("implementer 0x48 part 0xd08", 3)


def test_a_board_of_32_bits_names_itself_in_cpuinfo(tmp_path: Path) -> None:
    text = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\nModel\t\t: Raspberry Pi X\n"
    cpu = examine_cpu(write_files(tmp_path, {"proc/cpuinfo": text}))
    assert (cpu.board, cpu.processor, cpu.cores) == ("Raspberry Pi X", "Cortex-A53", 1)


def test_this_machine() -> None:
    cpu = examine_cpu()
    assert cpu.cores and cpu.cores >= len(os.sched_getaffinity(0))
    assert cpu.kernel == os.uname().release and cpu.machine == os.uname().machine
    if cpu.emulated is None:
        assert cpu.missing["emulated"] == "/proc/sys/kernel/arch is missing, as before Linux 6.1"
    assert cpu.process_bits == 64 if os.uname().machine in ("x86_64", "aarch64") else cpu.process_bits in (32, 64)


@pytest.mark.parametrize(
    ("kernel", "program", "emulated"),
    [("aarch64", "armv7l", False), ("aarch64", "aarch64", False), ("x86_64", "i686", False), ("x86_64", "aarch64", True),
     ("x86_64", "armv7l", True), ("riscv64", "aarch64", True)],
)  # fmt: skip
def test_a_program_of_another_kind_than_its_kernel_is_emulated(kernel: str, program: str, emulated: bool) -> None:
    assert is_emulated(kernel, program) is emulated


def test_the_sensor_near_the_cores_is_taken_and_a_broken_one_is_not(tmp_path: Path) -> None:
    zone, chip = "sys/class/thermal/thermal_zone", "sys/class/hwmon/hwmon"
    write_files(tmp_path, {f"{zone}0/type": "acpitz\n", f"{zone}0/temp": "27800\n"})
    assert read_temperature(tmp_path).how == "thermal zone acpitz"
    write_files(tmp_path, {f"{chip}10/name": "k10temp\n", f"{chip}10/temp1_input": "61500\n"})
    assert (read_temperature(tmp_path).celsius, read_temperature(tmp_path).how) == (61.5, "hwmon k10temp")
    write_files(tmp_path, {f"{zone}1/type": "cpu-thermal\n", f"{zone}1/temp": "-274000\n"})
    assert read_temperature(tmp_path).how == "hwmon k10temp"
    write_files(tmp_path, {f"{zone}1/temp": "-1500\n"})
    assert (read_temperature(tmp_path).celsius, read_temperature(tmp_path).how) == (-1.5, "thermal zone cpu-thermal")


def test_the_firmware_tells_the_temperature_where_the_kernel_does_not(tmp_path: Path) -> None:
    write_program(tmp_path / "usr/bin/vcgencmd", 'echo "temp=48.3\'C"')
    assert (read_temperature(tmp_path).celsius, read_temperature(tmp_path).how) == (48.3, "vcgencmd measure_temp")
    write_program(tmp_path / "usr/bin/vcgencmd", "echo 'VCHI initialization failed'; exit 255")
    assert "`vcgencmd measure_temp` said 'VCHI initialization failed' and ended with 255" in read_temperature(tmp_path).how


def test_peak_memory_grows_with_a_block_and_is_forgotten() -> None:
    before = read_memory()
    assert before.peak_bytes and before.now_bytes
    block = np.ones(64 << 20, np.uint8)
    grown = read_memory()
    assert grown.peak_bytes and grown.peak_bytes >= before.now_bytes + block.nbytes * 0.9
    del block
    reason = forget_peak()
    after = read_memory()
    assert after.peak_bytes
    if reason:
        pytest.skip(f"the kernel does not forget the peak: {reason}")
    assert after.peak_bytes < grown.peak_bytes - (32 << 20)


def test_a_peak_that_cannot_be_forgotten_says_why(tmp_path: Path) -> None:
    assert forget_peak(tmp_path) == "/proc/self/clear_refs is missing"
    (tmp_path / "proc/self/clear_refs").mkdir(parents=True)
    assert forget_peak(tmp_path) == "/proc/self/clear_refs: Is a directory"
