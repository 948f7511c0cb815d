# SPDX-License-Identifier: Apache-2.0
"""The runtime's CRC-32 is the one that Python and SPEC.md mean, in one piece or in several, at any address."""

from zlib import crc32

import numpy as np
import pytest

from tinytl_bridge.twin import aligned_bytes, library

POLYNOMIAL = 0x104C11DB7
BLOCKS_FROM = 80
"""Bytes from which on ten words are taken at a time."""


def at_address(data: bytes, alignment: int) -> tuple[np.ndarray, int]:
    """Return a buffer and the address in it, `alignment` bytes behind a multiple of 16, of a copy of `data`."""
    buffer = aligned_bytes(len(data) + 16)
    buffer[alignment : alignment + len(data)] = np.frombuffer(data, np.uint8)
    return buffer, buffer.ctypes.data + alignment


def runtime_crc32(data: bytes, start: int = 0, alignment: int = 0) -> int:
    buffer, address = at_address(data, alignment)
    result = int(library().tinytl_crc32(start, address, len(data)))
    del buffer
    return result


def random_bytes(count: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, count).astype(np.uint8).tobytes()


def test_check_value_of_the_catalogue() -> None:
    assert runtime_crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize("alignment", range(8))
def test_every_length_at_every_address(alignment: int) -> None:
    for length in range(4 * BLOCKS_FROM):
        data = random_bytes(length, length)
        assert runtime_crc32(data, 0, alignment) == crc32(data), length


@pytest.mark.parametrize("length", [*range(65), BLOCKS_FROM - 1, BLOCKS_FROM, BLOCKS_FROM + 1, 2 * BLOCKS_FROM + 3])
def test_every_cut_into_two_pieces(length: int) -> None:
    data = random_bytes(length, 2)
    for cut in range(length + 1):
        assert runtime_crc32(data[cut:], runtime_crc32(data[:cut]), cut % 4) == crc32(data), cut


def test_random_cuts_into_many_pieces() -> None:
    generator = np.random.default_rng(3)
    for _ in range(300):
        data = random_bytes(int(generator.integers(0, 2000)), int(generator.integers(1 << 30)))
        cuts = np.sort(generator.integers(0, len(data) + 1, generator.integers(0, 9)))
        start = 0
        for piece in np.split(np.frombuffer(data, np.uint8), cuts):
            start = runtime_crc32(piece.tobytes(), start, int(generator.integers(16)))
        assert start == crc32(data)


def test_every_single_bit_of_several_blocks() -> None:
    """A checksum is linear in its bits: with each of them right, all are."""
    for bit in range(8 * 3 * BLOCKS_FROM):
        data = (1 << bit).to_bytes(3 * BLOCKS_FROM, "little")
        assert runtime_crc32(data) == crc32(data), bit


def test_what_the_blocks_rest_on() -> None:
    """x^300 + x^155 + x^117 + x^89 + 1 leaves nothing when it is divided by the polynomial."""
    rest = sum(1 << power for power in (300, 155, 117, 89, 0))
    while rest.bit_length() > 32:
        rest ^= POLYNOMIAL << (rest.bit_length() - 33)
    assert rest == 0
