# SPDX-License-Identifier: Apache-2.0
"""Head files: out of a device and back, damaged ones, and the commands that people type."""

import json
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.data import load_dataset
from tinytl.errors import BundleError, DeviceError
from tinytl_bridge import connect
from tinytl_bridge.fleet import HeadFile, give_head, head_of, read_head, write_head
from tinytl_bridge.fleet.head_file import LayerWords, decoded, encoded
from tinytl_bridge.fleet.layout import layers_of
from tinytl_bridge.wire.link import Refusal
from tinytl_cli import cli

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")), reason="needs qemu-system-arm and arm-none-eabi-gcc"
)
EXAMPLE = HeadFile("tiny", b"b" * 16, 77, ("no", "yes", "vielleicht"), 2, (LayerWords("a", 4, 2), LayerWords("b", 2)), 5, 9,
                   np.array([0x7F0180FF, 0xFFFFFFFF, 0, 0, 0x3F800000, 0xBF800000], "<u4"))  # fmt: skip


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    digits = load_dataset("uci-digits")
    return digits.x_train[:40], digits.y_train[:40]


@pytest.mark.parametrize("target", ["host", pytest.param("qemu:mps2-an386", marks=needs_qemu)])
def test_a_head_moves_from_one_device_to_another(target: str, data: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    with connect("host", state_dir=tmp_path / "first") as device:
        device.flash(bundle)
        device.teach(*data)
        taught = head_of(device)
    write_head(taught, tmp_path / "taught.head")
    with connect(target, state_dir=tmp_path / "second") as device:
        device.flash(bundle)
        assert give_head(device, read_head(tmp_path / "taught.head")) == device.status().store_sequence == 1
        status = device.status()
        assert (status.head_status, status.steps, status.head_crc32) == ("saved", taught.steps, zlib.crc32(taught.parameters.tobytes()))
        device.power_cycle()
        assert device.status().head_crc32 == status.head_crc32
        device.teach(*data)
        assert device.rollback("saved") == 1 and device.status().head_crc32 == status.head_crc32


def test_classes_that_were_added_travel_with_the_head(tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    roomy = replace(bundle, manifest={**bundle.manifest, "class_capacity": 12})
    with connect("host", state_dir=tmp_path) as device:
        device.flash(roomy)
        device.grow_prepared(bundle.check_inputs[0].reshape(-1), 10, "new")
        head = head_of(device)
        assert head.labels[-1] == "new" and len(head.labels) == head.own_classes + 1
        device.rollback("factory")
        give_head(device, decoded(encoded(head), "it"))
        assert device.labels() == head.labels


def test_a_state_of_another_head_is_refused_before_anything_is_erased(data: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
        for _ in range(2):
            device.teach(*data)
            device.save()
        state = head_of(device).state
        for wrong, status in (
            (struct.pack("<I", 7) + state[4:], "head_mismatch"),
            (state + bytes(8 << 20), "slot_too_small"),
            (state[:12], "bad_payload"),
        ):
            with pytest.raises(Refusal) as refused:
                device.put_head(wrong)
            assert refused.value.status == status
        assert device.rollback("previous") == 1


def test_a_damaged_state_leaves_the_saved_head(data: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
        device.teach(*data)
        device.save()
        kept, state = device.status().head_crc32, head_of(device).state
        not_finite = state[:16] + struct.pack("<f", float("nan")) + state[20:]
        for wrong, status in ((not_finite, "bad_head"), (state[:-4], "bad_payload"), (state[:12] + bytes(4) + state[16:], "bad_head")):
            with pytest.raises(Refusal) as refused:
                device.put_head(wrong)
            assert refused.value.status == status
        device.power_cycle()
        assert device.status().head_crc32 == kept


def test_pieces_come_in_order_and_one_transfer_at_a_time(data: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("digits"))
    with connect("host", state_dir=tmp_path) as device:
        device.flash(bundle)
        state, session = head_of(device).state, device.session

        def refused(offset: int, piece: bytes, whole: int = len(state)) -> str:
            with pytest.raises(Refusal) as refusal:
                session.put_head(offset, whole, piece)
            return refusal.value.status

        assert refused(100, state[100:200]) == "not_begun"
        session.put_head(0, len(state), state[:100])
        assert refused(96, state[96:200]) == "out_of_order"
        assert refused(100, state[100:200], whole=len(state) + 4) == "out_of_order"
        with pytest.raises(Refusal) as longer:
            session.put_head(0, 120, state[:200])
        assert longer.value.status == "bad_range"
        session.put_head(0, len(state), state[:100])
        device.save()  # writes to the slot that the pieces lie in
        assert refused(100, state[100:200]) == "not_begun"
        session.put_head(0, len(state), state[:100])
        session.flash_begin(device.compile(bundle).data[:128])
        assert refused(100, state[100:200]) == "not_begun"
        assert device.put_head(state) == device.status().store_sequence


def test_a_file_says_what_was_written() -> None:
    read = decoded(encoded(EXAMPLE), "it")
    assert encoded(read) == encoded(EXAMPLE) and read.state == EXAMPLE.state
    assert read.floats.tolist() == [0, 0, 1, -1] and read.int8_weights.tolist() == [-1, -128, 1, 127, -1, -1, -1, -1]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(encoded(EXAMPLE)) - 1), st.integers(1, 255))
def test_every_changed_byte_is_noticed(at: int, change: int) -> None:
    data = bytearray(encoded(EXAMPLE))
    data[at] ^= change
    with pytest.raises(BundleError):
        decoded(bytes(data), "it")


def rewritten(**told: object) -> bytes:
    """Return a file whose text says something else, with its checksum right."""
    data = encoded(EXAMPLE)
    text_bytes, state_bytes = struct.unpack_from("<II", data, 28)
    changed = json.dumps({**json.loads(data[36 : 36 + text_bytes]), **told}).encode()
    body = data[:28] + struct.pack("<II", len(changed), state_bytes) + changed + data[36 + text_bytes : -4]
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"labels": ["no", "yes"]}, "expected 3 classes of 2 labels"),
        ({"labels": ["no", "yes", "yes"]}, "labels are names, no two equal"),
        ({"labels": ["no", "yes", "other"]}, "names of added classes as its labels"),
        ({"labels": "abc"}, "names of added classes"),
        ({"own_classes": 1}, "a state of"),
        ({"layers": [["a", 4, 5], ["b", 2, 0]]}, "words of its layers"),
        ({"layers": [["a", 4, 2]]}, "6 parameters in its layers"),
        ({"layers": [["a", "many", 2]]}, "invalid literal"),
        ({"layers": 3}, "not iterable"),
        ({"layers": [["a", 2, 2], ["b", 4, 0]]}, ""),
        ({"layers": [["a", 6, 0]]}, "finite numbers alone"),
    ],
)
def test_texts_that_lie_are_refused(told: dict[str, object], text: str) -> None:
    if not text:
        assert decoded(rewritten(**told), "it").is_int8.sum() == 2
        return
    with pytest.raises(BundleError, match=f"it is no head of ours: .*{text}"):
        decoded(rewritten(**told), "it")


