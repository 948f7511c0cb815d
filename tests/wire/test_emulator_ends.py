# SPDX-License-Identifier: Apache-2.0
"""An emulator that ends, at once or later, however slowly: the error has its exit code and its own words."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.device import Device
from tinytl_bridge.targets.qemu import PROGRAM, QemuTarget

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
HINT = r"\nhint: qemu-system-arm --version; 7.2 or newer is known to work"


def test_arguments_that_qemu_refuses(tmp_path: Path) -> None:
    target = QemuTarget("mps2-an386", state_dir=tmp_path, extra_arguments=["-no-such-option"])
    with pytest.raises(
        DeviceError, match=rf"QEMU ended before the device answered \(exit code 1\): .*-no-such-option: invalid option{HINT}"
    ):
        Device(target)


@pytest.mark.parametrize("seconds", [0.0, 0.6])
def test_a_slow_failure_keeps_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A busy machine: the stream ends long after the start, and words and exit come long after the stream's end."""
    program = tmp_path / PROGRAM
    steps = f"time.sleep({seconds}); os.closerange(3, 1024); time.sleep({seconds}); sys.exit('no such machine')"
    program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{steps}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for _ in range(2):  # the state is free again after a failed start
        with pytest.raises(DeviceError, match=rf"QEMU ended before the device answered \(exit code 1\): no such machine{HINT}"):
            Device(QemuTarget("mps2-an386", state_dir=tmp_path / "state"))


def test_an_emulator_that_is_killed(tmp_path: Path) -> None:
    target = QemuTarget("mps2-an386", state_dir=tmp_path)
    with Device(target) as device:
        assert target._process is not None
        target._process.send_signal(signal.SIGKILL)
        with pytest.raises(DeviceError, match=r"the emulator ended \(exit code -9\)\nhint: connect again; the last save is kept"):
            device.status()
