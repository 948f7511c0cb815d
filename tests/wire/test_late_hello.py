# SPDX-License-Identifier: Apache-2.0
"""A HELLO that comes late does not end the session that runs; another program that takes the device over is named as that."""

from pathlib import Path

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge import Device
from tinytl_bridge.targets.host import HostTarget
from tinytl_bridge.wire import protocol
from tinytl_bridge.wire.link import Link
from tinytl_bridge.wire.protocol import Command, Frame
from tinytl_bridge.wire.session import Session


def hello(target: HostTarget, session: int) -> bytes:
    target.receive(protocol.encode(Frame(Command.HELLO, 0, session)))
    return target.take()


def test_copies_of_the_hello_of_earlier_sessions_open_nothing(tmp_path: Path) -> None:
    target = HostTarget(state_dir=tmp_path)
    target.start()
    for session in (1, 2, 3, 4):
        assert hello(target, session)
    assert hello(target, 4), "no command came yet: its answer may have been lost"
    target.stop()
    with Device(target) as device:
        sessions = [hello(target, session) for session in (11, 12)]
        assert all(sessions)
        with pytest.raises(
            DeviceError, match="another program opened a session with the device before STATUS\nhint: one program at a time"
        ):
            device.status()
    with Device(target) as device:
        early = device.session.link._session
        assert hello(target, 99)
        with Device.__new__(Device) as second:
            second.target = target
            second.session = Session(Link(device.session.link._stream))
            assert hello(target, early) == hello(target, 99) == b""
            assert second.status().model_status == "no_model"


def test_a_restart_is_still_told_as_one(tmp_path: Path) -> None:
    target = HostTarget(state_dir=tmp_path)
    with Device(target) as device:
        stream = device.session.link._stream
        target.stop()
        target.start()
        device.session.link._stream = stream
        with pytest.raises(DeviceError, match="the device restarted before STATUS: what it learned since its last save is gone"):
            device.status()
