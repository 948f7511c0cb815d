# SPDX-License-Identifier: Apache-2.0
"""Flipped bits, lost bytes, repeated frames, noise before the first frame: nothing is learned twice, nothing lost, the session goes on."""

import shutil
from pathlib import Path

import pytest
from streams import NoisyStream, NoisyTarget

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
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


class Pieces:
    """A stream that hands over what is left of `data`, `size` bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self._size = data, size

    def write(self, data: bytes) -> None:
        pass

    def read(self, timeout_s: float) -> bytes:
        piece, self.data = self.data[: self._size], self.data[self._size :]
        return piece

    def close(self) -> None:
        pass


def test_damage_is_drawn_once_a_frame_however_the_bytes_come() -> None:
    frames = [b"\0" + bytes([number % 255 + 1] * 30) + b"\0" for number in range(400)]
    heard, damaged = [], []
    for size in (1, 7, 32, 100_000):
        inner = Pieces(b"".join(frames), size)
        stream = NoisyStream(inner, rate=0.2, seed=9)
        received = b""
        while inner.data:
            received += stream.read(1.0)
        heard.append(received)
        damaged.append(stream.damaged)
    assert heard[0] == heard[1] == heard[2] == heard[3]
    assert len(set(damaged)) == 1 and 50 < damaged[0] < 110


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
    target = NoisyTarget(QemuTarget("mps2-an386", state_dir=tmp_path / "noisy", link="uart"), rate=0.08, seed=5, timeout_s=0.3)
    with Device(target) as device:
        noisy = teach(device, tiny_bundle, 60)
        assert device.repeated > 0
    assert noisy == quiet
