# SPDX-License-Identifier: Apache-2.0
"""A serial device that hangs up and comes back, as a gadget whose cable is pulled: real terminals, whose other ends are closed."""

import asyncio
import os
import pty
import tty

import pytest

from tinytl.errors import DeviceError
from tinytl_bridge.agent.serving.serial_line import SerialLine
from tinytl_bridge.agent.settings import AgentSettings

WAIT_S = 10


def plugged(path):
    """Make a terminal whose device `path` leads to; return its other end."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(theirs))
    os.close(theirs)
    return ours


async def received(line):
    return await asyncio.wait_for(line.receive(), WAIT_S)


def test_a_line_that_hangs_up_is_opened_again_and_serves_on(tmp_path, caplog):
    async def play():
        path = tmp_path / "ttyGS0"
        host = plugged(path)
        line = await SerialLine.open(AgentSettings(tmp_path, serial=str(path)))
        os.write(host, b"first")
        assert await received(line) == b"first"
        await line.send(b"answer")
        assert os.read(host, 100) == b"answer"
        waiting = asyncio.create_task(received(line))
        await asyncio.sleep(0.05)
        os.close(host)
        path.unlink()
        await asyncio.sleep(0.5)
        await line.send(b"nobody is there")
        host = plugged(path)
        await asyncio.sleep(0.5)
        os.write(host, b"second")
        assert await waiting == b"second"
        await line.send(b"answer")
        assert os.read(host, 100) == b"answer"
        os.close(host)

    asyncio.run(play())
    assert caplog.text.count("ttyGS0 hung up: it is opened again once it is there") == 1


@pytest.mark.parametrize(("name", "baud", "text"), [("none", 9600, "'.*none' cannot be opened"), ("tty", 12345, "baud rate 12345")])
def test_a_line_that_cannot_be_opened_is_refused_at_the_start(tmp_path, name, baud, text):
    host = plugged(tmp_path / "tty")
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DeviceError, match=text):
        asyncio.run(SerialLine.open(AgentSettings(tmp_path, serial=str(tmp_path / name), baud=baud)))
    assert len(os.listdir("/proc/self/fd")) == descriptors
    os.close(host)
