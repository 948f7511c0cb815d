# SPDX-License-Identifier: Apache-2.0
"""A bit of a stored model rots: what was taught on it does not come back with a new flash of the same bundle."""

from pathlib import Path

import pytest
from test_store_power_cut import SLOTS, TARGET

from tinytl.bundle import read_bundle
from tinytl.compiler import Image, compile_bundle
from tinytl_bridge.device import Device
from tinytl_bridge.targets.host import HostTarget


def device_of(folder: Path) -> Device:
    return Device(HostTarget(state_dir=folder, **SLOTS))


def rot(folder: Path, at: int) -> None:
    """Turn one bit of the non-volatile memory over."""
    path = next(folder.glob("host-*.nv"))
    memory = bytearray(path.read_bytes())
    memory[at] ^= 1
    path.write_bytes(memory)


def teach_and_save(device: Device) -> None:
    device.teach(TARGET.x_train[:20], TARGET.y_train[:20])
    device.save()
    assert device.status().head_status == "saved" and device.status().steps == 20


@pytest.fixture(scope="module")
def image(tiny_bundle: Path) -> Image:
    return compile_bundle(read_bundle(tiny_bundle))


@pytest.mark.parametrize("at", [8, 5000], ids=["its sequence", "its payload"])
@pytest.mark.parametrize("slot", [0, 1], ids=["the only model", "the newer of two"])
def test_a_head_of_a_rotten_model_does_not_return(image: Image, tmp_path: Path, slot: int, at: int) -> None:
    with device_of(tmp_path) as device:
        for _ in range(slot + 1):
            device.flash(image)
        teach_and_save(device)
    rot(tmp_path, slot * SLOTS["model_slot_bytes"] + at)
    with device_of(tmp_path) as device:
        assert device.status().model_status == ("ok" if slot else "no_model")
        for number in range(2):
            device.flash(image)
            assert (device.status().head_status, device.status().steps) == ("factory", 0), f"after flash {number + 1}"
            device.power_cycle()
            assert (device.status().head_status, device.status().steps) == ("factory", 0), f"after flash {number + 1} and a restart"
        teach_and_save(device)
        device.power_cycle()
        assert (device.status().head_status, device.status().steps) == ("saved", 20)


def test_the_head_before_the_rot_stays_with_the_older_model(image: Image, tmp_path: Path) -> None:
    """The older model serves after the newer one rotted, with the head that was taught on it, as before."""
    with device_of(tmp_path) as device:
        device.flash(image)
        teach_and_save(device)
        device.flash(image)
        assert device.status().head_status == "factory"
    rot(tmp_path, SLOTS["model_slot_bytes"] + 5000)
    with device_of(tmp_path) as device:
        assert (device.status().head_status, device.status().steps) == ("saved", 20)
