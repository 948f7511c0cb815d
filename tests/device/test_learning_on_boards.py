# SPDX-License-Identifier: Apache-2.0
"""Classes that the firmware adds and what its guard decides are the twin's, byte for byte."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from new_shapes import mixed_task
from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import connect
from tinytl_bridge.wire.requests import TeachFlags

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
TASK = mixed_task(seed=5)
TARGET = tiny_task("other writers", seed=11)


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_added_classes_are_the_twins(board: str, tiny_bundle: Path, tmp_path: Path) -> None:
    x, y = TASK.x_train[:60], TASK.y_train[:60]
    traces, heads, names = [], [], []
    for target in (f"qemu:{board}", "host"):
        with connect(target, state_dir=tmp_path / target.replace(":", "-")) as device:
            device.flash(read_bundle(tiny_bundle))
            taught = device.teach(x, y, classes=TASK.classes, new_classes=True, flags=TeachFlags(trace=True))
            device.save()
            device.power_cycle()
            traces.append([(step.head_crc32, step.predicted) for step in taught.samples])
            heads.append(device.head_parameters().tobytes())
            names.append(device.labels())
    assert traces[0] == traces[1]
    assert heads[0] == heads[1]
    assert names[0] == names[1]
    assert len(names[0]) == 6


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_the_guard_decides_as_the_twins_does(board: str, tiny_bundle: Path, tmp_path: Path) -> None:
    """Right labels, then shuffled ones: the verdicts, what was held out and the head are the twin's."""
    bundle = with_settings(tiny_bundle, tmp_path / "guarded.tinytl", guard_buffer_bytes=4096, guard_every=3, guard_check_every=50)
    wrong = np.random.default_rng(2).permutation(TARGET.y_train[120:240])
    found = []
    for target in (f"qemu:{board}", "host"):
        with connect(target, state_dir=tmp_path / target.replace(":", "-")) as device:
            device.flash(bundle)
            good = device.teach(TARGET.x_train[:120], TARGET.y_train[:120], flags=TeachFlags(trace=True))
            bad = device.teach(TARGET.x_train[120:240], wrong, flags=TeachFlags(trace=True))
            sure = device.teach(TARGET.x_train[240:300], TARGET.y_train[240:300], flags=TeachFlags(trace=True, only_when="unsure"))
            verdicts = [*good.verdicts, *bad.verdicts, device.check()]
            status, steps = device.status(), (*good.samples, *bad.samples, *sure.samples)
            told = [(step.head_crc32, step.outcome, step.confidence, step.drift) for step in steps]
            found.append((told, verdicts, status.head_crc32, status.looked_at, status.confidence, status.drift))
    assert found[0] == found[1]
    assert {"learned", "held out", "skipped"} <= {outcome for _, outcome, _, _ in found[0][0]}
    assert sum(drift is not None for _, _, _, drift in found[0][0]) == found[0][3] == 64 + 29
    assert {"committed", "undone"} <= {verdict.decision for verdict in found[0][1]}
