# SPDX-License-Identifier: Apache-2.0
"""Pairing codes: 80 random bits that a person reads from one screen and types at another.

In: randomness, or what was typed. Out: «XXXX-XXXX-XXXX-XXXX» in Crockford's base32, the ten bytes behind it, and the key made of them.
80 bits and scrypt together put guessing out of reach even of who has recorded or forged an exchange: 2^80 keys of 16 MiB each.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tinytl_bridge.pairing.errors import PairingError, Reason
from tinytl_bridge.pairing.primitives import scrypt

CODE_BYTES = 10
COST = 2**14
"""scrypt's N: 16 MiB of memory. Part of the format: a smaller one that the other side could ask for would make guessing cheaper."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")
_GAPS = "- \t\r\n–—"
_CHARACTERS, _GROUP, _BITS = 16, 4, 5
_FORM = "XXXX-XXXX-XXXX-XXXX, as the agent shows it"


@dataclass(frozen=True)
class Code:
    """A pairing code as read.

    Attributes:
        value: its 10 bytes; never shown by `repr`.
    """

    value: bytes = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the code that somebody typed. Raises: as for `read_code`."""
        return cls(read_code(text))


def new_code(random: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new code as shown; random: gives so many random bytes."""
    value = int.from_bytes(random(CODE_BYTES), "big")
    characters = "".join(_ALPHABET[value >> _BITS * place & 31] for place in reversed(range(_CHARACTERS)))
    return "-".join(characters[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP))


def read_code(text: str) -> bytes:
    """Return the 10 bytes of a code; small letters, missing or other gaps, and O, I, L for 0, 1, 1 are fine.

    Raises:
        PairingError: a character that no code has, or not 16 of them.
    """
    characters = [character for character in text if character not in _GAPS]
    value = 0
    for place, character in enumerate(characters, 1):
        digit = _ALPHABET.find(character.upper().translate(_MISREAD)) if character.isascii() else -1
        if digit < 0:
            raise PairingError(
                f"character {place} of the pairing code, {character!r}, is none of a code's",
                expected=_FORM,
                hint="digits and letters without U",
                reason=Reason.BAD_CODE,
            )
        value = value << _BITS | digit
    if len(characters) != _CHARACTERS:
        raise PairingError(f"a pairing code of {len(characters)} characters", expected=f"{_CHARACTERS}: {_FORM}", reason=Reason.BAD_CODE)
    return value.to_bytes(CODE_BYTES, "big")


def code_key(code: bytes, salt: bytes, *, cost: int = COST) -> bytes:
    """Return the key (32 bytes) of a code by scrypt.

    Args:
        code: its 10 bytes. salt: 16 bytes that the agent drew for this code. cost: N of scrypt; another one only in tests.
    """
    return scrypt(code, salt, cost=cost)
