# SPDX-License-Identifier: Apache-2.0
"""A bit of a stored model rots: what was taught on it does not come back with a new flash of the same bundle."""

import struct
import zlib
from pathlib import Path

import pytest
from test_store_power_cut import SLOTS, TARGET

from tinytl.bundle.bundle import read_bundle
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


def with_sequence(folder: Path, at: int, sequence: int) -> None:
    """Give the slot at `at` another sequence, its header's checksum put right."""
    path = next(folder.glob("host-*.nv"))
    memory = bytearray(path.read_bytes())
    memory[at + 8 : at + 12] = struct.pack("<I", sequence)
    memory[at + 24 : at + 28] = struct.pack("<I", zlib.crc32(memory[at : at + 24]))
    path.write_bytes(memory)


@pytest.mark.parametrize("sequence", [2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1])
def test_what_is_saved_after_the_largest_sequences_stays(image: Image, tmp_path: Path, sequence: int) -> None:
    """A head saved after sequence 2^32 - 1 got sequence 0, which is that of no head: it was lost at the next start."""
    with device_of(tmp_path) as device:
        device.flash(image)
        teach_and_save(device)
    with_sequence(tmp_path, 2 * SLOTS["model_slot_bytes"], sequence)
    with device_of(tmp_path) as device:
        for steps in (21, 22, 23):
            device.teach(TARGET.x_train[:1], TARGET.y_train[:1])
            device.save()
            device.power_cycle()
            assert (device.status().head_status, device.status().steps) == ("saved", steps)
            assert device.status().store_sequence == (sequence + steps - 21) % (2**32 - 1) + 1
    with_sequence(tmp_path, 0, sequence)
    with device_of(tmp_path) as device:
        for _ in range(3):
            device.flash(image)
            device.power_cycle()
            assert (device.status().model_status, device.status().head_status) == ("ok", "factory")
            teach_and_save(device)
