# SPDX-License-Identifier: Apache-2.0
"""Zip files and arrays as bytes that are always the same for the same contents, and that are read without trusting
them.

Members are stored, never compressed: no library version can change the bytes, and no member can be larger than the
file it came in. Arrays are `.npz` members of the same kind, without pickles. Used by the bundle (SPEC.md section 1).
"""

import io
import math
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

from tinytl.errors import BundleError

_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3  # "created on": written by hand, or the host's system would show in the bytes
# What the zip reader raises on bytes that are no zip file.
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    OSError,
    struct.error,
)


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file of stored members in the given order, dated 1980-01-01."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


def unpack(data: bytes, *, label: str) -> dict[str, bytes]:
    """Return the members of a zip file.

    Args:
        data: the file. label: how errors call it.

    Raises:
        BundleError: no zip file, truncated, damaged, compressed, or a member twice.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise BundleError(f"{label} is not a zip file", expected="a .tinytl bundle")
    truncated = BundleError(f"{label} is truncated or damaged: its directory is missing", hint="copy or export it again")
    if not _ends_with_directory(data):
        raise truncated
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as error:
        raise truncated from error
    members: dict[str, bytes] = {}
    with archive:
        for entry in archive.infolist():
            _check_entry(entry, len(data), label)
        claimed_bytes = sum(entry.file_size for entry in archive.infolist())
        if claimed_bytes > len(data):  # each alone fits, all of them overlap
            raise BundleError(
                f"the members of {label} claim {claimed_bytes:,} bytes together", expected=f"at most {len(data):,}, the file's size"
            )
        for entry in archive.infolist():
            if entry.filename in members:
                raise BundleError(f"{label} holds member {entry.filename!r} twice")
            members[entry.filename] = _stored(archive, entry, label)
    return members


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a `.npz` file of little-endian arrays, in the given order."""
    members = {}
    for name, array in arrays.items():
        stream = io.BytesIO()
        values = np.asarray(array, order="C")
        np.lib.format.write_array(stream, values.astype(values.dtype.newbyteorder("<"), copy=False), version=(1, 0), allow_pickle=False)
        members[f"{name}.npy"] = stream.getvalue()
    return pack(members)


def unpack_arrays(data: bytes, *, label: str) -> dict[str, np.ndarray]:
    """Return the arrays of a `.npz` file; sizes are compared with the bytes that are there before they are used.

    Raises:
        BundleError: damaged, or holding something that is no plain array.
    """
    return {name.removesuffix(".npy"): _array(member, f"{label}, array {name!r}") for name, member in unpack(data, label=label).items()}


def _ends_with_directory(data: bytes) -> bool:
    """Tell whether the file ends with its directory: in a cut file that of an inner `.npz` could pass for it."""
    end = len(data) - 22
    if end < 0:
        return False
    mark, _, size, offset, comment_bytes = struct.unpack("<4s8sIIH", data[end:])
    return mark == b"PK\x05\x06" and offset + size == end and comment_bytes == 0


def _check_entry(entry: zipfile.ZipInfo, limit: int, label: str) -> None:
    if entry.compress_type != zipfile.ZIP_STORED:
        raise BundleError(
            f"member {entry.filename!r} of {label} is compressed",
            expected="stored members",
            hint="tinytl export writes them",
        )
    if entry.file_size > limit or entry.file_size != entry.compress_size:
        raise BundleError(
            f"member {entry.filename!r} of {label} claims {entry.file_size:,} bytes",
            expected=f"at most {limit:,}, the file's size",
        )


def _stored(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, label: str) -> bytes:
    try:
        return archive.read(entry)
    except _BROKEN as error:
        raise BundleError(f"member {entry.filename!r} of {label} is damaged: its checksum does not match") from error


def _array(data: bytes, label: str) -> np.ndarray:
    stream = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("another .npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError, EOFError) as error:
        raise BundleError(f"{label} is no plain array", expected="a .npy array, version 1.0") from error
    start = stream.tell()
    if dtype.hasobject or dtype.itemsize == 0 or fortran or any(type(side) is not int or side < 0 for side in shape):
        raise BundleError(f"{label} is no plain array", expected="row-major numbers")
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise BundleError(f"{label} says shape {shape} of {dtype} and holds {len(data) - start:,} bytes")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).copy()
