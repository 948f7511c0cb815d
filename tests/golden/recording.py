# SPDX-License-Identifier: Apache-2.0
"""What must not change: the images of the shipped bundle and of published models, the bytes of a session, a head as it is saved.

In: the shipped bundle `digits`, generated samples, and models of TINYTL_DATA_DIR. Out: `golden.json` (checksums) and `saved_head.xz`
(the head's slots of a device that was taught). Where bytes change on purpose, with their version number:
`python tests/golden/recording.py`.
"""

import contextlib
import hashlib
import json
import lzma
import os
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from tinytl.bundle.bundle import Bundle, read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.compiler.compile import prepare
from tinytl_bridge.device import Device
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire.link import Refusal
from tinytl_bridge.wire.protocol import Command, Readable, decode

FOLDER = Path(__file__).resolve().parent
FIGURES, SAVED_HEAD = FOLDER / "golden.json", FOLDER / "saved_head.xz"
BUILDS = [("qemu:mps2-an385", "speed"), ("qemu:mps2-an386", "speed"), ("qemu:mps2-an386", "size"), ("qemu:mps3-an547", "speed")]
PUBLISHED = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "vww_96_int8")
SESSION = 41
SLOTS = {"model_slot_bytes": 256 << 10, "head_slot_bytes": 64 << 10, "arena_bytes": 256 << 10}
HEAD_SLOTS = slice(2 * SLOTS["model_slot_bytes"], 2 * SLOTS["model_slot_bytes"] + 2 * SLOTS["head_slot_bytes"])


def checksum(data: bytes) -> str:
    """Return the first 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def digits() -> Bundle:
    """Return the shipped bundle."""
    return read_bundle(find_bundle("digits"))


def with_guard(bundle: Bundle) -> Bundle:
    """Return a bundle whose head holds samples out and checks itself."""
    learning = replace(bundle.head.learning, guard_buffer_bytes=8192, guard_every=4)
    return replace(bundle, head=replace(bundle.head, learning=learning))


def model(name: str) -> bytes:
    """Return a model of MLPerf Tiny, from the folder that TINYTL_DATA_DIR names."""
    return (Path(os.environ["TINYTL_DATA_DIR"]) / f"models/mlperf_tiny/{name}.tflite").read_bytes()


def image_checksum(name: str, target: str, optimize: str) -> str:
    """Return the checksum of an image. name: `digits` or one of `PUBLISHED`."""
    compiled = prepare(digits() if name == "digits" else model(name))
    options = options_for_target(target, optimize=optimize)
    return checksum(compiled.image(replace(options, ram_bytes=None, flash_bytes=None)).data)


class RecordedTarget(HostTarget):
    """A twin over the wire alone; `frames` keeps what went both ways, by command."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir=state_dir, mailbox=False, **SLOTS)
        self.frames: dict[str, bytearray] = defaultdict(bytearray)
        self._command = ""

    def receive(self, data: bytes) -> None:
        frame = decode(data.strip(b"\0"))
        assert frame is not None
        self._command = Command(frame.type).name
        self.frames[self._command] += data
        super().receive(data)

    def take(self) -> bytes:
        answer = super().take()
        self.frames[self._command] += answer
        return answer


def connect_recorded(state_dir: Path) -> tuple[RecordedTarget, Device]:
    """Return a twin and the device connected to it, with a session number that is always the same."""
    target = RecordedTarget(state_dir)
    with mock.patch("secrets.randbelow", return_value=SESSION - 1):
        return target, Device(target)


def samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return generated images (N, 28, 28, 1) uint8, of which each class has its own bright rows, and labels (N,)."""
    generator = np.random.default_rng(seed)
    y = np.arange(count) % 10
    x = generator.integers(0, 120, (count, 28, 28, 1))
    for image, label in zip(x, y, strict=True):
        image[2 * label + 4 : 2 * label + 8] += 120
    return x.astype(np.uint8), y


def run_session(device: Device) -> None:
    """Use each command once or more: flash, infer, teach, grow, check, save, roll back, read."""
    device.flash(with_guard(digits()))
    x, y = samples(60, seed=5)
    device.infer(x[0])
    device.teach(x[:40], y[:40], recall=True)
    device.save()
    device.teach(x[40:], y[40:])
    with contextlib.suppress(Refusal):  # the shipped head has no room: the refusal is recorded
        device.grow_prepared(device.prepare(x[:1])[0], 10, "eleven")
    device.check()
    device.save()
    device.rollback("previous")
    device.rollback("saved")
    device.labels()
    device.measure("step", sample=device.prepare(x[:1])[0], label=1)
    device.rollback("saved")


def saved_head(state_dir: Path) -> bytes:
    """Return the two head slots of the twin's memory file."""
    (path,) = state_dir.glob("host-*.nv")
    return path.read_bytes()[HEAD_SLOTS]


def with_saved_head(state_dir: Path, slots: bytes) -> None:
    """Put head slots into the twin's memory file."""
    (path,) = state_dir.glob("host-*.nv")
    memory = bytearray(path.read_bytes())
    memory[HEAD_SLOTS] = slots
    path.write_bytes(memory)


def head_after(device: Device) -> tuple[str, str]:
    """Return checksums of the head's parameters now, and after 20 more samples."""
    now = checksum(device.head_parameters().tobytes())
    x, y = samples(20, seed=6)
    device.teach(x, y)
    later = checksum(device.head_parameters().tobytes())
    device.infer(x[0])
    return now, later + checksum(device.read(Readable.LOGITS, count=4 * 10))


def record(state_dir: Path) -> None:
    """Write both files anew."""
    target, device = connect_recorded(state_dir)
    with device:
        run_session(device)
        frames = {command: checksum(bytes(data)) for command, data in sorted(target.frames.items())}
    SAVED_HEAD.write_bytes(lzma.compress(saved_head(state_dir), preset=9))
    with connect_recorded(state_dir)[1] as again:
        heads = head_after(again)
    images = {f"{name} {target} {optimize}": image_checksum(name, target, optimize) for name in ("digits", *PUBLISHED)
              for target, optimize in BUILDS}  # fmt: skip
    FIGURES.write_text(json.dumps({"images": images, "frames": frames, "heads": heads}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder))
    sys.stdout.write(f"{FIGURES}, {SAVED_HEAD}\n")
