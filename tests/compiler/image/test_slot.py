# SPDX-License-Identifier: Apache-2.0
"""The sizes that the host reckons with are those that a device needs: a slot of just that size is enough, one less is not."""

from pathlib import Path

import pytest

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.compiler.image.reader import read_image
from tinytl.compiler.image.slot import saved_head_bytes, slot_header_bytes
from tinytl_bridge.device import Device
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire.link import Refusal

TARGET = tiny_task("other writers", seed=11)


def device_with(head_slot_bytes: int, program_bytes: int, folder: Path) -> Device:
    sizes = {"model_slot_bytes": 32768, "arena_bytes": 65536}
    return Device(HostTarget(state_dir=folder, head_slot_bytes=head_slot_bytes, program_bytes=program_bytes, **sizes))


@pytest.mark.parametrize("program_bytes", [1, 8, 32])
@pytest.mark.parametrize("added", [0, 2])
def test_a_saved_head_takes_what_the_host_says(added: int, program_bytes: int, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    head = read_image(compile_bundle(bundle).data).head
    assert head is not None
    whole = -(-saved_head_bytes(head.parameter_count, added) // program_bytes) * program_bytes + slot_header_bytes(program_bytes)
    for room, fits in ((whole, True), (whole - max(4, program_bytes), False)):
        with device_with(room, program_bytes, tmp_path / str(fits)) as device:
            device.flash(bundle)
            for number in range(added):
                device.teach(TARGET.x_train[:1], [0], classes=(f"new {number}",), new_classes=True)
            if fits:
                assert device.save() == 1
                continue
            with pytest.raises(Refusal, match="a slot of this device holds"):
                device.save()
