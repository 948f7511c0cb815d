# SPDX-License-Identifier: Apache-2.0
"""Which model a device holds: told by every command that uses it, refused where another one is meant, seen where an image was changed."""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tiny_task import tiny_task
from tinytl.bundle.bundle import read_bundle
from tinytl.bundle.shipped import find_bundle
from tinytl.compiler import Image, read_image
from tinytl.errors import BundleError, DeviceError
from tinytl_bridge import Device, connect
from tinytl_cli import cli

TASK = tiny_task("other writers", seed=11)


@pytest.fixture
def device(tiny_bundle: Path, tmp_path: Path) -> Iterator[Device]:
    with connect("host", state_dir=tmp_path / "state") as connected:
        connected.flash(read_bundle(tiny_bundle))
        yield connected


def changed(image: Image) -> Image:
    """Return the image with another first number of its head, and the checksum that fits."""
    head = read_image(image.data).head
    assert head is not None
    data = bytearray(image.data)
    data[head.initial_parameters] ^= 1
    struct.pack_into("<I", data, 12, zlib.crc32(bytes(data[16:])))
    return replace(image, data=bytes(data))


def test_name_bundle_and_image_are_told(device: Device, tiny_bundle: Path) -> None:
    held, bundle = device.identity(), read_bundle(tiny_bundle)
    image = device.compile(bundle)
    assert held.name == bundle.manifest["name"]
    assert held.bundle_id == bundle.bundle_id.hex() == device.status().bundle_id.hex()
    assert held.image_crc32 == f"{zlib.crc32(image.data[16:]):08x}"
    assert held.text == f"{held.name!r} (bundle {held.bundle_id[:8]}, image {held.image_crc32})"


def test_what_is_there_is_accepted_however_it_is_named(device: Device, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle, held = read_bundle(tiny_bundle), device.identity()
    image = tmp_path / "tiny.tlim"
    image.write_bytes(device.compile(bundle).data)
    for named in (
        tiny_bundle,
        str(tiny_bundle),
        bundle,
        image,
        device.compile(bundle),
        held.bundle_id,
        held.short_id,
        held.image_crc32[:6].upper(),
    ):
        assert device.expect(named) == held  # type: ignore[arg-type]
    device.flash(device.compile(bundle, optimize="size"))
    assert device.expect(tiny_bundle).bundle_id == held.bundle_id, "compiled otherwise, but not changed"


def test_another_model_is_refused_by_name_and_hash(device: Device) -> None:
    held, digits = device.identity(), read_bundle(find_bundle("digits"))
    wanted = digits.bundle_id.hex()[:8]
    text = (
        rf"the device holds another model: '{held.name}' \(bundle {held.short_id}, image {held.image_crc32}\); "
        rf"expected 'digits' \(bundle {wanted}\)\nhint: tinytl flash digits, with the same --target"
    )
    with pytest.raises(DeviceError, match=text):
        device.expect("digits")
    with pytest.raises(DeviceError, match=rf"another model: .*; expected {wanted}\nhint: tinytl flash BUNDLE"):
        device.expect(wanted)
    with pytest.raises(DeviceError, match=r"another model: .*; expected image [0-9a-f]{8}\nhint: flash that image first"):
        device.expect(device.compile(digits))


def test_connecting_refuses_too_and_lets_go_of_the_target(device: Device, tmp_path: Path) -> None:
    device.close()
    with pytest.raises(DeviceError, match="the device holds another model"):
        connect("host", state_dir=tmp_path / "state", expect="digits")
    with connect("host", state_dir=tmp_path / "state", expect=device_hash(tmp_path)) as again:
        assert again.status().model_status == "ok"
    device._connect()


def device_hash(folder: Path) -> str:
    with connect("host", state_dir=folder / "state") as held:
        return held.identity().bundle_id


@pytest.mark.parametrize("named", ["tiny.tinytl", "12345", "1234567z"])
def test_what_is_neither_file_nor_hash(device: Device, named: str) -> None:
    with pytest.raises(
        BundleError, match=rf"--expect '{named}' is neither a file nor a hash; expected a bundle .*\(digits.*\nhint: tinytl info"
    ):
        device.expect(named)


def test_a_changed_image_is_seen_though_its_checksum_and_bundle_id_are_right(device: Device, tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    before, image = device.identity(), device.compile(bundle)
    device.flash(changed(image))
    held = device.identity()
    assert (held.bundle_id, held.name) == (before.bundle_id, before.name)
    assert held.image_crc32 != before.image_crc32
    text = (
        rf"image changed: the device holds image {held.image_crc32} of '{held.name}' \(bundle {held.short_id}\), which this bundle is not "
        rf"compiled to here; expected .*{before.image_crc32}.*\nhint: tinytl flash puts it there again; --expect {held.short_id} takes it"
    )
    with pytest.raises(DeviceError, match=text):
        device.expect(tiny_bundle)
    assert device.expect(str(held.short_id)) == held


def invoke(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(cli, list(arguments))
    assert (result.exit_code == 0) == (code == 0), result.output
    return result.stdout, result.stderr + str(result.exception or "")


def test_the_shell_tells_and_refuses(tiny_bundle: Path, tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path / "state"))
    data = tmp_path / "task.npz"
    np.savez(data, x_train=TASK.x_train[:20], y_train=TASK.y_train[:20], x_test=TASK.x_test[:20], y_test=TASK.y_test[:20])
    invoke("flash", str(tiny_bundle), *where)
    told = json.loads(invoke("info", *where, "--json")[0])
    bundle, image = told["bundle_id"][:8], told["image_crc32"]
    for command in (("teach", "--data", str(data)), ("evaluate", "--data", str(data)), ("save",)):
        facts = json.loads(invoke(command[0], *where, *command[1:], "--expect", str(tiny_bundle), "--json")[0])
        assert (facts["model"], facts["bundle"], facts["image"]) == (told["name"], bundle, image)
        _, refused = invoke(command[0], *where, *command[1:], "--expect", "digits", code=1)
        assert f"the device holds another model: {told['name']!r} (bundle {bundle}, image {image})" in refused
    _, said = invoke("infer", *where, "--input", str(data), "--expect", bundle)
    assert f"host holds {told['name']!r} (bundle {bundle}, image {image})" in " ".join(said.split())
    assert "another model" in invoke("infer", *where, "--input", str(data), "--expect", "digits", code=1)[1]


def test_a_refused_flash_says_what_is_still_there(tiny_bundle: Path, tmp_path: Path) -> None:
    where = ("--target", "host", "--state", str(tmp_path / "state"))
    invoke("flash", str(tiny_bundle), *where)
    _, said = invoke("flash", "digits", *where, "--ram", "4k", code=1)
    name = read_bundle(tiny_bundle).manifest["name"]
    assert f"the target still holds {name!r} (bundle {read_bundle(tiny_bundle).bundle_id.hex()[:8]}, image " in " ".join(said.split())
    assert "the arena needs" in said
