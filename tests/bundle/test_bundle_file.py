# SPDX-License-Identifier: Apache-2.0
"""A bundle comes back as it was written, equal contents give equal bytes, and every damaged one is refused by name."""

import hashlib
import json
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bundle_parts import refusal

from tinytl.bundle.archive import pack, pack_arrays, unpack, unpack_arrays
from tinytl.bundle.bundle import MEMBERS, Bundle, read_bundle, write_bundle
from tinytl.errors import BundleError


@pytest.fixture
def members(tiny_bundle: Path) -> dict[str, bytes]:
    return unpack(tiny_bundle.read_bytes(), label="tiny")


def test_round_trip(tiny_bundle: Path, tmp_path: Path) -> None:
    first = read_bundle(tiny_bundle)
    second = write_bundle(first, tmp_path / "again.tinytl")
    assert (tmp_path / "again.tinytl").read_bytes() == tiny_bundle.read_bytes()
    assert second.bundle_id == first.bundle_id != b""
    found = read_bundle(tmp_path / "again.tinytl")
    assert found.manifest == first.manifest
    assert "sha256" not in found.manifest
    assert found.extractor == first.extractor
    assert found.head.learning == first.head.learning
    for one, other in zip(found.head.layers, first.head.layers, strict=True):
        assert (one.name, one.activation) == (other.name, other.activation)
        assert np.array_equal(one.weights, other.weights)
        assert np.array_equal(one.bias, other.bias)
    for name in ("replay_features", "replay_labels", "check_inputs", "check_features"):
        assert np.array_equal(getattr(found, name), getattr(first, name))
    assert [path.name for path in tmp_path.iterdir()] == ["again.tinytl"]


def test_a_graph_comes_back_layer_by_layer(woven_bundle: Path, tmp_path: Path) -> None:
    first = read_bundle(woven_bundle)
    write_bundle(first, tmp_path / "again.tinytl")
    assert (tmp_path / "again.tinytl").read_bytes() == woven_bundle.read_bytes()
    assert first.head.feature_shapes == ((8, 8, 4), (8, 8, 4))
    assert [(each.name, each.kind, each.inputs, each.trains) for each in first.head.layers] == [
        ("last", "depthwise_conv_2d", (1,), "bias"), ("sum", "add", (0, 2), "all"), ("norm", "scale", None, "bias"),
        ("pool", "max_pool", None, "all"), ("above", "activation", None, "all"), ("mean", "average_pool", None, "all"),
        ("drop", "dropout", None, "all"), ("logits", "dense", None, "all"),
    ]  # fmt: skip
    last, pool = first.head.layers[0], first.head.layers[3]
    assert (last.window, last.padding, first.head.layers[1].activation, first.head.layers[6].rate) == ((3, 5), (1, 1, 2, 2), "relu6", 0.5)
    assert (pool.window, pool.stride, pool.padding) == ((2, 3), (2, 1), (0, 0, 1, 1))
    with zipfile.ZipFile(woven_bundle) as archive:
        arrays = list(np.load(archive.open("head.npz")).files)
    assert arrays == [f"{layer}/{array}" for layer in ("last", "norm", "logits") for array in ("weights", "bias")]


def test_file_is_as_the_spec_says(tiny_bundle: Path) -> None:
    with zipfile.ZipFile(tiny_bundle) as archive:
        entries = archive.infolist()
        manifest = archive.read("manifest.json")
        fields = json.loads(manifest)
        digests = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in MEMBERS[1:]}
        weights = np.load(archive.open("head.npz"))
        assert list(weights.files) == ["hidden/weights", "hidden/bias", "classes/weights", "classes/bias"]
        assert weights["hidden/weights"].dtype == np.float32
    assert [entry.filename for entry in entries] == list(MEMBERS)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert fields["sha256"] == digests
    assert read_bundle(tiny_bundle).bundle_id == hashlib.sha256(manifest).digest()[:16]


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        read_bundle(tmp_path / "none.tinytl")
    wanted = f"{tmp_path / 'none.tinytl'} cannot be read: No such file or directory; expected a .tinytl bundle"
    assert str(caught.value) == wanted + "\nhint: tinytl export makes one"


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"\x1f\x8b" + bytes(100)):
        assert refusal(data, tmp_path) == "bad.tinytl is not a zip file; expected a .tinytl bundle"


def test_every_truncation_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    whole = tiny_bundle.read_bytes()
    lengths = [*range(4, len(whole), 997), len(whole) - 23, len(whole) - 22, len(whole) - 1]
    for length in lengths:
        text = refusal(whole[:length], tmp_path)
        assert text == "bad.tinytl is truncated or damaged: its directory is missing\nhint: copy or export it again", length


