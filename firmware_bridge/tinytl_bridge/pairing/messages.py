# SPDX-License-Identifier: Apache-2.0
"""The six messages of the handshake, byte by byte (SPEC.md, «Pairing»).

In: fields. Out: bytes, and back. Every message begins with the same 8 bytes: magic, version, type, and two bytes of detail.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from tinytl_bridge.pairing.errors import PairingError, Reason, pairing_error

MAGIC = b"TLPA"
VERSION = 1
MOST_HANDSHAKE_BYTES = 256
"""No message of the handshake is longer: the limit of whoever reads before it is done."""
MOST_NAME_BYTES = 64
NOTHING_16, NOTHING_32 = bytes(16), bytes(32)
_HEADER = struct.Struct("<4sBBH")
_OPENING = struct.Struct("<16s32s")
_PROOF_BYTES = 32
_REFUSAL = struct.Struct("<I")
_SHORTEST_SEALED = 16
_LONGEST_WAIT_S = 2**32 - 1


class Kind(IntEnum):
    """The type of a message."""

    HELLO = 1
    CHALLENGE = 2
    HOST_PROOF = 3
    AGENT_PROOF = 4
    REFUSAL = 5
    OPEN = 6


class SecretKind(IntEnum):
    """What a host has: the detail of its `hello`."""

    NOTHING = 0
    CODE = 1
    PAIRING = 2


@dataclass(frozen=True)
class Opening:
    """A `hello` or a `challenge`.

    Attributes:
        detail: of `hello`, a `SecretKind`; of `challenge` 0. label: 16 bytes: the pairing's id, the code's salt, or zeros.
        public: X25519 public key (32 bytes), zeros of a host that has nothing.
    """

    detail: int
    label: bytes
    public: bytes


@dataclass(frozen=True)
class Proof:
    """A `host proof` or an `agent proof`: HMAC (32 bytes), then a sealed message."""

    proof: bytes
    sealed: bytes


def pack_opening(kind: Kind, opening: Opening) -> bytes:
    """Return a `hello` or a `challenge`."""
    return _header(kind, opening.detail) + _OPENING.pack(opening.label, opening.public)


def pack_proof(kind: Kind, proof: Proof) -> bytes:
    """Return a `host proof` or an `agent proof`."""
    return _header(kind) + proof.proof + proof.sealed


def pack_refusal(error: PairingError) -> bytes:
    """Return the refusal that tells an error's reason and seconds to wait, and nothing else."""
    return _header(Kind.REFUSAL, error.reason) + _REFUSAL.pack(min(error.wait_s, _LONGEST_WAIT_S))


def pack_open() -> bytes:
    """Return `open`: no pairing is needed here."""
    return _header(Kind.OPEN)


def kind_of(message: bytes) -> tuple[Kind, int]:
    """Return type and detail of a message.

    Raises:
        PairingError: no message of the handshake, or of another version.
    """
    if len(message) < _HEADER.size or len(message) > MOST_HANDSHAKE_BYTES:
        raise pairing_error(Reason.MALFORMED)
    magic, version, kind, detail = _HEADER.unpack_from(message)
    if magic != MAGIC:
        raise pairing_error(Reason.MALFORMED)
    if version != VERSION:
        raise pairing_error(Reason.VERSION)
    if kind not in list(Kind):
        raise pairing_error(Reason.MALFORMED)
    return Kind(kind), detail


def read_opening(message: bytes) -> Opening:
    """Return the fields of a `hello` or a `challenge`. Raises PairingError: of another length."""
    _, detail = kind_of(message)
    if len(message) != _HEADER.size + _OPENING.size:
        raise pairing_error(Reason.MALFORMED)
    return Opening(detail, *_OPENING.unpack_from(message, _HEADER.size))


def read_proof(message: bytes) -> Proof:
    """Return the fields of a `host proof` or an `agent proof`. Raises PairingError: too short, or with a detail."""
    _, detail = kind_of(message)
    end = _HEADER.size + _PROOF_BYTES
    if detail or len(message) < end + _SHORTEST_SEALED:
        raise pairing_error(Reason.MALFORMED)
    return Proof(message[_HEADER.size : end], message[end:])


def read_refusal(message: bytes) -> tuple[int, int]:
    """Return number of the reason, and seconds to wait, of a `refusal`. Raises PairingError: of another length."""
    _, detail = kind_of(message)
    if len(message) != _HEADER.size + _REFUSAL.size:
        raise pairing_error(Reason.MALFORMED)
    (wait_s,) = _REFUSAL.unpack_from(message, _HEADER.size)
    return detail, wait_s


def pack_name(name: str) -> bytes:
    """Return a name as it travels: UTF-8, cut to 64 bytes between characters."""
    return name.encode("utf-8", "replace")[:MOST_NAME_BYTES].decode("utf-8", "ignore").encode()


def read_name(data: bytes) -> str:
    """Return the other side's name, fit for a log or a terminal: nothing but printable characters, «unnamed» if none is left."""
    text = data[:MOST_NAME_BYTES].decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable()).strip() or "unnamed"


def _header(kind: Kind, detail: int = 0) -> bytes:
    return _HEADER.pack(MAGIC, VERSION, kind, detail)
