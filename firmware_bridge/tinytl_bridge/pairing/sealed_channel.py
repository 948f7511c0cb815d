# SPDX-License-Identifier: Apache-2.0
"""Messages that nobody in the line can read, alter, repeat, reorder or send back: ChaCha20-Poly1305, one key a direction.

In: data, at most 64 KiB a message. Out: the sealed message, 16 bytes longer, and back. The nonce is the number of the message in its
direction; it does not travel, so that any message out of turn is a forged one. The first that fails ends the channel.
What the channel does not see is that the connection was cut between two messages: that shows as a missing answer.
"""

from tinytl_bridge.pairing.errors import PairingError, Reason, pairing_error
from tinytl_bridge.pairing.primitives import TAG_BYTES, Cipher, ForgedMessage

MOST_DATA_BYTES = 64 << 10
MOST_MESSAGE_BYTES = MOST_DATA_BYTES + TAG_BYTES
_NONCE_ZEROS, _COUNTER_BYTES = bytes(4), 8


class _Direction:
    """One key and the number of the next message under it."""

    def __init__(self, key: bytes) -> None:
        self.cipher, self._number = Cipher(key), 0

    def nonce(self) -> bytes:
        """Return the nonce of the next message: four zeros, then its number."""
        number, self._number = self._number, self._number + 1
        return _NONCE_ZEROS + number.to_bytes(_COUNTER_BYTES, "little")


class SealedChannel:
    """One side's end of the channel.

    Args:
        sending, receiving: keys (32 bytes each) of the two directions; the other side has them the other way round.
    """

    def __init__(self, *, sending: bytes, receiving: bytes) -> None:
        self._sending, self._receiving, self._ended = _Direction(sending), _Direction(receiving), False

    def seal(self, data: bytes) -> bytes:
        """Return data as the next message to the other side.

        Raises:
            PairingError: over 64 KiB; or the channel has ended.
        """
        self._expect_open()
        if len(data) > MOST_DATA_BYTES:
            raise PairingError(
                f"{len(data)} bytes for one sealed message",
                expected=f"at most {MOST_DATA_BYTES}",
                hint="send pieces",
                reason=Reason.TOO_LONG,
            )
        return self._sending.cipher.encrypt(self._sending.nonce(), data)

    def open(self, message: bytes) -> bytes:
        """Return the data of the other side's next message.

        Raises:
            PairingError: it is not that message, unaltered: the channel has ended then, in both directions.
        """
        self._expect_open()
        try:
            if not TAG_BYTES <= len(message) <= MOST_MESSAGE_BYTES:
                raise ForgedMessage(f"{len(message)} bytes")
            return self._receiving.cipher.decrypt(self._receiving.nonce(), message)
        except ForgedMessage as error:
            self._ended = True
            raise pairing_error(Reason.TAMPERED) from error

    def _expect_open(self) -> None:
        if self._ended:
            raise pairing_error(Reason.TAMPERED)
