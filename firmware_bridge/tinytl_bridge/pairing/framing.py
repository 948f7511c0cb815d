# SPDX-License-Identifier: Apache-2.0
"""Messages in a stream of bytes: four bytes of length, little-endian, before each.

In: bytes as they come. Out: whole messages, and the same bytes back. A stream that begins with a zero byte is a plain session (its
frames begin with one); one that begins with `FIRST_BYTE` is a pairing: that is the low byte of its first message's length.
"""

from tinytl_bridge.pairing.errors import PairingError, Reason

FIRST_BYTE = 0x38
"""Low byte of the length of `hello`, 56; the stream of a pairing begins 38 00 00 00 54 4C 50 41."""
PLAIN_FIRST_BYTE = 0x00
_LENGTH_BYTES = 4


def carried(message: bytes) -> bytes:
    """Return a message as it travels: its length, then itself."""
    return len(message).to_bytes(_LENGTH_BYTES, "little") + message


class Messages:
    """The splitter of one direction of one connection; holds at most one message that is not whole.

    Args:
        limit: bytes of the longest message. It may be raised later, as when a handshake is done.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self._waiting = limit, bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are whole now, in their order.

        Raises:
            PairingError: one is empty or longer than the limit; nothing can be read from this stream any more.
        """
        self._waiting += data
        whole = []
        while len(self._waiting) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + self._next_length()
            if len(self._waiting) < end:
                break
            whole.append(bytes(self._waiting[_LENGTH_BYTES:end]))
            del self._waiting[:end]
        return whole

    def rest(self) -> bytes:
        """Return and forget the bytes of a message that is not whole."""
        rest, self._waiting = bytes(self._waiting), bytearray()
        return rest

    def _next_length(self) -> int:
        length = int.from_bytes(self._waiting[:_LENGTH_BYTES], "little")
        if not 0 < length <= self.limit:
            del self._waiting[_LENGTH_BYTES:]
            raise PairingError(
                f"a message of {length} bytes",
                expected=f"1 to {self.limit}",
                hint="is that port a tinytl agent's?",
                reason=Reason.MALFORMED,
            )
        return length
