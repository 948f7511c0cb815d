# SPDX-License-Identifier: Apache-2.0
"""A stream of bytes through a sealed channel: cut into messages, sealed, each with its length before it, and back.

In: bytes of a session. Out: bytes for the connection, and the other way. Where messages begin means nothing to the session.
"""

from tinytl_bridge.pairing.framing import Messages, carried
from tinytl_bridge.pairing.sealed_channel import MOST_DATA_BYTES, MOST_MESSAGE_BYTES, SealedChannel


class SealedStream:
    """One side's end.

    Args:
        channel: of a handshake that is done.
    """

    def __init__(self, channel: SealedChannel) -> None:
        self._channel, self._messages = channel, Messages(MOST_MESSAGE_BYTES)

    def write(self, data: bytes) -> bytes:
        """Return what to send so that the other side reads data. Raises: as for `SealedChannel.seal`."""
        pieces = (data[at : at + MOST_DATA_BYTES] for at in range(0, len(data), MOST_DATA_BYTES))
        return b"".join(carried(self._channel.seal(piece)) for piece in pieces)

    def read(self, received: bytes) -> bytes:
        """Return the data of the messages that are whole with these bytes; b"" if none is.

        Raises:
            PairingError: a message is not the other side's next one, unaltered.
        """
        return b"".join(self._channel.open(message) for message in self._messages.feed(received))
