# SPDX-License-Identifier: Apache-2.0
"""Flipped bits, lost bytes, repeated frames, noise before the first frame: nothing is learned twice, nothing lost, the session goes on."""

import shutil
from pathlib import Path

import pytest
from streams import NoisyTarget

from tiny_task import tiny_task
from tinytl.bundle import read_bundle
from tinytl_bridge.device import Device
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.targets.qemu import QemuTarget

TARGET = tiny_task("other writers", seed=11)


def teach(device: Device, bundle: Path, count: int) -> tuple[int, int, list[float]]:
    """Flash and teach; returns steps, the head's CRC-32 and the losses."""
    device.flash(read_bundle(bundle))
    taught = device.teach(TARGET.x_train[:count], TARGET.y_train[:count])
    status = device.status()
    return status.steps, status.head_crc32, [sample.loss for sample in taught.samples]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bad_line_changes_nothing(tiny_bundle: Path, tmp_path: Path, seed: int) -> None:
    with Device(HostTarget(state_dir=tmp_path / "quiet")) as device:
        quiet = teach(device, tiny_bundle, 120)
        assert device.repeated == 0
    target = NoisyTarget(HostTarget(state_dir=tmp_path / "noisy"), rate=0.15, seed=seed, timeout_s=0.02)
    with Device(target) as device:
        noisy = teach(device, tiny_bundle, 120)
        repeated = device.repeated
    assert target.stream is not None
    assert target.stream.damaged > 20 and repeated > 5
    assert noisy[0] == 120
    assert noisy == quiet


@pytest.mark.skipif(not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs QEMU and the cross compiler")
def test_the_same_on_the_board(tiny_bundle: Path, tmp_path: Path) -> None:
    with Device(HostTarget(state_dir=tmp_path / "quiet")) as device:
        quiet = teach(device, tiny_bundle, 60)
    target = NoisyTarget(QemuTarget("mps2-an386", state_dir=tmp_path / "noisy"), rate=0.08, seed=5, timeout_s=0.3)
    with Device(target) as device:
        noisy = teach(device, tiny_bundle, 60)
        assert device.repeated > 0
    assert noisy == quiet