def test_every_flipped_bit_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    whole = tiny_bundle.read_bytes()
    with zipfile.ZipFile(tiny_bundle) as archive:
        spans = [(entry.header_offset + 30 + len(entry.filename), entry.file_size, entry.filename) for entry in archive.infolist()]
    for start, size, name in spans:
        for position in (start, start + size // 2, start + size - 1):
            damaged = bytearray(whole)
            damaged[position] ^= 0x10
            assert refusal(bytes(damaged), tmp_path) == f"member {name!r} of bad.tinytl is damaged: its checksum does not match"


def test_damage_anywhere_raises_nothing_else(tiny_bundle: Path, tmp_path: Path) -> None:
    whole, generator = tiny_bundle.read_bytes(), np.random.default_rng(4)
    directory = whole.rindex(b"PK\x05\x06")
    for _ in range(300):
        damaged = bytearray(whole)
        position = int(generator.integers(directory - 300, len(whole)))
        damaged[position] ^= int(generator.integers(1, 256))
        path = tmp_path / "bad.tinytl"
        path.write_bytes(damaged)
        try:
            read_bundle(path)
        except BundleError:
            continue


@pytest.mark.parametrize("name", MEMBERS[1:])
def test_an_altered_member_is_named(members: dict[str, bytes], tmp_path: Path, name: str) -> None:
    altered = bytearray(members[name])
    altered[-1] ^= 1
    text = refusal(pack(members | {name: bytes(altered)}), tmp_path)
    assert text == f"member {name!r} of bad.tinytl was altered: its sha256 is not the manifest's\nhint: export it again"


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_member_is_named(members: dict[str, bytes], tmp_path: Path, name: str) -> None:
    text = refusal(pack({key: data for key, data in members.items() if key != name}), tmp_path)
    assert text == f"bad.tinytl has no member {name!r}; expected {', '.join(MEMBERS)}"


def test_a_foreign_or_repeated_member_is_named(members: dict[str, bytes], tmp_path: Path) -> None:
    assert refusal(pack(members | {"../x": b""}), tmp_path).startswith("bad.tinytl has a foreign member '../x'; expected manifest.json, ")
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        warnings.simplefilter("ignore")
        for name in (*MEMBERS, "head.npz"):
            archive.writestr(name, members[name])
    assert refusal((tmp_path / "twice.zip").read_bytes(), tmp_path) == "bad.tinytl holds member 'head.npz' twice"


def test_a_compressed_bomb_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(50_000_000))
    text = refusal((tmp_path / "bomb.zip").read_bytes(), tmp_path)
    assert text == "member 'manifest.json' of bad.tinytl is compressed; expected stored members\nhint: tinytl export writes them"


def test_a_member_that_claims_more_than_the_file_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    data = bytearray(tiny_bundle.read_bytes())
    (entry,) = struct.unpack_from("<I", data, len(data) - 6)
    struct.pack_into("<II", data, entry + 20, 2**31, 2**31)
    text = refusal(bytes(data), tmp_path)
    assert text == f"member 'manifest.json' of bad.tinytl claims 2,147,483,648 bytes; expected at most {len(data):,}, the file's size"


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.tinytl"
    with path.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(BundleError, match=r"^huge\.tinytl is 67,108,865 bytes; expected a bundle of at most 67,108,864$"):
        read_bundle(path)


def test_npy_headers_are_not_trusted() -> None:
    honest = pack_arrays({"a": np.zeros(4, np.int8)})
    member = unpack(honest, label="x")["a.npy"]
    assert np.array_equal(unpack_arrays(honest, label="x")["a"], np.zeros(4, np.int8))
    liar = member.replace(b"(4,)", b"(9999999999,)".ljust(4))[: len(member) + 9]
    for data, text in (
        (pack({"a.npy": member[:-1]}), "x, array 'a.npy' says shape (4,) of int8 and holds 3 bytes"),
        (pack({"a.npy": b"PK"}), "x, array 'a.npy' is no plain array; expected a .npy array, version 1.0"),
        (
            pack({"a.npy": member.replace(b"|i1", b"|O8")}),
            "x, array 'a.npy' is no plain array; expected row-major numbers",
        ),
        (pack({"a.npy": liar}), "x, array 'a.npy'"),
    ):
        with pytest.raises(BundleError) as caught:
            unpack_arrays(data, label="x")
        assert str(caught.value).startswith(text)


def test_a_folder_that_is_not_there_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "no" / "x.tinytl"
    with pytest.raises(BundleError) as caught:
        write_bundle(read_bundle(tiny_bundle), path)
    assert str(caught.value) == f"{path} cannot be written: No such file or directory; expected a folder that exists and may be written"


def test_bundle_type_is_what_others_import() -> None:
    assert Bundle.__dataclass_fields__.keys() >= {"manifest", "extractor", "head", "bundle_id"}
