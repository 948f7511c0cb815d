# SPDX-License-Identifier: Apache-2.0
"""A serial line that the agent serves: a device file such as a USB gadget's /dev/ttyGS0, or a pty that it makes.

In: the agent's settings. Out: a line, read and written without blocking. A gadget's host that goes away closes nothing: the line stays, and
who comes next begins with a HELLO.
"""

import asyncio
import os
import pty
import termios
import tty
from typing import Self

from tinytl.errors import DeviceError
from tinytl_bridge.agent.serving.lines import READ_BYTES, SLOW_READER_S
from tinytl_bridge.agent.settings import AgentSettings

PTY = "pty"
_GONE_PAUSE_S = 0.2


class SerialLine:
    """One serial line.

    Args:
        descriptor: of the open device. name: of the device file that the other side opens. kept_open: the other end of a pty, so that it
            does not hang up while nobody is there; None for a device.
    """

    def __init__(self, descriptor: int, name: str, *, kept_open: int | None = None) -> None:
        self._descriptor, self.name, self._kept_open = descriptor, name, kept_open
        os.set_blocking(descriptor, False)

    @classmethod
    async def open(cls, settings: AgentSettings) -> Self:
        """Open the line that the settings name.

        Raises:
            DeviceError: there is no such device, it may not be opened, or it takes no such baud rate.
        """
        if settings.serial == PTY:
            ours, theirs = pty.openpty()
            tty.setraw(theirs)
            return cls(ours, os.ttyname(theirs), kept_open=theirs)
        try:
            descriptor = os.open(settings.serial, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(descriptor)
            _set_baud(descriptor, settings.baud)
        except (OSError, termios.error) as error:
            raise DeviceError(
                f"serial line {settings.serial!r} cannot be opened: {error}", expected="a serial device, or pty",
                hint="of a USB gadget: sudo modprobe g_serial, then /dev/ttyGS0; are you in the group dialout?",
            ) from error  # fmt: skip
        return cls(descriptor, settings.serial)

    async def receive(self) -> bytes:
        """Return what has come; waits as long as nobody is there. Raises: DeviceError: the device is gone."""
        loop = asyncio.get_running_loop()
        while True:
            arrived = loop.create_future()
            loop.add_reader(self._descriptor, _wake, arrived)
            try:
                await arrived
            finally:
                loop.remove_reader(self._descriptor)
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise DeviceError(f"serial line {self.name} is gone: {error.strerror}", hint="start the agent again") from error
            if data:
                return data
            await asyncio.sleep(_GONE_PAUSE_S)  # hung up: nobody has the other end open

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises: TimeoutError: nobody takes them. DeviceError: the device is gone."""
        deadline = asyncio.get_running_loop().time() + SLOW_READER_S
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    return  # nobody reads: as on a wire without a reader, the bytes are lost
                await asyncio.sleep(0.01)
            except OSError as error:
                raise DeviceError(f"serial line {self.name} is gone: {error.strerror}", hint="start the agent again") from error


def _wake(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)


def _set_baud(descriptor: int, baud: int) -> None:
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise DeviceError(f"baud rate {baud}", expected="one that Linux knows, such as 115200 or 921600")
    attributes = termios.tcgetattr(descriptor)
    attributes[4] = attributes[5] = speed
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
