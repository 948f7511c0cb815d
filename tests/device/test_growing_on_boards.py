# SPDX-License-Identifier: Apache-2.0
"""Classes that the firmware adds are the twin's, byte for byte, and outlast the power."""

import shutil
from pathlib import Path

import pytest

from new_shapes import mixed_task
from tinytl.bundle import read_bundle
from tinytl_bridge import connect

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
TASK = mixed_task(seed=5)


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_added_classes_are_the_twins(board: str, tiny_bundle: Path, tmp_path: Path) -> None:
    x, y = TASK.x_train[:60], TASK.y_train[:60]
    traces, heads, names = [], [], []
    for target in (f"qemu:{board}", "host"):
        with connect(target, state_dir=tmp_path / target.replace(":", "-")) as device:
            device.flash(read_bundle(tiny_bundle))
            taught = device.teach(x, y, classes=TASK.classes, new_classes=True, trace=True)
            device.save()
            device.power_cycle()
            traces.append([(step.head_crc32, step.predicted) for step in taught.samples])
            heads.append(device.head_parameters().tobytes())
            names.append(device.labels())
    assert traces[0] == traces[1]
    assert heads[0] == heads[1]
    assert names[0] == names[1]
    assert len(names[0]) == 6
