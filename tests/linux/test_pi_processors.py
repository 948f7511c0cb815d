# SPDX-License-Identifier: Apache-2.0
"""Names of emulated Pis, and what Linux says of their processors."""

import re
from pathlib import Path

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.emulated_pi.processors import PROCESSORS, linux_files, processor_of
from tinytl_bridge.target_names import emulated_board, emulated_pi
from tinytl_bridge.targets import open_target


def test_a_name_is_a_processor_and_no_board() -> None:
    assert emulated_pi("qemu-pi:cortex-a53") == "cortex-a53"
    assert emulated_board("qemu-pi:cortex-a53") is None
    assert emulated_pi("qemu:mps2-an386") is None and emulated_pi("pi:cortex-a53") is None


@pytest.mark.parametrize("name", PROCESSORS)
def test_known_processors_are_targets(name: str, tmp_path: Path) -> None:
    assert open_target(f"qemu-pi:{name}", state_dir=tmp_path).name == f"qemu-pi:{name}"


@pytest.mark.parametrize("name", ["qemu-pi:cortex-a7", "qemu-pi:", "qemu-pi", "qemu-pi:cortex-a72?link=uart"])
def test_other_processors_are_refused_with_the_list(name: str, tmp_path: Path) -> None:
    kind, colon, place = name.partition(":")
    told = re.escape(place if colon else kind)
    text = (
        rf"processor '{told}' of an emulated Pi is unknown; expected cortex-a53, cortex-a72, cortex-a76\nhint: --target qemu-pi:cortex-a72"
    )
    with pytest.raises(DeviceError, match=text):
        open_target(name, state_dir=tmp_path)


def test_max_is_refused_with_the_reason() -> None:
    with pytest.raises(DeviceError, match=r"'max'.*refused: QEMU 7.2 computes wrong int8 results with it; expected cortex-a53, "):
        processor_of("max")


def test_cpuinfo_has_four_cores_of_the_processor() -> None:
    files = linux_files(processor_of("cortex-a76"))
    cores = files["proc/cpuinfo"].split("\n\n")
    assert [block.partition("\n")[0] for block in cores[:4]] == [f"processor\t: {core}" for core in range(4)]
    assert all("CPU part\t: 0xd0b\n" in block + "\n" and " asimddp" in block for block in cores[:4])
    assert cores[4].startswith("Revision\t: c04170\nModel\t\t: Raspberry Pi 5")
    assert files["sys/devices/system/cpu/present"] == "0-3\n" and files["sys/devices/system/cpu/kernel_max"] == "3\n"
    assert "asimddp" not in linux_files(processor_of("cortex-a72"))["proc/cpuinfo"]
