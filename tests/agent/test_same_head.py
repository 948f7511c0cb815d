# SPDX-License-Identifier: Apache-2.0
"""One stream of a thousand samples, one head: on the twin, an agent, an emulated microcontroller and an emulated Raspberry Pi."""

import shutil

import pytest
from running_agent import running_agent

from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.model_file import read_model
from tinytl_bridge import connect

STEPS = 1000


def taught_head(target, state):
    """Teach the stream and save; return the head's bytes, its checksum and how many steps it has taken."""
    task = load_dataset("mnist-5k")
    with connect(target, state_dir=state) as device:
        device.flash(read_model(find_bundle("digits")))
        device.teach(task.x_train[:STEPS], task.y_train[:STEPS], classes=task.classes)
        device.save()
        status = device.status()
        return device.head_parameters().tobytes(), status.head_crc32, status.steps


@pytest.mark.long
def test_a_thousand_steps_make_the_same_head_everywhere(tmp_path):
    expected = taught_head("host", tmp_path / "host")
    assert expected[2] == STEPS
    with running_agent(tmp_path / "agent") as agent:
        assert taught_head(agent.target, tmp_path / "pc") == expected
    if shutil.which("qemu-system-arm"):
        assert taught_head("qemu:mps2-an386", tmp_path / "mcu") == expected
    if not (shutil.which("qemu-aarch64") and shutil.which("aarch64-linux-gnu-gcc")):
        pytest.skip("qemu-aarch64 or the cross compiler is missing: the emulated Pi was not asked")
    assert taught_head("qemu-pi:cortex-a72", tmp_path / "pi") == expected
