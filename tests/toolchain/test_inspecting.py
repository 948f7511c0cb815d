# SPDX-License-Identifier: Apache-2.0
"""Inspecting tells what a file is, what it costs and where it fits, before anything is flashed."""

import hashlib
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from tinytl.bundle.archive import unpack
from tinytl.bundle.bundle import MEMBERS, read_bundle
from tinytl.compiler import Compilation, CompileOptions, compile_bundle, prepare
from tinytl.errors import BundleError, CompileError, ModelError
from tinytl.head.layer_rates import rate_factors
from tinytl.inspection import inspect
from tinytl_bridge.firmware.compile_options import options_for_boards
from tinytl_cli import cli


def test_bundle(tiny_bundle: Path) -> None:
    found, bundle = inspect(tiny_bundle), read_bundle(tiny_bundle)
    image = compile_bundle(bundle)
    assert (found.kind, found.name, found.model, found.plan) == ("bundle", "tiny", "tiny", "fc")
    assert found.labels == ("bar", "beam", "slope", "blob")
    assert found.class_capacity == 6
    assert found.bundle_id == bundle.bundle_id.hex()
    parts = unpack(tiny_bundle.read_bytes(), label="tiny")
    assert [(each.name, each.bytes, each.sha256) for each in found.members] == [
        (name, len(parts[name]), hashlib.sha256(parts[name]).hexdigest()) for name in MEMBERS
    ]
    assert (found.inputs[0].shape, found.features[0].shape) == ((1, 12, 12, 1), (1, 3, 3, 12))
    assert (found.frozen_macs, found.trainable_macs) == (8640, 1792)
    assert (found.arena_bytes, found.arena_map, found.image_bytes) == (
        image.arena_bytes,
        image.arena_map,
        len(image.data),
    )
    assert found.constant_bytes + found.head_bytes + found.replay_set_bytes < found.image_bytes
    assert found.accuracy_float == bundle.manifest["source"]["accuracy_float"]
    assert found.warnings == ()


def test_layers_are_the_operators_then_the_head(tiny_bundle: Path) -> None:
    found = inspect(tiny_bundle)
    operators = ["conv_2d", "depthwise_conv_2d", "conv_2d", "max_pool_2d", "dense + relu", "dense"]
    assert [row.operator for row in found.layers] == operators
    assert sum(row.macs for row in found.layers) == 8640 + 1792
    assert found.layers[0].output_shape == (1, 6, 6, 8)
    hidden = found.layers[-2]
    assert (hidden.name, hidden.output_shape, hidden.macs) == ("hidden", (1, 16), 1728)
    assert (hidden.weight_bytes, hidden.activation_bytes) == (4 * (1728 + 16), 64)


def test_layers_of_a_graph_have_a_row_each(woven_bundle: Path) -> None:
    found = inspect(woven_bundle)
    rows = [(row.name, row.operator, row.output_shape, row.macs, row.weight_bytes, row.activation_bytes) for row in found.layers[-8:]]
    assert rows == [
        ("last", "depthwise_conv_2d (biases)", (1, 8, 8, 4), 64 * 15 * 4, 4 * 64, 1024),
        ("sum", "add + relu6", (1, 8, 8, 4), 0, 0, 1024),
        ("norm", "scale (biases)", (1, 8, 8, 4), 256, 32, 1024),
        ("pool", "max_pool", (1, 4, 8, 4), 0, 0, 512),
        ("above", "activation + relu", (1, 4, 8, 4), 0, 0, 512),
        ("mean", "average_pool", (1, 2, 4, 4), 0, 0, 128),
        ("drop", "dropout", (1, 2, 4, 4), 0, 0, 128),
        ("logits", "dense", (1, 3), 96, 4 * 99, 12),
    ]
    assert found.trainable_macs == sum(row[3] for row in rows)
    factors = rate_factors(read_bundle(woven_bundle).head)
    trains = (True, False, True, False, False, False, False, True)
    assert [row.rate_factor for row in found.layers[-8:]] == [
        factor if each else None for factor, each in zip(factors, trains, strict=True)
    ]
    assert [row.rate_factor for row in found.layers[:-8]] == [None] * (len(found.layers) - 8)
    assert [spec.shape for spec in found.features] == [(1, 8, 8, 4), (1, 8, 8, 4)]


def test_energy_names_its_model(tiny_bundle: Path) -> None:
    energy = inspect(tiny_bundle).energy
    assert energy["thesis"].value == pytest.approx(1792 * 3.2 / 1000)
    assert energy["thesis"].unit == "nJ"
    assert all("model" in figure.how for figure in energy.values())


def _boards(arena: int, slot: int) -> list[tuple[str, CompileOptions]]:
    """A board with just enough, and one with a little less; 32 bytes of a slot are its header."""
    limits = {"exact": (arena, slot), "tight": (arena - 100, slot - 1)}
    return [(name, CompileOptions(ram_bytes=ram, flash_bytes=flash - 32)) for name, (ram, flash) in limits.items()]


