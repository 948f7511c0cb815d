# SPDX-License-Identifier: Apache-2.0
"""The files that image sets are published in: MNIST's idx (gzip), CIFAR's binary records (tar.gz). Bytes in, arrays out, all checked."""

import gzip
import struct
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinytl.errors import DataError

IDX_LABELS, IDX_IMAGES = 2049, 2051
CIFAR_PIXELS = 3 * 32 * 32


def read_idx_labels(path: Path) -> np.ndarray:
    """Return the labels (N,) int64 of an idx1 file."""
    raw = _unzipped(path)
    (count,) = _idx_header(path, raw, IDX_LABELS, fields=1)
    return np.frombuffer(raw, np.uint8, count, 8).astype(np.int64)


def read_idx_images(path: Path) -> np.ndarray:
    """Return the images (N, H, W, 1) uint8 of an idx3 file."""
    raw = _unzipped(path)
    count, height, width = _idx_header(path, raw, IDX_IMAGES, fields=3)
    return np.frombuffer(raw, np.uint8, count * height * width, 16).reshape(count, height, width, 1)


def read_cifar(path: Path, members: Sequence[str], *, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 32, 32, 3) uint8 and labels (N,) int64 of CIFAR's binary archive.

    Args:
        path: the tar.gz.
        members: names of the record files in it, joined in order.
        label_bytes: 1 for CIFAR-10; 2 for CIFAR-100, whose second byte is the fine label.

    Raises:
        DataError: a broken archive, a missing member, or a member that does not hold whole records.
    """
    record = label_bytes + CIFAR_PIXELS
    parts = []
    for member, raw in zip(members, read_members(path, members), strict=True):
        if not raw or len(raw) % record:
            raise DataError(f"{member} in {path} has {len(raw)} bytes", expected=f"a multiple of {record}")
        parts.append(np.frombuffer(raw, np.uint8).reshape(-1, record))
    records = np.concatenate(parts)
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, label_bytes - 1].astype(np.int64)


def read_members(path: Path, members: Sequence[str]) -> list[bytes]:
    """Return files of a tar.gz without unpacking it to disk. Raises DataError as `read_cifar`."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            files = [archive.extractfile(member) for member in members]
            return [file.read() if file else b"" for file in files]
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}", expected=", ".join(members)) from error
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}", expected="a whole tar.gz", hint=f"delete {path} and try again") from error


def _unzipped(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}", expected="a whole gzip file", hint=f"delete {path} and try again") from error


def _idx_header(path: Path, raw: bytes, magic: int, *, fields: int) -> tuple[int, ...]:
    start = 4 + 4 * fields
    if len(raw) < start or struct.unpack_from(">I", raw)[0] != magic:
        raise DataError(f"{path} is no idx{fields} file", expected=f"the magic number {magic} in its first four bytes")
    sizes = struct.unpack_from(f">{fields}I", raw, 4)
    expected = start + int(np.prod(sizes, dtype=np.int64))
    if len(raw) != expected:
        raise DataError(f"{path} holds {len(raw)} bytes", expected=f"{expected}, as its header says")
    return sizes
