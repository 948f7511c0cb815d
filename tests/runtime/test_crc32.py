# SPDX-License-Identifier: Apache-2.0
"""The runtime's CRC-32 is the one that Python and SPEC.md mean, in one piece or in several."""

from zlib import crc32

import numpy as np

from tinytl_bridge.twin import library


def runtime_crc32(data: bytes, start: int = 0) -> int:
    buffer = np.frombuffer(data, np.uint8)
    return int(library().tinytl_crc32(start, buffer.ctypes.data, len(data)))


def test_check_value_of_the_catalogue() -> None:
    assert runtime_crc32(b"123456789") == 0xCBF43926


def test_any_bytes_in_any_pieces() -> None:
    data = np.random.default_rng(1).integers(0, 256, 3000).astype(np.uint8).tobytes()
    assert runtime_crc32(data) == crc32(data)
    for cut in (0, 1, 1500, 2999, 3000):
        assert runtime_crc32(data[cut:], runtime_crc32(data[:cut])) == crc32(data)