def test_boards_that_fit_and_that_do_not(tiny_bundle: Path) -> None:
    image = compile_bundle(read_bundle(tiny_bundle))
    arena, slot = image.arena_bytes, len(image.data) + 32
    exact, tight = inspect(tiny_bundle, boards=_boards(arena, slot)).fits
    assert (exact.board, exact.fits, exact.text) == ("exact", True, "fits")
    assert not tight.fits
    assert tight.text == (
        f"arena needs {arena:,} bytes, 100 more than the {arena - 100:,} there are; "
        f"model slot needs {slot:,} bytes, 1 more than the {slot - 1:,} there are"
    )
    assert (tight.arena_bytes, tight.arena_limit, tight.slot_bytes, tight.slot_limit) == (
        arena,
        arena - 100,
        slot,
        slot - 1,
    )


def test_plain_tflite(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(read_bundle(tiny_bundle).extractor)
    found = inspect(path)
    assert (found.kind, found.name, found.model, found.plan, found.bundle_id) == ("tflite", "plain", "", "", "")
    assert [each.name for each in found.members] == ["plain.tflite"]
    assert (found.frozen_macs, found.trainable_macs, found.head_bytes) == (8640, 0, 0)
    assert found.accuracy_float is None


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"something else")
    with pytest.raises(ModelError) as caught:
        inspect(tmp_path / "x.bin")
    assert str(caught.value).startswith(
        f"{tmp_path / 'x.bin'} is no model that tinytl knows; expected an int8 .tflite or a .tinytl bundle\nhint: "
    )
    with pytest.raises(BundleError) as missing:
        inspect(tmp_path / "none")
    text = f"{tmp_path / 'none'} cannot be read: No such file or directory; expected a .tinytl or .tflite file"
    assert str(missing.value) == text
    (tmp_path / "cut.tinytl").write_bytes(b"PK\x03\x04")
    with pytest.raises(BundleError, match=r"^cut\.tinytl is truncated or damaged"):
        inspect(tmp_path / "cut.tinytl")
    (tmp_path / "bad.tflite").write_bytes(b"\xff\xff\xff\x7fTFL3")
    with pytest.raises(ModelError, match=r"^the \.tflite file is damaged"):
        inspect(tmp_path / "bad.tflite")


def test_the_table_shows_rates_that_are_not_the_heads(tiny_bundle: Path) -> None:
    shown = CliRunner().invoke(cli, ["inspect", str(tiny_bundle)], catch_exceptions=False).stdout
    head = read_bundle(tiny_bundle).head
    hidden, last = (next(line for line in shown.splitlines() if line.startswith(f"{layer.name} ")) for layer in head.layers)
    assert f"rate × {rate_factors(head)[0]:.2g} " in hidden
    assert "rate" not in last, "the last layer has the head's"


def test_what_fits_nowhere_still_shows_its_layers(tiny_bundle: Path) -> None:
    whole = inspect(tiny_bundle, options=CompileOptions(optimize="size"))
    arena, slot = whole.arena_bytes, whole.image_bytes + 32
    found = inspect(tiny_bundle, options=CompileOptions(ram_bytes=100, flash_bytes=68))
    assert found.misses == (
        f"arena needs {arena:,} bytes, {arena - 100:,} more than the 100 there are; "
        f"model slot needs {slot:,} bytes, {slot - 100:,} more than the 100 there are"
    )
    assert (found.layers, found.arena_map, found.image_bytes) == (whole.layers, whole.arena_map, whole.image_bytes)
    assert whole.misses == ""
    shown = CliRunner().invoke(cli, ["inspect", str(tiny_bundle), "--ram", "100"], catch_exceptions=False)
    assert shown.exit_code == 0
    text = f"warning: it does not fit: arena needs {arena:,} bytes, {arena - 100:,} more than the 100 there are; "
    assert text + "layers, RAM and flash above are those of its smallest kernels, without these limits" in " ".join(shown.stdout.split())
    assert "pointwise" in shown.stdout


def test_images_of_one_compilation_are_those_of_many(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    whole = compile_bundle(bundle)
    limits = [(None, None), (whole.arena_bytes, len(whole.data)), (whole.arena_bytes - 16, None), (None, len(whole.data) - 1), (9, 9)]
    shared = prepare(bundle)
    for family, optimize, (ram, flash) in product(("portable", "dsp", "mve"), ("speed", "size"), limits):
        options = CompileOptions(family, optimize, ram, flash)
        assert outcome(shared, options) == outcome(prepare(bundle), options), options


def outcome(compilation: Compilation, options: CompileOptions) -> bytes | str:
    try:
        image = compilation.image(options)
    except CompileError as error:
        return str(error)
    assert len(image.data) >= compilation.least_bytes(options.family)
    return image.data


def test_channels_are_proved_once_for_all_boards(tiny_bundle: Path) -> None:
    calls: Counter[str] = Counter()
    sys.setprofile(lambda frame, event, _: calls.update([frame.f_code.co_name]) if event == "call" else None)
    try:
        inspect(tiny_bundle, boards=options_for_boards())
    finally:
        sys.setprofile(None)
    assert (calls["fold_constant_channels"], calls["find_choices"]) == (1, 3)