def test_files_that_are_no_head(tmp_path: Path) -> None:
    for data, text in ((b"PK" + bytes(99), "is no head file; expected TLHD"), (encoded(EXAMPLE)[:-9], "is damaged"), (b"", "is no head file"),
                       (b"TLHD\2" + encoded(EXAMPLE)[5:], "format version 2; expected 1")):  # fmt: skip
        (tmp_path / "x.head").write_bytes(data)
        with pytest.raises(BundleError, match=text):
            read_head(tmp_path / "x.head")
    with pytest.raises(BundleError, match=r"none.head cannot be read: No such file .*(?s:.)*tinytl save --out FILE.head"):
        read_head(tmp_path / "none.head")


def test_layers_follow_from_the_words_that_they_have() -> None:
    dense = {"name": "hidden", "kind": "dense", "shape": [1, 1, 4], "trains": 4 * 10 + 4}
    last = {"name": "logits", "kind": "dense", "shape": [1, 1, 3], "trains": 3 * 4 + 3}
    idle = {"name": "pool", "kind": "max_pool", "shape": [1, 1, 4], "trains": 0}
    layers = [idle, dense, last]
    assert layers_of({"layers": layers, "parameter_count": 59}) == (LayerWords("hidden", 44), LayerWords("logits", 15))
    assert layers_of({"layers": layers, "parameter_count": 20 + 9}) == (LayerWords("hidden", 20, 16), LayerWords("logits", 9, 6))
    assert layers_of({"layers": layers, "parameter_count": 20 + 15}) == (LayerWords("hidden", 20, 16), LayerWords("logits", 15))
    with pytest.raises(DeviceError, match="the model's head has 60 words; expected 59 or 29"):
        layers_of({"layers": layers, "parameter_count": 60})


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_commands_in_their_order(tmp_path: Path) -> None:
    run("flash", "digits", "--target", "host", "--state", tmp_path)
    files = [tmp_path / f"{name}.head" for name in "ab"]
    for number, file in enumerate(files):
        run("teach", "--target", "host", "--state", tmp_path, "--data", "uci-digits", "--samples", 20 * (number + 1), "--again")
        saved = json.loads(run("save", "--target", "host", "--state", tmp_path, "--out", file, "--json"))
        assert saved["head"] == str(file)
    out = tmp_path / "all.head"
    told = json.loads(run("fleet", "average", *files, "-o", out, "--weights", "10,30", "--json"))
    assert [row["share"] for row in told["heads"]] == [0.25, 0.75] and told["rule"] == "mean"
    text = run("fleet", "average", *files, "-o", out)
    assert "2 heads of 'digits' by rule mean" in text and "norm / median" in text
    restored = json.loads(run("restore", out, "--target", "host", "--state", tmp_path, "--json"))
    assert restored["head"] == str(out)
    with connect("host", state_dir=tmp_path) as device:
        assert device.head_parameters().tobytes() == read_head(out).parameters.tobytes()


def test_firmware_of_before_takes_no_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
        head = head_of(device)
        unknown: Any = 0x4F  # the twin refuses a number that it does not know, as firmware of before refuses PUT_HEAD's
        monkeypatch.setattr(device.session, "put_head", lambda *_: device.session.command(unknown))
        with pytest.raises(DeviceError, match=r"the firmware on the device takes no heads: it knows no PUT_HEAD; expected one of this"):
            give_head(device, head)


def test_a_head_of_another_bundle_is_not_restored(tmp_path: Path) -> None:
    with connect("host", state_dir=tmp_path) as device:
        device.flash(read_bundle(find_bundle("digits")))
        other = replace(head_of(device), bundle_id=b"\1" * 16)
        with pytest.raises(DeviceError, match=r"the head is of bundle 01010101 \('digits'\), and the device holds .*\nhint: tinytl flash"):
            give_head(device, other)
