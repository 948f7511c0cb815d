# SPDX-License-Identifier: Apache-2.0
"""The sources `tcp:HOST:PORT`, which connects, and `tcp-listen:[HOST:]PORT`, which waits for one sender, on loopback by default.

In: an address. Out: a `ByteSource`. While nobody reads, the system's buffers fill and the sender is held up.
"""

import socket
from collections.abc import Callable
from contextlib import suppress

from tinytl.errors import DataError
from tinytl_bridge.streaming.formats import Format
from tinytl_bridge.streaming.records import CHUNK_BYTES
from tinytl_bridge.streaming.sources.byte_source import ByteSource

LOOPBACK = "127.0.0.1"
_CONNECT_S = 10.0
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A sender whose cable is out says nothing: after a minute of silence the system finds out."""


class _Connection:
    """`Bytes` of a socket; of a listening one, those of the first who connects."""

    def __init__(self, connected: socket.socket | None, listening: socket.socket | None = None) -> None:
        self._connected, self._listening = connected, listening
        if connected is not None:
            _keep_alive(connected)

    def read(self, timeout_s: float) -> bytes:
        if self._connected is None and not self._accept(timeout_s):
            return b""
        assert self._connected is not None
        self._connected.settimeout(timeout_s)
        try:
            data = self._connected.recv(CHUNK_BYTES)
        except TimeoutError as error:
            if error.errno is not None:  # the system's own: the keep-alive was not answered
                raise
            return b""
        if not data:
            raise EOFError
        return data

    def _accept(self, timeout_s: float) -> bool:
        assert self._listening is not None
        self._listening.settimeout(timeout_s)
        try:
            self._connected, _ = self._listening.accept()
        except TimeoutError:
            return False
        _keep_alive(self._connected)
        self._listening.close()  # one sender: another one is refused, not left waiting
        return True

    def close(self) -> None:
        for each in (self._connected, self._listening):
            if each is not None:
                with suppress(OSError):
                    each.close()


def _keep_alive(connected: socket.socket) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def address_of(text: str, *, default_host: str = "") -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`; of `PORT` alone with a default host.

    Raises:
        DataError: no port, or no host where one is needed.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or default_host
    if not host or not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise DataError(f"address {text!r}", expected="HOST:PORT, e.g. 192.168.1.20:5000" if not default_host else "PORT or HOST:PORT")
    return host, int(port)


def tcp(address: str, form: Format) -> ByteSource:
    """Connect to a sender.

    Args:
        address: HOST:PORT. form: what the bytes are.

    Raises:
        DataError: it cannot be reached.
    """
    where = address_of(address)
    try:
        connected = socket.create_connection(where, _CONNECT_S)
    except OSError as error:
        raise DataError(f"tcp:{address} cannot be reached: {error}", expected="a program that listens there and sends samples") from error
    return ByteSource(f"tcp:{address}", _Connection(connected), form, lost_hint="does the sender still run, is the network there?")


def tcp_listen(address: str, form: Format, tell: Callable[[str], None]) -> ByteSource:
    """Listen for one sender.

    Args:
        address: [HOST:]PORT; port 0 takes a free one. form: what the bytes are. tell: told where it listens.

    Raises:
        DataError: it cannot listen there.
    """
    host, port = address_of(address, default_host=LOOPBACK)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1)
    except OSError as error:
        raise DataError(f"tcp-listen:{address} is not possible: {error}", expected="a free port of this machine") from error
    port = listening.getsockname()[1]
    tell(f"listening on {host}:{port}")
    if host not in (LOOPBACK, "localhost", "::1"):
        tell(f"warning: whoever reaches {host}:{port} can teach this device\nhint: tcp-listen:{port} listens on this machine alone")
    return ByteSource(f"tcp-listen:{address}", _Connection(None, listening), form, lost_hint="does the sender still run?")
