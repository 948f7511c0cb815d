# SPDX-License-Identifier: Apache-2.0
"""A real serial port: the twin's session behind a pseudo-terminal, opened by pyserial, and behind a TCP socket."""

import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.errors import DeviceError
from tinytl.model_file import read_model
from tinytl_bridge import Device, connect
from tinytl_bridge.running import run_model
from tinytl_bridge.targets.host import HostTarget
from two_ended_model import expected, samples, two_ended

TARGET = tiny_task("other writers", seed=11)


@contextmanager
def serve(folder: Path, descriptor: int, write: Callable[[bytes], object]) -> Iterator[None]:
    """Feed the twin's session with what arrives at a descriptor, write its answers back."""
    target = HostTarget(state_dir=folder, mailbox=False)
    target.start()
    stop = threading.Event()

    def pump() -> None:
        while not stop.is_set():
            if select.select([descriptor], [], [], 0.05)[0]:
                try:
                    data = os.read(descriptor, 4096)
                except OSError:
                    return
                target.receive(data)
                answer = target.take()
                if answer:
                    write(answer)

    thread = threading.Thread(target=pump)
    thread.start()
    yield
    stop.set()
    thread.join()
    target.stop()


def exercise(device: Device, bundle: Path) -> None:
    assert device.info.board == "host" and device.info.mailbox_bytes == 0
    device.flash(read_bundle(bundle))
    assert device.teach(TARGET.x_train[:20], TARGET.y_train[:20]).taught == 20
    assert device.save() == 1
    assert device.evaluate(TARGET.x_test[:30], TARGET.y_test[:30]).accuracy > 0.5


@pytest.mark.parametrize("suffix", ["", "?baud=460800"])
def test_a_pseudo_terminal(tiny_bundle: Path, tmp_path: Path, suffix: str) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    name = os.ttyname(theirs)
    with serve(tmp_path, ours, lambda data: os.write(ours, data)), connect(f"serial:{name}{suffix}") as device:
        exercise(device, tiny_bundle)
    os.close(ours)
    os.close(theirs)


def test_a_socket(tiny_bundle: Path, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        caller = threading.Thread(target=lambda: None)
        url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        made: list[Device] = []
        failures: list[BaseException] = []

        def call() -> None:
            try:
                with connect(url) as device:
                    made.append(device)
                    exercise(device, tiny_bundle)
            except BaseException as error:
                failures.append(error)

        caller = threading.Thread(target=call)
        caller.start()
        connection, _ = listener.accept()
        with connection, serve(tmp_path, connection.fileno(), connection.sendall):
            caller.join(60)
        assert made
        assert not failures, failures


def test_any_model_runs_over_a_serial_port(tmp_path: Path) -> None:
    (tmp_path / "two.tflite").write_bytes(two_ended())
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with serve(tmp_path, ours, lambda data: os.write(ours, data)):
        ran = run_model(read_model(tmp_path / "two.tflite"), samples(5), target=f"serial:{os.ttyname(theirs)}")
    for name, answer in expected(samples(5)).items():
        assert ran.answers[name].tobytes() == answer.tobytes()
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_a_port_that_another_program_has_open_is_refused(tmp_path: Path) -> None:
    """Two programs on one port take each other's bytes. Root is not held back by the kernel's flag, the advisory lock holds for all."""
    master, slave = os.openpty()
    port = serial.Serial(os.ttyname(slave), exclusive=True)
    with pytest.raises(DeviceError, match=r"cannot be opened: .*exclusively lock"):
        connect(f"serial:{os.ttyname(slave)}")
    port.close()
    os.close(master)
    os.close(slave)
