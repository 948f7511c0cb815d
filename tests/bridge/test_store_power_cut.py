# SPDX-License-Identifier: Apache-2.0
"""The power goes at every single store: the head is the last saved or the one before, the model the old or the new one, never a mixture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiny_task import tiny_task
from tinytl.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.errors import DeviceError
from tinytl_bridge.device import Device
from tinytl_bridge.link import Link
from tinytl_bridge.targets.host import HostTarget, PowerCut

TARGET = tiny_task("other writers", seed=11)
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
    device._link = Link(device._link._stream, timeout_s=0.005, retries=0)
    device._link.open()
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


def test_flash_rules_are_enforced_on_the_twin(tiny_bundle: Path, tmp_path: Path) -> None:
    """Every write only clears bits, every erase covers a whole slot: seen from outside, store by store."""
    memory = bytearray(b"\xff" * (2 * SLOTS["model_slot_bytes"] + 2 * SLOTS["head_slot_bytes"]))

    def watch(offset: int, data: bytes | None) -> None:
        if data is None:
            size = SLOTS["model_slot_bytes"] if offset < 2 * SLOTS["model_slot_bytes"] else SLOTS["head_slot_bytes"]
            memory[offset : offset + size] = b"\xff" * size
            return
        old = memory[offset : offset + len(data)]
        assert all(before & after == after for before, after in zip(old, data, strict=True))
        memory[offset : offset + len(data)] = data

    with Device(HostTarget(state_dir=tmp_path, before_store=watch, **SLOTS)) as device:
        device.flash(read_bundle(tiny_bundle))
        for _ in range(3):
            device.teach(TARGET.x_train[:3], TARGET.y_train[:3])
            device.save()
        device.flash(read_bundle(tiny_bundle))
    stored = next(tmp_path.glob("host-*.nv")).read_bytes()
    assert stored == bytes(memory)
