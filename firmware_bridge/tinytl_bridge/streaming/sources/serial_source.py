# SPDX-License-Identifier: Apache-2.0
"""The source `serial:PORT[?baud=N&flow=rtscts|xonxoff]`: bytes of a serial port, which has no end of its own.

In: the port's name and options. Out: a `ByteSource`. Without flow control nothing holds the sender up: what the system has no room for is
lost, and only the sender's numbers tell.
"""

import serial

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.records import CHUNK_BYTES
from tinytl_bridge.streaming.sources.byte_source import ByteSource

_DEFAULT_BAUD = 115_200
_SLICE_S = 0.1
_FLOWS = ("none", "rtscts", "xonxoff")


class _Port:
    def __init__(self, port: "serial.Serial") -> None:
        self._port = port

    def read(self, timeout_s: float) -> bytes:
        try:
            data = bytes(self._port.read(1))
            return data + self._port.read(min(self._port.in_waiting, CHUNK_BYTES)) if data else b""
        except (serial.SerialException, TypeError) as error:  # TypeError: closed by another thread meanwhile
            raise OSError(str(error)) from error

    def close(self) -> None:
        self._port.close()


def serial_port(port: str, options: dict[str, str], form: Format) -> ByteSource:
    """Open a serial port to read from.

    Args:
        port: such as /dev/ttyUSB0. options: `baud`, 115,200 without it; `flow`: none, rtscts or xonxoff. form: what the bytes are.

    Raises:
        DataError: a baud rate or flow control that is none; a port that cannot be opened.
    """
    baud, flow = options.get("baud", str(_DEFAULT_BAUD)), options.get("flow", "none")
    if not (baud.isascii() and baud.isdigit() and 0 < int(baud) < 10**8):
        raise DataError(f"baud rate {baud!r} of serial:{port}", expected="a number such as 115200")
    if flow not in _FLOWS:
        raise DataError(f"flow control {flow!r} of serial:{port}", expected=", ".join(_FLOWS))
    try:
        opened = serial.Serial(
            port, int(baud), timeout=_SLICE_S, exclusive=True, rtscts=flow == "rtscts", xonxoff=flow == "xonxoff"
        )  # fmt: skip
    except (serial.SerialException, OSError, ValueError) as error:
        raise DataError(
            f"port {port!r} cannot be opened: {error}", expected="a serial port", hint="python -m serial.tools.list_ports"
        ) from error
    return ByteSource(f"serial:{port}", _Port(opened), form, lost_hint="is the cable in place?")
