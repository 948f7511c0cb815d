# SPDX-License-Identifier: Apache-2.0
"""A board on a serial port, or whatever a pyserial URL reaches (`socket://`, `rfc2217://` …)."""

from urllib.parse import parse_qs

import serial

from tinytl.errors import DeviceError
from tinytl_bridge.targets.base import Target
from tinytl_bridge.wire.link import Stream

DEFAULT_BAUD = 115_200
_BITS_PER_BYTE = 10
_WRITE_TIMEOUT_S = 10.0
_SLICE_S = 0.05
"""The port's own timeout, never changed: changing it sets the port up anew, over rfc2217 with a round trip."""


class _PortStream:
    def __init__(self, port: "serial.SerialBase", name: str) -> None:
        self._port, self._name = port, name

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from error

    def read(self, timeout_s: float) -> bytes:
        try:
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        self._port.close()

    def _gone(self, error: Exception) -> DeviceError:
        return DeviceError(f"the connection to {self._name!r} broke: {error}", hint="is the cable in place? connect again")


class SerialTarget(Target):
    """A device behind a serial port.

    Args:
        port: `/dev/ttyACM0`, `COM3` or a pyserial URL, with `?baud=N` where it is not 115,200.
    """

    def __init__(self, port: str, *, name: str) -> None:
        self.name = name
        self._url, _, query = port.partition("?")
        baud = parse_qs(query).get("baud", [str(DEFAULT_BAUD)])[0]
        if not baud.isdigit() or int(baud) == 0:
            raise DeviceError(f"baud rate {baud!r} of target {name!r}", expected="a number such as 115200")
        self._baud = int(baud)
        self.timeout_s = max(1.0, 4 * 1200 * _BITS_PER_BYTE / self._baud)
        # A device that reads no more must not hold the host up for ever; rfc2217 knows no such limit.
        self._write_timeout_s = None if self._url.startswith("rfc2217://") else max(_WRITE_TIMEOUT_S, self.timeout_s)
        self._stream: _PortStream | None = None

    def start(self) -> Stream:
        """Open the port.

        Raises:
            DeviceError: there is no such port, it is in use, or it may not be opened.
        """
        try:
            alone = {} if "://" in self._url else {"exclusive": True}  # two programs on one port take each other's bytes
            port = serial.serial_for_url(self._url, baudrate=self._baud, timeout=_SLICE_S, write_timeout=self._write_timeout_s, **alone)
            port.reset_input_buffer()
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError(
                f"port {self._url!r} cannot be opened: {error}", expected="a serial port", hint="python -m serial.tools.list_ports"
            ) from error
        self._stream = _PortStream(port, self.name)
        return self._stream

    def stop(self) -> None:
        """Close the port."""
        if self._stream is not None:
            self._stream.close()
