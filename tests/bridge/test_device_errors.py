# SPDX-License-Identifier: Apache-2.0
"""What devices and bridge refuse, word for word, and that a refusal changes nothing."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.compiler import compile_bundle
from tinytl.errors import BuildError, DeviceError, TinytlError
from tinytl_bridge import connect
from tinytl_bridge.device import Device
from tinytl_bridge.firmware.boards import load_board
from tinytl_bridge.firmware.build import build_firmware
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.targets.serial_port import SerialTarget
from tinytl_bridge.wire.link import Link, Refusal
from tinytl_bridge.wire.protocol import Command, Readable

TARGET = tiny_task("other writers", seed=11)


@pytest.fixture
def device(tiny_bundle: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path) as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qmeu:x", r"target 'qmeu:x' is unknown; expected host, qemu:BOARD, pi:HOST, qemu-pi:PROCESSOR, serial:PORT"),
        (
            "qemu:mps2-an386?link=usb",
            r"link 'usb' of an emulated board is unknown; expected ring, uart\nhint: qemu:mps2-an386\?link=uart",
        ),
        (
            "qemu:mps2-an386?wire=uart",
            r"option 'wire=uart' of target 'qemu:mps2-an386\?wire=uart' is unknown; expected link=ring, link=uart\n"
            r"hint: qemu:mps2-an386\?link=uart",
        ),
        ("qemu:nano", r"board 'nano' is unknown; expected one of mps2-an385, mps2-an386, "),
        ("serial:/dev/does-not-exist", r"port '/dev/does-not-exist' cannot be opened.*\nhint: python -m serial.tools.list_ports"),
        ("serial:/dev/ttyX?baud=fast", r"baud rate 'fast' of target 'serial:/dev/ttyX\?baud=fast'; expected a number such as 115200"),
    ],
)
def test_targets_that_are_none(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(TinytlError, match=text):
        connect(name, state_dir=tmp_path)


def test_an_empty_device_says_how_to_fill_it(tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        assert device.status().model_status == "no_model"
        with pytest.raises(Refusal, match=r"the device refused: no model is loaded\nhint: tinytl flash BUNDLE"):
            device.metadata()


def test_a_model_that_needs_more_ram_is_refused_before_anything_changes(tiny_bundle: Path, tmp_path: Path) -> None:
    image = compile_bundle(read_bundle(tiny_bundle))
    with Device(HostTarget(state_dir=tmp_path)) as device:
        device.flash(image)
    with Device(HostTarget(state_dir=tmp_path, arena_bytes=image.arena_bytes - 16)) as device:
        with pytest.raises(Refusal) as caught:
            device.flash(image)
        text = caught.value.text()
        assert f"needs {image.arena_bytes:,} bytes of arena; this device has {image.arena_bytes - 16:,}" in text
        assert "hint: tinytl inspect BUNDLE" in text
    with Device(HostTarget(state_dir=tmp_path)) as device:
        assert device.status().model_status == "ok", "the old model is still there"


def test_a_range_beyond_32_bits_is_told_as_the_largest_number(tiny_bundle: Path, tmp_path: Path) -> None:
    with Device(HostTarget(state_dir=tmp_path)) as device:
        device.flash(read_bundle(tiny_bundle))
        with pytest.raises(Refusal, match=r"range up to 4,294,967,295; the limit is \d+"):
            device.session.read(Readable.HEADER, count=8, offset=0xFFFFFFFF)


def test_a_model_larger_than_a_slot_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    image = compile_bundle(read_bundle(tiny_bundle))
    with (
        Device(HostTarget(state_dir=tmp_path, model_slot_bytes=8192)) as device,
        pytest.raises(Refusal, match=f"the payload is {len(image.data):,} bytes; a slot of this device holds 8,160"),
    ):
        device.flash(image)


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (0, b"XXXX", "it is no tinytl image"),
        (4, b"\x63\x00", "image format version 99; this firmware reads 1"),
        (32, b"\x03\x00", "the image is for kernel family 3; this firmware has the families in mask 7"),
    ],
)
def test_foreign_images_are_refused_by_their_header(device: Device, at: int, value: bytes, text: str) -> None:
    image = compile_bundle(read_bundle_of(device))
    data = bytearray(image.data)
    data[at : at + len(value)] = value
    before = device.status()
    with pytest.raises(Refusal, match=text):
        device.flash(replace(image, data=bytes(data)))
    assert device.status() == before


def read_bundle_of(device: Device) -> object:
    from tinytl.bundle.shipped import find_bundle

    return read_bundle(find_bundle("digits"))


def test_an_image_damaged_on_the_way_never_becomes_current(device: Device) -> None:
    image = compile_bundle(read_bundle_of(device))
    data = bytearray(image.data)
    data[-20] ^= 1
    before = device.status()
    with pytest.raises(Refusal, match="checksum"):
        device.flash(replace(image, data=bytes(data)))
    assert device.status() == before
    device.power_cycle()
    assert device.status().bundle_id == before.bundle_id


def test_labels_outside_the_model_are_refused_before_anything_is_sent(device: Device) -> None:
    with pytest.raises(DeviceError, match=r"labels \[7\] are outside the model's 4 classes .*\nhint: teach a dataset"):
        device.teach(TARGET.x_train[:1], np.array([7]))
    assert device.status().steps == 0


def test_the_device_itself_refuses_a_label_and_a_sample(device: Device) -> None:
    sample = device.prepare(TARGET.x_train[:1])[0]
    with pytest.raises(Refusal, match="label 9; the head has 4 classes"):
        device.teach_prepared(sample, 9)
    with pytest.raises(Refusal, match="the sample has 100 bytes; the model's input takes 144"):
        device.infer_prepared(sample[:100])
    with pytest.raises(Refusal, match="the sample has 200 bytes; the model's input takes 144"):
        device.infer_prepared(np.zeros(200, np.int8))
    assert device.status().steps == 0


def test_as_many_samples_as_labels(device: Device) -> None:
    with pytest.raises(DeviceError, match="3 samples and 2 labels; expected as many of both"):
        device.teach(TARGET.x_train[:3], TARGET.y_train[:2])


def test_rollback_needs_something_to_go_back_to(device: Device) -> None:
    with pytest.raises(DeviceError, match="cannot roll back to 'yesterday'; expected saved, previous, factory"):
        device.rollback("yesterday")
    with pytest.raises(Refusal, match=r"no saved head of this model in the store\nhint: tinytl rollback --to factory"):
        device.rollback("saved")


def test_rollback_goes_where_it_says(device: Device) -> None:
    heads = [device.head_parameters()]
    for part in (slice(0, 10), slice(10, 20), slice(20, 30)):
        device.teach(TARGET.x_train[part], TARGET.y_train[part])
        heads.append(device.head_parameters())
        if part.start < 20:
            device.save()
    for where, wanted in (("saved", 2), ("previous", 1), ("factory", 0)):
        device.rollback(where)
        assert np.array_equal(device.head_parameters(), heads[wanted]), where


def test_a_state_that_somebody_else_uses(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"target 'host' is in use by another process .*\nhint: wait for it, or give another --state"):
        connect("host", state_dir=tmp_path)


def test_a_restart_while_teaching_is_told(device: Device) -> None:
    sample = device.prepare(TARGET.x_train[:1])[0]
    device.teach_prepared(sample, 0)
    device.target.stop()
    device.session.link._stream = device.target.start()
    with pytest.raises(
        DeviceError, match=r"the device restarted before TEACH: what it learned since its last save is gone\nhint: connect again"
    ):
        device.teach_prepared(sample, 0)


def test_a_device_that_does_not_answer() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        accepted: list[socket.socket] = []
        threading.Thread(target=lambda: accepted.append(listener.accept()[0]), daemon=True).start()
        target = SerialTarget(f"socket://127.0.0.1:{listener.getsockname()[1]}", name="silent")
        stream = target.start()
        link = Link(stream, timeout_s=0.05, retries=2)
        with pytest.raises(DeviceError, match=r"the device does not answer HELLO \(3 tries\)\nhint: is it powered"):
            link.open()
        link.close()


def test_unknown_commands_and_payloads_are_refused(device: Device) -> None:
    with pytest.raises(Refusal, match="payload of 3 bytes; expected 8"):
        device.session.link.command(Command.READ, b"abc")
    with pytest.raises(Refusal, match="no transfer is under way"):
        device.session.link.command(Command.FLASH_COMMIT)


def test_programs_that_are_missing_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"arm-none-eabi-gcc was not found.*\nhint: sudo apt-get install -y gcc-arm-none-eabi"):
        build_firmware("mps2-an386")
    with pytest.raises(DeviceError, match=r"qemu-system-arm was not found.*\nhint: sudo apt-get install -y qemu-system-arm"):
        connect("qemu:mps2-an386", state_dir=tmp_path)


def test_the_boards_limits_are_those_of_the_chip() -> None:
    memory = load_board("mps2-an386").memory
    assert memory.ram_bytes == 128 * 1024
    assert memory.flash_bytes == 1024 * 1024
