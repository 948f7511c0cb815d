# SPDX-License-Identifier: Apache-2.0
"""A TCP connection as a stream of bytes, and the same inside a sealed channel."""

import socket
from contextlib import suppress

from tinytl.errors import DeviceError
from tinytl_bridge.pairing.sealed_channel import SealedChannel
from tinytl_bridge.pairing.sealed_stream import SealedStream

CONNECT_S = 10.0
_WRITE_S = 30.0
_READ_BYTES = 65_536


class TcpStream:
    """A connection.

    Args:
        host, port: where to. name: the target's, for errors.

    Raises:
        DeviceError: nobody listens there, or there is no such host.
    """

    def __init__(self, host: str, port: int, name: str) -> None:
        self._name = name
        try:
            self._socket = socket.create_connection((host, port), timeout=CONNECT_S)
        except socket.gaierror as error:
            raise DeviceError(
                f"host {host!r} of target {name!r} is unknown: {error.strerror}", expected="a name or an IP address",
                hint=f"ping {host}; on the Pi, hostname -I prints its address",
            ) from error  # fmt: skip
        except OSError as error:
            raise DeviceError(
                f"nobody answers at {host}:{port}: {error.strerror or error}", expected="a running agent",
                hint="on the Pi: tinytl agent --address 0.0.0.0",
            ) from error  # fmt: skip
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    @property
    def address(self) -> str:
        """IP address of the peer."""
        return str(self._socket.getpeername()[0]).partition("%")[0]

    def write(self, data: bytes) -> None:
        """Send all bytes. Raises: DeviceError: the connection broke."""
        try:
            self._socket.settimeout(_WRITE_S)
            self._socket.sendall(data)
        except OSError as error:
            raise self._gone(error) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, b"" if nothing came in time. timeout_s: seconds. Raises: DeviceError: the connection broke."""
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone("the agent closed it")
        return data

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _gone(self, why: OSError | str) -> DeviceError:
        return DeviceError(
            f"the connection to {self._name!r} broke: {why}", hint="connect again; what was saved is kept, and the agent's log says more"
        )


class SealedTcpStream:
    """The same inside a sealed channel.

    Args:
        stream: that carries the messages. channel: of a handshake that is done.
    """

    def __init__(self, stream: TcpStream, channel: SealedChannel) -> None:
        self._stream, self._sealed = stream, SealedStream(channel)

    def write(self, data: bytes) -> None:
        """Send all bytes. Raises: DeviceError: the connection broke."""
        self._stream.write(self._sealed.write(data))

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, b"" if nothing came in time. timeout_s: seconds. Raises: DeviceError: broken, or not the agent's words."""
        data = self._stream.read(timeout_s)
        return self._sealed.read(data) if data else b""

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
