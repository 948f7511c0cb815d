# SPDX-License-Identifier: Apache-2.0
"""Published datasets: a folder of one's own wins, downloads are checked and whole, broken files are refused. The server is a real one."""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinytl.data import load_dataset
from tinytl.data.card import DatasetCard
from tinytl.data.catalogue import PUBLISHED
from tinytl.data.fetch import cache_folder, fetch
from tinytl.data.packed import read_cifar, read_idx_images
from tinytl.data.published import IDX_FILES, Published, read_cifar10, read_cifar100, read_idx_set
from tinytl.errors import DataError

REAL_DATA = os.environ.get("TINYTL_DATA_DIR")
CARD = DatasetCard("toy-mnist", "toy", (20, 10), (4, 3, 1), 2, "a download")


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and counts what it was asked for."""

    asked: list[str]

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A local HTTP server: its address, its folder, and the list of requests."""
    folder, asked = tmp_path / "www", []
    folder.mkdir()
    handler = type("Handler", (Quiet,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/", folder, asked
        http.shutdown()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYTL_DATA_DIR", raising=False)


def idx(array: np.ndarray) -> bytes:
    magic = 2051 if array.ndim == 3 else 2049
    return gzip.compress(struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.astype(np.uint8).tobytes(), mtime=0)


def write_idx_set(folder: Path) -> dict[str, str]:
    """Write a toy MNIST; return file name → checksum."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    arrays = [part for n in (20, 10) for part in (generator.integers(0, 256, (n, 4, 3)), np.arange(n) % 2)]
    for name, array in zip(IDX_FILES, arrays, strict=True):
        (folder / name).write_bytes(idx(array))
    return {name: f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}" for name in IDX_FILES}


def toy(base_url: str, checksums: dict[str, str], **changes: object) -> Published:
    return Published(CARD, ("even", "odd"), base_url, checksums, read_idx_set, **changes)  # type: ignore[arg-type]


def test_download_once_then_from_the_cache(server: tuple[str, Path, list[str]]) -> None:
    url, folder, asked = server
    source, steps = toy(url, write_idx_set(folder)), []
    first = source.load(seed=0, progress=lambda stage, done, total: steps.append((stage, done, total)))
    assert first.x_train.shape == (20, 4, 3, 1)
    assert first.classes == ("even", "odd")
    assert len(asked) == 4
    assert steps[-1][0] == f"download {IDX_FILES[3]}"
    assert steps[-1][1] == steps[-1][2] > 0
    assert np.array_equal(source.load(seed=0).x_test, first.x_test)
    assert len(asked) == 4


def test_wrong_checksum_leaves_nothing(server: tuple[str, Path, list[str]]) -> None:
    url, folder, _ = server
    checksums = write_idx_set(folder)
    (folder / IDX_FILES[0]).write_bytes(b"altered")
    with pytest.raises(DataError) as refused:
        toy(url, checksums).load(seed=0)
    text = str(refused.value)
    assert f"download of {url}{IDX_FILES[0]} has checksum md5:" in text
    assert f"expected {checksums[IDX_FILES[0]]}" in text
    assert "hint: put toy-mnist.npz or train-images-idx3-ubyte.gz" in text
    assert list((cache_folder() / "toy-mnist").iterdir()) == []


def test_damaged_cache_is_fetched_again(server: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, asked = server
    (folder / "file").write_bytes(b"right")
    checksum = f"sha256:{hashlib.sha256(b'right').hexdigest()}"
    path = tmp_path / "kept" / "file"
    path.parent.mkdir()
    path.write_bytes(b"wrong")
    assert fetch(url + "file", checksum=checksum, path=path).read_bytes() == b"right"
    assert asked == ["/file"]


def test_missing_file_on_the_server(server: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, _, _ = server
    with pytest.raises(DataError, match=r"download of http.*/gone\.gz failed: the server answered 404\nhint: another way"):
        fetch(url + "gone.gz", checksum="md5:0", path=tmp_path / "gone.gz", hint="another way")


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"download of http://127\.0\.0\.1:9/x failed: .*refused"):
        fetch("http://127.0.0.1:9/x", checksum="md5:0", path=tmp_path / "x")


def test_own_folder_wins_over_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checksums = write_idx_set(tmp_path / "own")
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path / "own"))
    assert toy("http://127.0.0.1:9/", checksums).load(seed=0).x_test.shape == (10, 4, 3, 1)
    with pytest.raises(DataError, match="download of"):
        toy("http://127.0.0.1:9/", checksums, own_folder=True).load(seed=0)
    write_idx_set(tmp_path / "own" / "toy-mnist")
    assert len(toy("http://127.0.0.1:9/", checksums, own_folder=True).load(seed=0).y_train) == 20


def test_npz_of_the_name_wins_over_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    np.savez(tmp_path / "usps.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    assert load_dataset("mnist").x_train.shape == (20, 28, 28, 1)
    assert load_dataset("usps").classes == tuple("0123456789")


def test_dataset_without_download_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError) as refused:
        load_dataset("notmnist")
    assert "dataset 'notmnist' has no download, and TINYTL_DATA_DIR is not set; expected the file notmnist.npz" in str(refused.value)
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"TINYTL_DATA_DIR \(.*\) does not hold it"):
        load_dataset("notmnist")
    monkeypatch.setenv("TINYTL_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"TINYTL_DATA_DIR=.*nowhere is no folder; .*\nhint: unset TINYTL_DATA_DIR"):
        load_dataset("notmnist")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (gzip.compress(b"\0\0\x08\x01" + b"\0" * 20, mtime=0), "is no idx3 file; expected the magic number 2051"),
        (gzip.compress(struct.pack(">4I", 2051, 2, 2, 2) + b"1234567", mtime=0), "holds 23 bytes; expected 24, as its header says"),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], "cannot be unpacked"),
        (b"no gzip", "cannot be unpacked"),
    ],
)
def test_broken_idx_files(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "images.gz").write_bytes(data)
    with pytest.raises(DataError) as refused:
        read_idx_images(tmp_path / "images.gz")
    assert text in str(refused.value)


def archive(path: Path, members: dict[str, bytes]) -> tuple[Path]:
    with tarfile.open(path, "w:gz") as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return (path,)


def records(labels: list[bytes]) -> bytes:
    """One record a label; red is 1, green 2, blue 3."""
    return b"".join(label + b"\1" * 1024 + b"\2" * 1024 + b"\3" * 1024 for label in labels)


def test_cifar10_archive(tmp_path: Path) -> None:
    members = {f"cifar-10-batches-bin/data_batch_{n}.bin": records([bytes([n])]) for n in range(1, 6)}
    files = archive(tmp_path / "c.tar.gz", {**members, "cifar-10-batches-bin/test_batch.bin": records([b"\0", b"\x09"])})
    dataset = read_cifar10("cifar10", files, tuple("abcdefghij"))
    assert dataset.x_train.shape == (5, 32, 32, 3)
    assert dataset.x_train[0, 5, 6].tolist() == [1, 2, 3]
    assert dataset.y_train.tolist() == [1, 2, 3, 4, 5]
    assert dataset.y_test.tolist() == [0, 9]


def test_cifar100_archive_has_fine_labels_and_names(tmp_path: Path) -> None:
    folder = "cifar-100-binary"
    members = {"train.bin": records([b"\7\0", b"\7\1"]), "test.bin": records([b"\7\1"]), "fine_label_names.txt": b"apple\nbear\n"}
    dataset = read_cifar100("cifar100", archive(tmp_path / "c.tar.gz", {f"{folder}/{k}": v for k, v in members.items()}), ())
    assert dataset.classes == ("apple", "bear")
    assert dataset.y_train.tolist() == [0, 1]


def test_broken_cifar_archives(tmp_path: Path) -> None:
    (path,) = archive(tmp_path / "c.tar.gz", {"a.bin": records([b"\1"])[:-1]})
    with pytest.raises(DataError, match=r"a\.bin in .*c\.tar\.gz has 3072 bytes; expected a multiple of 3073"):
        read_cifar(path, ["a.bin"], label_bytes=1)
    with pytest.raises(DataError, match=r"filename 'b\.bin' not found"):
        read_cifar(path, ["b.bin"], label_bytes=1)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"cannot be unpacked: .*\nhint: delete"):
        read_cifar(path, ["a.bin"], label_bytes=1)


def test_catalogue_addresses_and_checksums_are_whole() -> None:
    for source in PUBLISHED:
        assert source.base_url == "" or (source.base_url.startswith("https://") and source.base_url.endswith("/"))
        assert all(len(checksum) == len("md5:") + 32 for checksum in source.checksums.values())
        assert not source.class_names or len(source.class_names) == source.card.classes


@pytest.mark.skipif(not REAL_DATA, reason="TINYTL_DATA_DIR is not set")
def test_real_mnist_files(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(str(REAL_DATA)) / "packed"
    if not all((folder / name).is_file() for name in IDX_FILES):
        pytest.skip(f"no MNIST files in {folder}")
    monkeypatch.setenv("TINYTL_DATA_DIR", str(folder))
    mnist = load_dataset("mnist")
    assert (mnist.x_train.shape, mnist.x_test.shape) == ((60000, 28, 28, 1), (10000, 28, 28, 1))
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.x_train.mean() == pytest.approx(33.318, abs=0.001)
