# SPDX-License-Identifier: Apache-2.0
"""Files that would take a machine's memory or time, or that hold what is no number: refused before anything is allocated."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinytl.bundle.archive import unpack, unpack_arrays
from tinytl.data import load_dataset
from tinytl.errors import BundleError, DataError

X = np.zeros((4, 3, 3), np.uint8)


def header(shape: object, dtype: str = "|u1") -> bytes:
    """The start of a .npy file that declares a shape."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize(("labels", "told"), [([0, 1, 1, 10**12], "1000000000000"), ([0, 1, -1, 1], "-1"), ([0, 1, 1, 65535], "65535")])
def test_labels_that_number_no_class(tmp_path: Path, labels: list[int], told: str) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=np.array(labels))
    with pytest.raises(DataError, match=rf"d\.npz: y holds label {told}; expected class numbers from 0 to 65534, without gaps"):
        load_dataset(tmp_path / "d.npz")


def test_an_array_that_declares_more_than_the_memory(tmp_path: Path) -> None:
    count = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 9
    with pytest.raises(DataError, match=rf"d\.npz takes {9 * count:,} bytes of memory once read; expected at most .* half of this machine"):
        load_dataset(zipped(tmp_path / "d.npz", x=header((count, 3, 3))))


def test_a_shape_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"array 'x\.npy' has shape \(True, 9\)"):
        load_dataset(zipped(tmp_path / "d.npz", x=header("(True, 9)") + bytes(9)))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", header("(True, 9)") + bytes(9))
    with pytest.raises(BundleError, match=r"weights, array 'x.npy' is no plain array"):
        unpack_arrays(stream.getvalue(), label="weights")


def test_a_label_of_thousands_of_digits(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(f"1,2,0\n3,4,1\n5,6,0\n7,8,{'9' * 5000}\n")
    with pytest.raises(DataError, match=r"d\.csv holds a label of 5,000 characters: '99999999999999999999' …; expected at most 200"):
        load_dataset(tmp_path / "d.csv")


def test_members_that_overlap_are_refused_before_they_are_read() -> None:
    """Each member's bytes hold all later members: none is larger than the file, together they are a hundred times as large."""
    count, body = 100, bytes(10_000)
    local, directory = b"", b""
    for number in reversed(range(count)):  # from the last one: its data is what follows
        name, data = b"m%04d" % number, local + body
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        local = b"PK\x03\x04" + fields + name + local
    offset = 0
    for number in range(count):
        name, size = b"m%04d" % number, len(local) - offset - 35 + len(body)
        fields = struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, size, size, len(name), 0, 0, 0, 0, 0, offset)
        directory, offset = directory + b"PK\x01\x02" + fields + name, offset + 35
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(local) + len(body), 0)
    with pytest.raises(
        BundleError, match=r"the members of b claim 1,\d{3},\d{3} bytes together; expected at most 1\d,\d{3}, the file's size"
    ):
        unpack(local + body + directory + b"PK\x05\x06" + end, label="b")


def test_a_folder_of_photographs_is_resized_one_by_one(tmp_path: Path) -> None:
    for name, size in (("a", (400, 300)), ("b", (200, 100))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", size, 10 * number).save(tmp_path / "set" / name / f"{number}.png")
    from tinytl.data.image_folder import load_image_folder

    assert load_image_folder(tmp_path / "set", seed=1, resize=(6, 8)).sample_shape == (6, 8, 1)
    with pytest.raises(DataError, match=r"holds images of 2 sizes: 300×400 \(2\), 100×200 \(2\)"):
        load_image_folder(tmp_path / "set", seed=1)


def test_a_folder_larger_than_the_memory_is_refused_by_its_size(tmp_path: Path) -> None:
    from tinytl.data.image_folder import load_image_folder

    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (4, 4)).save(tmp_path / "set" / name / f"{number}.png")
    with pytest.raises(DataError, match=r"folder .*set takes 1,200,000,000,000 bytes of memory once read"):
        load_image_folder(tmp_path / "set", seed=1, resize=(100_000, 1_000_000))
