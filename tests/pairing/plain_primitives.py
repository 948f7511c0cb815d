# SPDX-License-Identifier: Apache-2.0
"""X25519, HKDF and ChaCha20-Poly1305 in plain Python, from their RFCs alone: slow, and independent of the library that the pairing uses."""

import hmac
import struct

P = 2**255 - 19
MASK = 0xFFFFFFFF


def x25519(private: bytes, point: bytes) -> bytes:
    """RFC 7748, section 5: the ladder."""
    scalar = int.from_bytes(private, "little") & ((1 << 255) - 8) | 1 << 254
    x1 = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for place in reversed(range(255)):
        if scalar >> place & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if scalar >> place & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869."""
    extracted = hmac.digest(salt, secret, "sha256")
    block, blocks = b"", b""
    while len(blocks) < size:
        block = hmac.digest(extracted, block + info + bytes([len(blocks) // 32 + 1]), "sha256")
        blocks += block
    return blocks[:size]


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & MASK


def _quarter(s: list[int], a: int, b: int, c: int, d: int) -> None:
    for left, right, target, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[left] = (s[left] + s[right]) & MASK
        s[target] = _rotated(s[target] ^ s[left], by)


def chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    """RFC 8439, section 2.3."""
    begun = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    s = list(begun)
    for _ in range(10):
        for column in range(4):
            _quarter(s, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            _quarter(s, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((word + first) & MASK for word, first in zip(s, begun, strict=True)))


def poly1305(key: bytes, data: bytes) -> bytes:
    """RFC 8439, section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def chacha20_poly1305(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """RFC 8439, section 2.8, without additional data: ciphertext and tag."""
    stream = b"".join(chacha20_block(key, 1 + at // 64, nonce) for at in range(0, len(data), 64))
    sealed = bytes(a ^ b for a, b in zip(data, stream, strict=False))
    padded = sealed + bytes(-len(sealed) % 16) + struct.pack("<QQ", 0, len(sealed))
    return sealed + poly1305(chacha20_block(key, 0, nonce)[:32], padded)
