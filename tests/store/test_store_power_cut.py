# SPDX-License-Identifier: Apache-2.0
"""The power goes at every single store: the head is the last saved or the one before, the model the old or the new one, never a mixture."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.compiler.image.slot import slot_header_bytes
from tinytl.errors import DeviceError
from tinytl_bridge.device import Device
from tinytl_bridge.targets.host import HostTarget, PowerCut
from tinytl_bridge.wire.link import Link, Refusal

TARGET = tiny_task("other writers", seed=11)
UNITS = [1, 2, 4, 8, 16, 32]
SLOTS = {"model_slot_bytes": 32768, "head_slot_bytes": 16384, "arena_bytes": 65536}


class Guard:
    """Counts stores and cuts the power at one of them."""

    def __init__(self) -> None:
        self.stores, self.cut_at = 0, -1

    def __call__(self, offset: int, data: bytes | None) -> None:
        if self.stores == self.cut_at:
            raise PowerCut
        self.stores += 1

    def arm(self, cut_at: int) -> None:
        self.stores, self.cut_at = 0, cut_at


def device_of(folder: Path, guard: Guard) -> Device:
    target = HostTarget(state_dir=folder, before_store=guard, **SLOTS)
    target.timeout_s = 0.01
    return Device(target)


def run_cut(device: Device, guard: Guard, action: Callable[[], object], cut_at: int) -> None:
    """Do something with the power going at a store; the device then falls silent."""
    guard.arm(cut_at)
    device.session.link = Link(device.session.link._stream, timeout_s=0.005, retries=0)
    device.session.link.open()
    with pytest.raises(DeviceError):
        action()
    guard.arm(-1)


def count_stores(guard: Guard, action: Callable[[], object]) -> int:
    guard.arm(-1)
    action()
    return guard.stores


def test_a_cut_in_a_save_leaves_the_last_head_or_the_one_before(tiny_bundle: Path, tmp_path: Path) -> None:
    guard = Guard()
    with device_of(tmp_path, guard) as device:
        device.flash(read_bundle(tiny_bundle))
        device.teach(TARGET.x_train[:20], TARGET.y_train[:20])
        stores = count_stores(guard, device.save)
        assert stores >= 4
        for cut_at in range(stores):
            kept = device.head_parameters()
            device.teach(TARGET.x_train[20 + cut_at : 25 + cut_at], TARGET.y_train[20 + cut_at : 25 + cut_at])
            new = device.head_parameters()
            run_cut(device, guard, device.save, cut_at)
            device.power_cycle()
            found = device.head_parameters()
            assert found.tobytes() in (kept.tobytes(), new.tobytes()), f"a mixture after a cut at store {cut_at}"
            assert found.tobytes() == kept.tobytes(), "the commit word comes last"
            device.teach(TARGET.x_train[:3], TARGET.y_train[:3])
            device.save()


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)], ids=["every fifth", "every"])
def test_a_cut_in_a_flash_leaves_the_old_model_and_its_head(tiny_bundle: Path, tmp_path: Path, step: int) -> None:
    guard, bundle = Guard(), read_bundle(tiny_bundle)
    image = compile_bundle(bundle)
    with device_of(tmp_path, guard) as device:
        device.flash(image)
        device.teach(TARGET.x_train[:20], TARGET.y_train[:20])
        device.save()
        head = device.head_parameters()
        stores = len(image.data) // 1020 + 1 + 3
        for cut_at in [*range(0, stores, step), stores - 2, stores - 1]:
            run_cut(device, guard, lambda: device.flash(image), cut_at)
            device.power_cycle()
            status = device.status()
            assert status.model_status == "ok"
            assert status.head_status == "saved"
            assert np.array_equal(device.head_parameters(), head)
        device.flash(image)
        assert device.status().head_status == "factory", "a new flash starts from the factory head"


@pytest.mark.parametrize("unit", UNITS)
def test_each_program_unit_is_written_once_between_erases(tiny_bundle: Path, tmp_path: Path, unit: int) -> None:
    """Seen from outside, store by store: an erase covers a whole slot, a write whole units that nothing has written since."""
    memory = bytearray(b"\xff" * (2 * SLOTS["model_slot_bytes"] + 2 * SLOTS["head_slot_bytes"]))
    written: set[int] = set()

    def watch(offset: int, data: bytes | None) -> None:
        if data is None:
            size = SLOTS["model_slot_bytes"] if offset < 2 * SLOTS["model_slot_bytes"] else SLOTS["head_slot_bytes"]
            memory[offset : offset + size] = b"\xff" * size
            written.difference_update(range(offset, offset + size))
            return
        assert offset % unit == 0 and len(data) % unit == 0
        assert not written & set(range(offset, offset + len(data)))
        written.update(range(offset, offset + len(data)))
        memory[offset : offset + len(data)] = data

    with Device(HostTarget(state_dir=tmp_path, before_store=watch, program_bytes=unit, **SLOTS)) as device:
        assert device.info.program_bytes == unit
        device.flash(read_bundle(tiny_bundle))
        for _ in range(3):
            device.teach(TARGET.x_train[:3], TARGET.y_train[:3])
            device.save()
        device.flash(read_bundle(tiny_bundle))
        device.teach(TARGET.x_train[:3], TARGET.y_train[:3])
        device.save()
        head = device.head_parameters()
        device.power_cycle()
        assert device.status().head_status == "saved"
        assert device.head_parameters().tobytes() == head.tobytes()
    stored = next(tmp_path.glob("host-*.nv")).read_bytes()
    assert stored == bytes(memory)


@pytest.mark.parametrize("unit", UNITS)
def test_places_in_a_slot(tiny_bundle: Path, tmp_path: Path, unit: int) -> None:
    """SPEC.md section 4: header, commit word and payload, the rest FF up to whole units; units up to 4 share their bytes."""
    image = compile_bundle(read_bundle(tiny_bundle)).data
    commit_at, payload_at = {1: (28, 32), 2: (28, 32), 4: (28, 32), 8: (32, 48), 16: (32, 48), 32: (32, 64)}[unit]
    assert slot_header_bytes(unit) == payload_at
    with Device(HostTarget(state_dir=tmp_path, program_bytes=unit, **SLOTS)) as device:
        device.flash(read_bundle(tiny_bundle))
    slot = next(tmp_path.glob("host-*.nv")).read_bytes()[: SLOTS["model_slot_bytes"]]
    expected = bytearray(b"\xff" * len(slot))
    header = b"TLST" + struct.pack("<HHIIII", 1, 1, 1, len(image), zlib.crc32(image), zlib.crc32(image[16:32]))
    expected[:28] = header + struct.pack("<I", zlib.crc32(header))
    expected[commit_at : commit_at + 4] = struct.pack("<I", 0x600DC0DE)
    expected[payload_at : payload_at + len(image)] = image
    assert slot == bytes(expected)


@pytest.mark.parametrize("unit", UNITS)
def test_the_largest_image_of_a_slot(tiny_bundle: Path, tmp_path: Path, unit: int) -> None:
    """A slot holds an image up to its last byte, and one of 16 bytes more is refused before anything is erased."""
    image = compile_bundle(read_bundle(tiny_bundle))
    whole = -(-(len(image.data) + slot_header_bytes(unit)) // 32) * 32
    sizes = SLOTS | {"model_slot_bytes": whole}
    with Device(HostTarget(state_dir=tmp_path / "fits", program_bytes=unit, **sizes)) as device:
        device.flash(image)
        assert device.status().model_status == "ok"
    sizes["model_slot_bytes"] = len(image.data) // 32 * 32 + slot_header_bytes(unit) - (32 if len(image.data) % 32 == 0 else 0)
    with Device(HostTarget(state_dir=tmp_path / "not", program_bytes=unit, **sizes)) as device:
        holds = sizes["model_slot_bytes"] - slot_header_bytes(unit)
        with pytest.raises(Refusal, match=rf"payload is {len(image.data):,} bytes; a slot of this device holds {holds:,}"):
            device.flash(image)


@pytest.mark.parametrize("unit", [3, 24, 64])
def test_a_program_unit_that_is_not_supported(tiny_bundle: Path, tmp_path: Path, unit: int) -> None:
    stores = Guard()
    target = HostTarget(state_dir=tmp_path, before_store=stores, program_bytes=unit, **SLOTS)
    refusal = rf"the board programs units of {unit} bytes; a power of two up to 32 is supported"
    with Device(target) as device, pytest.raises(Refusal, match=refusal):
        device.flash(read_bundle(tiny_bundle))
    assert stores.stores == 0, "nothing was erased"
