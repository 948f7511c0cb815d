# SPDX-License-Identifier: Apache-2.0
"""Both links of an emulated board: the same head, no processor time while it waits, no port, no repetition, faults told."""

import math
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from thinning import thinned
from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.errors import DeviceError
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.firmware.compile_options import options_for_target
from tinytl_bridge.target_names import emulated_board
from tinytl_bridge.targets import qemu
from tinytl_bridge.targets.qemu import QemuTarget
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.protocol import Command, Frame

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
BOARD = "mps2-an386"
BOARDS = (BOARD, "mps3-an547")
TARGET = tiny_task("other writers", seed=11)
SAMPLES = 40


def state_of(process: int) -> str:
    """Return the letter of a process's state: T is stopped."""
    return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]


def processor_s(target: QemuTarget) -> float:
    """Return the seconds of processor time that the emulator has taken."""
    assert target._process is not None
    fields = Path(f"/proc/{target._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_board_of_a_target() -> None:
    assert [emulated_board(name) for name in ("qemu:x", "qemu:x?link=uart", "host", "serial:x")] == ["x", "x", None, None]
    assert options_for_target("qemu:mps2-an386?link=uart") == options_for_target("mps2-an386")


@needs_qemu
@pytest.mark.parametrize("board", BOARDS)
def test_both_links_teach_the_same_head(board: str, tiny_bundle: Path, tmp_path: Path) -> None:
    heads = []
    for target in (f"qemu:{board}", f"qemu:{board}?link=uart"):
        with connect(target, state_dir=tmp_path) as device:
            assert device.target.name == target
            device.flash(read_bundle(tiny_bundle))
            device.teach(TARGET.x_train[:SAMPLES], TARGET.y_train[:SAMPLES])
            heads.append(device.head_parameters().tobytes())
            device.save()
            assert device.repeated == 0
    assert heads[0] == heads[1]
    with connect(f"qemu:{board}", state_dir=tmp_path) as device:  # what was saved over one link is there over the other
        assert device.head_parameters().tobytes() == heads[1]


@needs_qemu
@pytest.mark.parametrize(
    ("board", "link"), thinned([(BOARD, "ring"), ("mps3-an547", "ring"), (BOARD, "uart"), ("mps3-an547", "uart")], every=2, names=2)
)
def test_an_idle_device_takes_no_processor_time(board: str, link: str, tmp_path: Path) -> None:
    target = QemuTarget(board, state_dir=tmp_path, link=link)
    with Device(target) as device:
        device.status()
        before = processor_s(target)
        time.sleep(2)
        assert processor_s(target) - before < 0.1
        device.status()


@needs_qemu
def test_an_emulator_that_stands_still_is_waited_for(tmp_path: Path) -> None:
    """A busy machine: longer than the UART's timeout, and still nothing is repeated."""
    target = QemuTarget(BOARD, state_dir=tmp_path)
    assert target.timeout_s == math.inf
    with Device(target) as device:
        assert target._process is not None
        target._process.send_signal(signal.SIGSTOP)
        while state_of(target._process.pid) != "T":  # a signal that is sent has not arrived
            time.sleep(0.001)
        waking = threading.Timer(2.5, target._process.send_signal, [signal.SIGCONT])
        waking.start()
        start = time.monotonic()
        assert device.status().steps == 0
        assert time.monotonic() - start > 2
        assert device.repeated == 0


@needs_qemu
@pytest.mark.parametrize("link", ["ring", "uart"])
def test_nobody_else_can_reach_the_uart(link: str, tmp_path: Path) -> None:
    target = QemuTarget(BOARD, state_dir=tmp_path, link=link)
    with Device(target):
        assert target._process is not None
        opened = [os.readlink(path) for path in Path(f"/proc/{target._process.pid}/fd").iterdir()]
    sockets = {found[1] for path in opened if (found := re.fullmatch(r"socket:\[(\d+)\]", path))}
    listed = {line.split()[9] for table in ("tcp", "udp") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]}
    assert sockets and not sockets & listed


@needs_qemu
def test_a_ring_that_is_full_both_ways_loses_nothing(tmp_path: Path) -> None:
    """1,200 frames at once and as many answers, each direction more than the ring holds."""
    target = QemuTarget(BOARD, state_dir=tmp_path)
    stream = target.start()
    try:
        stream.write(b"".join(protocol.encode(Frame(Command.HELLO, 0, number)) for number in range(1, 1201)))
        received = b""
        while received.count(b"\0") < 2 * 1200:
            received += stream.read(5.0)
    finally:
        target.stop()
    frames = [protocol.decode(run) for run in received.split(b"\0") if run]
    assert [frame.session for frame in frames if frame] == list(range(1, 1201))


@needs_qemu
def test_a_fault_of_the_firmware_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An undefined instruction where STATUS begins."""
    firmware, broken = build_firmware(BOARD), tmp_path / "broken.bin"
    listed = subprocess.run(["arm-none-eabi-nm", str(firmware.elf)], capture_output=True, text=True, check=True).stdout
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", str(firmware.elf), str(broken)], check=True)
    found = re.search(r"^(\w+) T tinytl_command_status$", listed, flags=re.MULTILINE)
    assert found
    code, address = bytearray(broken.read_bytes()), int(found[1], 16) & ~1
    code[address : address + 2] = (0xDE00).to_bytes(2, "little")
    broken.write_bytes(code)
    monkeypatch.setattr(qemu, "build_firmware", lambda _: replace(firmware, elf=broken))
    told = (
        r"the firmware stopped at exception 3 of the core; expected none: this is an error of tinytl\n"
        r"hint: connect again; the last save is kept"
    )
    with Device(QemuTarget(BOARD, state_dir=tmp_path)) as device, pytest.raises(DeviceError, match=told):
        device.status()
