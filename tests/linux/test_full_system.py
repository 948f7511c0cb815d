# SPDX-License-Identifier: Apache-2.0
"""A whole machine in QEMU: Debian's kernel boots, the agent starts, a host pairs with it and gets the twin's bytes."""

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from full_system import DISK_MAKER, EMULATOR, booted, built_images

import tinytl_models
from tinytl.bundle.bundle import read_bundle
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.emulated_pi import set_up
from tinytl_bridge.targets.pi import PiTarget

NEEDED = (EMULATOR, DISK_MAKER, "qemu-aarch64", "apt-get", "dpkg-deb", "aarch64-linux-gnu-gcc")
BUNDLE = Path(tinytl_models.__file__).parent / "bundles/digits.tinytl"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.long
def test_a_whole_machine_boots_pairs_and_answers_as_the_twin(tmp_path: Path) -> None:
    if missing := [name for name in NEEDED if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")]:
        pytest.skip(f"needs {', '.join(missing)}")
    port, bundle, told = free_port(), read_bundle(BUNDLE), []
    with built_images(set_up("cortex-a72")) as images, booted(images, port) as console:
        console.wait_for(f"listening on 0.0.0.0:{7707}")
        code = console.wait_for("pairing code: ").partition(" ")[0]
        agent = PiTarget(f"127.0.0.1:{port}", name="pi", state_dir=tmp_path / "pairings", code=code)
        with Device(agent) as there, connect("host", state_dir=tmp_path) as here:
            for device in (there, here):
                device.flash(bundle)
                answers = [device.infer_prepared(sample).logits.tobytes() for sample in bundle.check_inputs]
                losses = [np.float32(device.teach_prepared(bundle.check_inputs[label], label).loss).tobytes() for label in range(10)]
                told.append((answers, losses, device.status().head_crc32))
            assert there.info.board == "linux-aarch64"
    assert told[0] == told[1]
