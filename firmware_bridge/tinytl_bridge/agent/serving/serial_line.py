# SPDX-License-Identifier: Apache-2.0
"""A serial line that the agent serves: a device file such as a USB gadget's /dev/ttyGS0, or a pty that it makes.

In: the agent's settings. Out: a line, read and written without blocking. A gadget's host that goes away hangs the device up: it is opened
again, and who comes next begins with a HELLO.
"""

import asyncio
import logging
import os
import pty
import termios
import tty
from contextlib import suppress
from typing import Self

from tinytl.errors import DeviceError
from tinytl_bridge.agent.serving.lines import READ_BYTES, SLOW_READER_S
from tinytl_bridge.agent.settings import AgentSettings

log = logging.getLogger("tinytl.agent")
PTY = "pty"
_GONE_PAUSE_S = 0.2


class SerialLine:
    """One serial line. A device that hangs up or goes, as a gadget whose cable is pulled, is opened again once it is there.

    Args:
        descriptor: of the open device. name: of the device file that the other side opens. kept_open: the other end of a pty, so that it
            does not hang up while nobody is there; None for a device. baud: of a device.
    """

    def __init__(self, descriptor: int, name: str, *, kept_open: int | None = None, baud: int = 0) -> None:
        self._descriptor, self.name, self._kept_open, self._baud = descriptor, name, kept_open, baud
        self._is_told = False
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
        return cls(_opened(settings.serial, settings.baud), settings.serial, baud=settings.baud)

    async def receive(self) -> bytes:
        """Return what has come; waits as long as nobody is there."""
        while True:
            data = await self._read()
            if data:
                self._is_told = False
                return data
            await asyncio.sleep(_GONE_PAUSE_S)
            if self._kept_open is None:
                self._reopen()

    async def send(self, data: bytes) -> None:
        """Send bytes. Where nobody takes them, or the device is gone, they are lost, as on a wire without a reader."""
        deadline = asyncio.get_running_loop().time() + SLOW_READER_S
        while data and self._descriptor >= 0:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    return
                await asyncio.sleep(0.01)
            except OSError:  # who reads next notices, and opens it again
                return

    async def _read(self) -> bytes:
        """Return what has come, b"" where the device hung up or is gone."""
        if self._descriptor < 0:
            return b""
        loop = asyncio.get_running_loop()
        while True:
            arrived = loop.create_future()
            loop.add_reader(self._descriptor, _wake, arrived)
            try:
                await arrived
            finally:
                loop.remove_reader(self._descriptor)
            try:
                return os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    def _reopen(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        if not self._is_told:
            log.warning("serial line %s hung up: it is opened again once it is there", self.name)
        self._is_told = True
        with suppress(DeviceError):
            self._descriptor = _opened(self.name, self._baud)


def _opened(path: str, baud: int) -> int:
    """Open a serial device, raw and without blocking."""
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(descriptor)
        _set_baud(descriptor, baud)
    except (OSError, termios.error, DeviceError) as error:
        if descriptor >= 0:
            os.close(descriptor)
        if isinstance(error, DeviceError):
            raise
        raise DeviceError(
            f"serial line {path!r} cannot be opened: {error}", expected="a serial device, or pty",
            hint="of a USB gadget: sudo modprobe g_serial, then /dev/ttyGS0; are you in the group dialout?",
        ) from error  # fmt: skip
    return descriptor


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
