# SPDX-License-Identifier: Apache-2.0
"""A connection's line: bytes of frames in and out, plain or inside a sealed channel.

In: the two ends of a TCP connection. Out: bytes as a serial line has them. How a line begins says what it is: a plain one with a zero, as
every frame does; one that wants to pair with the length of its first message.
"""

import asyncio
from typing import Protocol

from tinytl_bridge.pairing.sealed_channel import SealedChannel
from tinytl_bridge.pairing.sealed_stream import SealedStream

READ_BYTES = 16_384
SLOW_READER_S = 30.0
"""Until a peer that takes none of its answers is let go."""


class Line(Protocol):
    """Bytes to and from a peer."""

    async def receive(self) -> bytes:
        """Return what has come, b"" at the end."""

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises: TimeoutError: the peer takes none."""


class PlainLine:
    """Bytes as they are.

    Args:
        reader, writer: of the connection. begun: bytes that were read before.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes = b"") -> None:
        self._reader, self._writer, self._begun = reader, writer, begun

    async def receive(self) -> bytes:
        """Return what has come, b"" at the end."""
        begun, self._begun = self._begun, b""
        return begun or await self._reader.read(READ_BYTES)

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises: TimeoutError: the peer takes none."""
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), SLOW_READER_S)


class SealedLine:
    """Bytes inside sealed messages.

    Args:
        line: that carries them. begun: bytes of it that were read before. channel: that the handshake made.
    """

    def __init__(self, line: PlainLine, begun: bytes, channel: SealedChannel) -> None:
        self._line, self._stream, self._begun = line, SealedStream(channel), begun

    async def receive(self) -> bytes:
        """Return what the next messages hold, b"" at the end. Raises: PairingError: they were not sealed by the peer."""
        while True:
            begun, self._begun = self._begun, b""
            data = begun or await self._line.receive()
            opened = self._stream.read(data)
            if opened or not data:
                return opened

    async def send(self, data: bytes) -> None:
        """Send bytes, sealed. Raises: TimeoutError: the peer takes none."""
        await self._line.send(self._stream.write(data))
