# SPDX-License-Identifier: Apache-2.0
"""A line that is cut in the middle of a stream: the device tells how far it came, and `teach --resume` goes on there, to the same bytes."""

import json
import os
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from new_shapes import mixed_task
from tinytl.bundle.bundle import read_bundle
from tinytl.errors import DeviceError
from tinytl_bench.studies.guard import with_settings
from tinytl_bridge import Device, connect
from tinytl_bridge.stream_place import number_stream
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.link import Link
from tinytl_bridge.wire.protocol import Command
from tinytl_bridge.wire.results import NOWHERE, StreamPlace
from tinytl_cli import cli
from tinytl_cli.resuming import place_to_teach

TASK = mixed_task(seed=5, train=60, test=30)
SAMPLES = len(TASK.x_train)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "shapes.npz"
    np.savez(path, x_train=TASK.x_train, y_train=TASK.y_train, x_test=TASK.x_test, y_test=TASK.y_test, classes=TASK.classes)
    return path


@contextmanager
def line(target: HostTarget, *, lessons: int | None = None) -> Iterator[str]:
    """A pseudo-terminal to a device that stays on; it is cut when so many samples were taught, before the last one's answer."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    name, stop, left = os.ttyname(theirs), threading.Event(), [lessons]

    def pump() -> None:
        waiting = b""
        while not stop.is_set():
            if not select.select([ours], [], [], 0.02)[0]:
                continue
            data = os.read(ours, 4096)
            target.receive(data)
            waiting += data
            *runs, waiting = waiting.split(b"\0")
            frames = [frame for run in runs if run and (frame := protocol.decode(run))]
            if left[0] is not None:
                left[0] -= sum(frame.type in (Command.TEACH, Command.GROW) for frame in frames)
                if left[0] <= 0:
                    target.take()
                    return os.close(ours)
            os.write(ours, target.take())

    thread = threading.Thread(target=pump)
    thread.start()
    os.close(os.dup(theirs))
    yield f"serial:{name}"
    stop.set()
    thread.join()
    os.close(theirs)


def tinytl(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def powered(folder: Path, bundle: Path) -> HostTarget:
    with connect("host", state_dir=folder) as device:
        device.flash(read_bundle(bundle))
    target = HostTarget(state_dir=folder, mailbox=False)
    target.start()
    return target


@pytest.mark.parametrize(("cut", "guarded"), [(1, False), (23, False), (41, True), (SAMPLES, False)])
def test_a_resumed_head_equals_that_of_an_unbroken_stream(tiny_bundle: Path, data: Path, tmp_path: Path, cut: int, guarded: bool) -> None:
    bundle = tiny_bundle
    if guarded:
        bundle = tmp_path / "guarded.tinytl"
        with_settings(tiny_bundle, bundle, guard_buffer_bytes=4096, guard_every=4, guard_check_every=20)
    teach = ("teach", "--data", str(data), "--new-classes", "--no-save", "--json")
    heads = []
    for name, after in (("whole", None), ("broken", cut)):
        target = powered(tmp_path / name, bundle)
        with line(target, lessons=after) as port:
            result = tinytl(*teach, "--target", port)
        if after is not None:
            assert "broke: " in str(result.exception)
            with line(target) as port:
                asked = tinytl(*teach, "--target", port)
                assert f"the head on the device has taken {cut} of these {SAMPLES} samples before" in str(asked.exception)
            with line(target) as port:
                result = tinytl(*teach, "--target", port, "--resume")
            assert f"the head has taken {cut} of these {SAMPLES} samples" in result.stderr
            assert json.loads(result.stdout)["resumed_behind"] == cut
        assert result.exit_code == 0, result.exception
        with line(target) as port, connect(port) as device:
            place = device.stream_place()
            assert place.position == SAMPLES and place.stream
            heads.append((device.head_parameters().tobytes(), device.labels(), device.status().steps, place))
        target.stop()
    assert heads[0] == heads[1]


def test_the_place_is_saved_with_the_head_and_goes_back_with_it(tiny_bundle: Path, data: Path, tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path / "state"), "--data", str(data), "--new-classes")
    with connect("host", state_dir=tmp_path / "state") as device:
        device.flash(read_bundle(tiny_bundle))
        assert device.stream_place() == NOWHERE
    assert (
        "the head has taken none of these samples: it begins at the first" in tinytl("teach", *where, "--samples", "20", "--resume").stderr
    )
    with connect("host", state_dir=tmp_path / "state") as device:
        place = device.stream_place()
        assert place.position == 20
        device.teach_prepared(device.prepare(TASK.x_test[:1])[0], 0)
        assert device.stream_place().position == 21
        device.rollback("saved")
        assert device.stream_place() == place
        device.rollback("factory")
        assert device.stream_place() == NOWHERE
    repeated = tinytl("teach", *where, "--samples", "20")
    assert "hint: --again teaches all of them once more" in repeated.exception.text()
    assert tinytl("teach", *where, "--seed", "2", "--samples", "5", "--no-save").exit_code == 0, "another order is another stream"
    longer = json.loads(tinytl("teach", *where, "--resume", "--json").stdout)
    assert (longer["resumed_behind"], longer["taught"]) == (20, SAMPLES - 20)
    again = json.loads(tinytl("teach", *where, "--samples", "7", "--again", "--json").stdout)
    assert again["taught"] == 7 and "resumed_behind" not in again
    with connect("host", state_dir=tmp_path / "state") as device:
        assert device.stream_place() == StreamPlace(place.stream, 7)
        device.flash(read_bundle(tiny_bundle))
        assert device.stream_place() == NOWHERE


def test_a_head_saved_before_places_were_kept_is_restored(tiny_bundle: Path, tmp_path: Path) -> None:
    """The payload without its last 8 bytes, as earlier firmware wrote it."""
    import struct
    import zlib

    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(tiny_bundle))
        device.teach(TASK.x_train[:9], TASK.y_train[:9], classes=TASK.classes, new_classes=True, place=StreamPlace(5, 0))
        device.save()
        head, labels = device.head_parameters(), device.labels()
        start = 2 * device.info.model_slot_bytes
    (path,) = [path for path in tmp_path.iterdir() if path.stat().st_size > start]
    with path.open("r+b") as memory:
        memory.seek(start)
        slot = bytearray(memory.read(28))
        assert slot[:4] == b"TLST"
        (payload_bytes,) = struct.unpack_from("<I", slot, 12)
        memory.seek(start + 32)
        payload = memory.read(payload_bytes - 8)
        struct.pack_into("<II", slot, 12, len(payload), zlib.crc32(payload))
        struct.pack_into("<I", slot, 24, zlib.crc32(slot[:24]))
        memory.seek(start)
        memory.write(slot)
    with connect("host", state_dir=tmp_path) as device:
        assert device.status().head_status == "saved"
        assert (device.head_parameters().tobytes(), device.labels(), device.stream_place()) == (head.tobytes(), labels, NOWHERE)


def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import click

    answers = iter(["resume", "again", "stop"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    held = StreamPlace(9, 4)
    assert place_to_teach(held, 9, 10, resume=False, again=False) == held
    assert place_to_teach(held, 9, 10, resume=False, again=False) == StreamPlace(9, 0)
    with pytest.raises(click.Abort):
        place_to_teach(held, 9, 10, resume=False, again=False)
    assert "the head on the device has taken 4 of these 10 samples before" in capsys.readouterr().err
    assert place_to_teach(held, 8, 10, resume=False, again=False) == StreamPlace(8, 0), "another stream: nobody is asked"
    with pytest.raises(click.UsageError, match="--resume leaves out what the head has taken, --again teaches it once more: one of them"):
        place_to_teach(held, 9, 10, resume=True, again=True)


def test_streams_have_numbers_by_samples_labels_names_and_order() -> None:
    x, y, names, order = TASK.x_train, TASK.y_train, TASK.classes, np.arange(SAMPLES)
    base = number_stream(x, y, names, order)
    assert base == number_stream(x.copy(), y.astype(np.int32), list(names), order.astype(np.int32)) and 0 < base < 2**32
    others = {number_stream(255 - x, y, names, order), number_stream(x, y[::-1], names, order)}
    others |= {number_stream(x, y, names[::-1], order), number_stream(x, y, names, order[::-1])}
    assert len(others | {base}) == 5


class _Older(Link):
    """A link to a device whose firmware does not know STREAM."""

    def command(self, command: Command, payload: bytes = b"", *, takes_long: bool = False) -> bytes:
        return super().command(command if command != Command.STREAM else 0x7F, payload, takes_long=takes_long)  # type: ignore[arg-type]


def test_firmware_that_keeps_no_place_is_taught_from_the_start_only(tiny_bundle: Path, tmp_path: Path) -> None:
    with Device(HostTarget(state_dir=tmp_path)) as device:
        device.session.link = _Older(device.session.link._stream)
        device.session.link.open()
        device.flash(read_bundle(tiny_bundle))
        assert device.stream_place() == NOWHERE
        assert device.teach(TASK.x_train[:3], TASK.y_train[:3], classes=TASK.classes, new_classes=True, place=StreamPlace(3, 0)).taught == 3
        with pytest.raises(DeviceError, match="the firmware keeps no place in a stream\nhint: update the firmware"):
            device.teach(TASK.x_train[:3], TASK.y_train[:3], classes=TASK.classes, new_classes=True, place=StreamPlace(3, 1))


def test_the_device_refuses_what_is_no_place(tiny_bundle: Path, tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        with pytest.raises(DeviceError, match="no model is loaded"):
            device.stream_place()
        device.flash(read_bundle(tiny_bundle))
        with pytest.raises(DeviceError, match="payload of 4 bytes; expected 8"):
            device.command(Command.STREAM, b"1234")
