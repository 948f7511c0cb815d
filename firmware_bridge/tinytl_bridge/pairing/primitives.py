# SPDX-License-Identifier: Apache-2.0
"""The four primitives of the pairing, from the library `cryptography`: scrypt, X25519, HKDF, ChaCha20-Poly1305.

In and out: bytes. The library is imported when a pairing is used and not before: whoever teaches over a serial port needs none.
HMAC and SHA-256 are Python's own.
"""

from importlib.util import find_spec

from tinytl.errors import TinytlError

KEY_BYTES = 32
TAG_BYTES = 16
SCRYPT_R, SCRYPT_P = 8, 1


class NoSharedSecret(ValueError):
    """The other side's public key is one of those that make every secret zero."""


class ForgedMessage(ValueError):
    """A sealed message whose tag does not fit."""


def require_library() -> None:
    """Refuse to begin without the library.

    Raises:
        TinytlError: it is not installed.
    """
    if find_spec("cryptography") is None:
        raise TinytlError(
            "pairing needs the library cryptography, which is not installed",
            expected="cryptography 38 or newer",
            hint="pip install 'tinytl[pi]'; on a 32-bit system sudo apt-get install python3-cryptography, "
            "and a virtual environment made with --system-site-packages",
        )


def scrypt(password: bytes, salt: bytes, *, cost: int) -> bytes:
    """Return a key (32 bytes) that takes 1024 · cost bytes of memory to compute (RFC 7914 with r = 8, p = 1).

    Args:
        password, salt: any bytes. cost: N, a power of two.
    """
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=SCRYPT_R, p=SCRYPT_P).derive(password)


def public_key(private: bytes) -> bytes:
    """Return the X25519 public key (32 bytes) of a private one (32 random bytes; RFC 7748)."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def shared_secret(private: bytes, peer: bytes) -> bytes:
    """Return the X25519 secret (32 bytes) of our private key and the other side's public key.

    Raises:
        NoSharedSecret: the public key is of low order.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError as error:
        raise NoSharedSecret("a public key of low order") from error


def hkdf(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    """Return `size` bytes of key derived from a secret (RFC 5869 with SHA-256).

    Args:
        secret: what nobody else knows. salt: what is the same on both sides and public. info: what the key is for. size: bytes.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)


class Cipher:
    """ChaCha20-Poly1305 (RFC 8439) under one key, without additional data.

    Args:
        key: 32 bytes, of one direction of one session.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._cipher = ChaCha20Poly1305(key)

    def encrypt(self, nonce: bytes, data: bytes) -> bytes:
        """Return data encrypted, and a tag of 16 bytes behind it; nonce: 12 bytes, never twice."""
        return self._cipher.encrypt(nonce, data, None)

    def decrypt(self, nonce: bytes, message: bytes) -> bytes:
        """Return the data of a message that was encrypted with this nonce.

        Raises:
            ForgedMessage: it was not.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(nonce, message, None)
        except InvalidTag as error:
            raise ForgedMessage("the tag does not fit") from error
