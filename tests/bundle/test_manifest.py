# SPDX-License-Identifier: Apache-2.0
"""What a bundle says of itself is checked field by field, and against its other members."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_parts import refusal, resealed

from tinytl import install_hint
from tinytl.bundle.archive import pack, pack_arrays, unpack, unpack_arrays
from tinytl.bundle.bundle import read_bundle, write_bundle
from tinytl.errors import BundleError
from tinytl.head.learning import Learning


@pytest.fixture
def members(tiny_bundle: Path) -> dict[str, bytes]:
    return unpack(tiny_bundle.read_bytes(), label="tiny")


def test_a_foreign_manifest_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    text = refusal(resealed(members, lambda manifest: manifest.update(format="other")), tmp_path)
    assert text == "bad.tinytl is no bundle: its manifest has format 'other'; expected 'tinytl-bundle'"
    text = refusal(pack(members | {"manifest.json": b"[]"}), tmp_path)
    assert text == "bad.tinytl is no bundle: its manifest has format None; expected 'tinytl-bundle'"
    assert refusal(pack(members | {"manifest.json": b"{"}), tmp_path).startswith("the manifest of bad.tinytl is not JSON: ")
    assert refusal(pack(members | {"manifest.json": b"\xff\xfe"}), tmp_path).startswith("the manifest of bad.tinytl is not JSON: ")
    deep = b"[" * 100_000
    assert refusal(pack(members | {"manifest.json": deep}), tmp_path).startswith("the manifest of bad.tinytl is not JSON: ")


def test_a_newer_bundle_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    text = refusal(resealed(members, lambda manifest: manifest.update(format_version=2)), tmp_path)
    wanted = f"bad.tinytl was made by a newer tinytl: bundle format_version 2; expected at most 1\nhint: {install_hint.newer()}"
    assert text == wanted


REQUIRED = (
    "format_version", "name", "model", "plan", "source", "labels", "class_capacity", "input", "preprocessing", "features", "head", "macs",
    "created_with",
)  # fmt: skip


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_named(members: dict[str, bytes], tmp_path: Path, field: str) -> None:
    text = refusal(resealed(members, lambda manifest: manifest.pop(field)), tmp_path)
    assert text == f"bad.tinytl: manifest field {field!r} is missing"


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(manifest: dict[str, Any]) -> None:
        keys = [int(key) if key.isdigit() else key for key in path.split(".")]
        place: Any = manifest
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("format_version", "1", "manifest field 'format_version' is '1'; expected 1"),
        ("format_version", 0, "manifest field 'format_version' is 0; expected 1"),
        ("name", "", "manifest field 'name' is ''; expected a text, 1 to 256 long"),
        ("labels", ["a", 1], "manifest field 'labels[1]' is 1; expected a text, 1 to 256 long"),
        ("labels", ["a", "a", "b", "c"], "manifest field 'labels' has a name twice; expected one name per class"),
        ("labels", [], "manifest field 'labels' is []; expected a list, 1 to 65535 long"),
        ("class_capacity", 3, "manifest field 'class_capacity' is 3; expected at least 4, the labels"),
        ("input.scale", 0.0, "manifest field 'input.scale' is 0.0; expected a number, above 1e-30 and below 1e+30"),
        ("input.scale", 1e300, "manifest field 'input.scale' is 1e+300; expected a number, above 1e-30 and below 1e+30"),
        ("input.zero_point", 200, "manifest field 'input.zero_point' is 200; expected a whole number, -128 to 127"),
        ("input.shape", [12, -12, 1], "manifest field 'input.shape[1]' is -12; expected a whole number, 1 to 2147483647"),
        ("input.shape", [1] * 5, "manifest field 'input.shape' is [1, 1, 1, 1, 1]; expected a list, 1 to 4 long"),
        ("features.0.zero_point", None, "manifest field 'features[0].zero_point' is null; expected a whole number, -128 to 127"),
        (
            "preprocessing.range",
            [1.0, 0.0],
            "manifest field 'preprocessing.range' is [1.0, 0.0]; expected low before high",
        ),
        ("preprocessing.resize", "cubic", "manifest field 'preprocessing.resize' is 'cubic'; expected 'bilinear' or null"),
        ("source.accuracy_int8", 97.0, "manifest field 'source.accuracy_int8' is 97.0; expected a number, 0.0 to 1.0"),
        ("head.layers", [], "manifest field 'head.layers' is []; expected a list, 1 to 64 long"),
        ("head.layers.0.kind", "conv", "manifest field 'head.layers[0].kind' is 'conv'; expected 'dense' or 'conv_2d' or 'depthwise_conv_2d' or 'scale' or 'add' or 'activation' or 'average_pool' or 'max_pool' or 'dropout' or 'concatenate'"),
        ("head.layers.1.activation", "tanh", "manifest field 'head.layers[1].activation' is 'tanh'; expected 'none' or 'relu' or 'relu6'"),
        ("head.seed", "1", "manifest field 'head.seed' is '1'; expected a whole number"),
        ("macs.trainable", 1793, "manifest field 'macs.trainable' is 1793; expected 1792"),
        (
            "layer_errors.0.sqnr_db",
            "loud",
            "manifest field 'layer_errors[0].sqnr_db' is 'loud'; expected a number, above -1e+30 and below 1e+30, or null",
        ),
        ("trained_channels", {"layer": "a", "of": 4, "numbers": [], "chosen_with": "d"}, "manifest field 'trained_channels.numbers' is []; expected a list, at least 1 long"),
        ("trained_channels", {"layer": "a", "of": 4, "numbers": [1, 4], "chosen_with": "d"}, "manifest field 'trained_channels.numbers' is [1, 4]; expected ascending numbers below 4, the channels of layer 'a'"),
        ("trained_channels", {"layer": "a", "of": 4, "numbers": [1, 1], "chosen_with": "d"}, "manifest field 'trained_channels.numbers' is [1, 1]; expected ascending numbers below 4, the channels of layer 'a'"),
        ("warnings", [3], "manifest field 'warnings[0]' is 3; expected a text"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(members: dict[str, bytes], tmp_path: Path, path: str, value: Any, text: str) -> None:
    assert refusal(resealed(members, put(path, value)), tmp_path) == f"bad.tinytl: {text}"


def test_sha256_must_be_there(members: dict[str, bytes], tmp_path: Path) -> None:
    text = refusal(resealed(members, lambda manifest: manifest.pop("sha256")), tmp_path)
    assert text == "bad.tinytl: manifest field 'sha256' is null; expected an object"


def drop_first_layer(manifest: dict[str, Any]) -> None:
    del manifest["head"]["layers"][0]


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (put("head.layers.0.in", 100), "bad.tinytl: head layer 'hidden' has sizes in 100, out 16; expected in 108, out 16"),
        (
            put("head.layers.0.name", "other"),
            "'head.npz' of bad.tinytl has no array 'other/weights'; expected 'other/weights', float32",
        ),
        (put("labels", ["a", "b", "c"]), "bad.tinytl: the head has 4 outputs; expected 3, the labels"),
        (
            put("features.0.shape", [3, 3, 11]),
            "bad.tinytl: head layer 'hidden' takes 108 numbers; expected 99, what comes before it",
        ),
        (put("input.shape", [12, 12, 3]), "bad.tinytl: check inputs have shape (32, 144); expected (N, 432)"),
        (
            put("head.layers.1.name", "hidden"),
            "bad.tinytl: head layers hidden, hidden; expected a different name for each",
        ),
    ],
)
def test_shapes_that_do_not_chain_are_named(
    members: dict[str, bytes], tmp_path: Path, edit: Callable[[dict[str, Any]], None], text: str
) -> None:
    assert refusal(resealed(members, edit), tmp_path) == text


def test_an_extractor_that_is_not_the_manifests_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    text = refusal(resealed(members, put("features.0.scale", 0.5)), tmp_path)
    assert text.startswith("'extractor.tflite' of bad.tinytl: features [('int8', (1, 3, 3, 12), 0.0")
    assert "expected manifest field 'features': [('int8', (1, 3, 3, 12), 0.5, -128)]" in text
    text = refusal(resealed(members | {"extractor.tflite": b"no model"}, put("name", "x")), tmp_path)
    assert text == "'extractor.tflite' of bad.tinytl: the model is no .tflite file; expected the mark TFL3 at byte 4"
    text = refusal(resealed(members | {"extractor.tflite": b"\xff\xff\xff\x7fTFL3"}, put("name", "x")), tmp_path)
    assert text.startswith("'extractor.tflite' of bad.tinytl: the .tflite file is damaged: ")


def with_arrays(members: dict[str, bytes], name: str, **changed: np.ndarray) -> dict[str, bytes]:
    return members | {name: pack_arrays(unpack_arrays(members[name], label=name) | changed)}


@pytest.mark.parametrize(
    ("name", "array", "change", "text"),
    [
        (
            "replay.npz",
            "features_s8",
            lambda a: a[:, :-1],
            "bad.tinytl: replay features have shape (40, 107); expected (N, 108)",
        ),
        (
            "replay.npz",
            "labels",
            lambda a: a[:-1],
            "bad.tinytl: replay set of 40 and 39 rows; expected as many of both",
        ),
        (
            "replay.npz",
            "labels",
            lambda a: a + np.uint16(1),
            "bad.tinytl: replay label 4; expected less than 4, the labels",
        ),
        (
            "replay.npz",
            "labels",
            lambda a: a.astype(np.int64),
            "'replay.npz' of bad.tinytl: array 'labels' is int64 (40,); expected uint16 of rank 1",
        ),
        (
            "check.npz",
            "features_s8",
            lambda a: a[:, 1:],
            "bad.tinytl: check features have shape (32, 107); expected (N, 108)",
        ),
        (
            "check.npz",
            "inputs_s8",
            lambda a: a[1:],
            "bad.tinytl: check vectors of 31 and 32 rows; expected as many of both",
        ),
        (
            "head.npz",
            "hidden/bias",
            lambda a: a[1:],
            "bad.tinytl: bias of head layer 'hidden' is (15,); expected (16,)",
        ),
        (
            "head.npz",
            "classes/bias",
            lambda a: a * np.float32(np.nan),
            "bad.tinytl: head layer 'classes' holds NaN or infinity; expected finite weights",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    members: dict[str, bytes],
    tmp_path: Path,
    name: str,
    array: str,
    change: Callable[[np.ndarray], np.ndarray],
    text: str,
) -> None:
    value = change(unpack_arrays(members[name], label=name)[array])
    assert refusal(resealed(with_arrays(members, name, **{array: value}), put("name", "x")), tmp_path) == text


def test_layers_that_do_not_chain_are_named(members: dict[str, bytes], tmp_path: Path) -> None:
    wide = with_arrays(members, "head.npz", **{"classes/weights": np.zeros((4, 17), np.float32)})
    text = refusal(resealed(wide, put("head.layers.1.in", 17)), tmp_path)
    assert text == "bad.tinytl: head layer 'classes' takes 17 numbers; expected 16, what comes before it"


@pytest.fixture
def woven(woven_bundle: Path) -> dict[str, bytes]:
    return unpack(woven_bundle.read_bytes(), label="woven")


def test_a_layer_is_recorded_with_what_is_not_the_default(woven: dict[str, bytes]) -> None:
    head = json.loads(woven["manifest.json"])["head"]
    assert head["layers"] == [
        {
            "kind": "depthwise_conv_2d",
            "name": "last",
            "out": 4,
            "activation": "none",
            "inputs": [1],
            "window": [3, 5],
            "padding": [1, 1, 2, 2],
            "trains": "bias",
        },
        {"kind": "add", "name": "sum", "activation": "relu6", "inputs": [0, 2]},
        {"kind": "scale", "name": "norm", "out": 4, "activation": "none", "trains": "bias"},
        {"kind": "max_pool", "name": "pool", "activation": "none", "window": [2, 3], "stride": [2, 1], "padding": [0, 0, 1, 1]},
        {"kind": "activation", "name": "above", "activation": "relu"},
        {"kind": "average_pool", "name": "mean", "activation": "none", "window": [2, 2], "stride": [2, 2]},
        {"kind": "dropout", "name": "drop", "activation": "none", "rate": 0.5},
        {"kind": "dense", "name": "logits", "in": 32, "out": 3, "activation": "none"},
    ]


def test_defaults_may_stand_in_a_record(woven: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "x.tinytl").write_bytes(resealed(woven, put("head.layers.7.stride", [1, 1])))
    head = read_bundle(tmp_path / "x.tinytl").head
    assert (head.layers[7].stride, head.layers[7].inputs) == ((1, 1), None)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("head.layers.0.inputs", [80], "manifest field 'head.layers[0].inputs[0]' is 80; expected a whole number, at least 0 and below 80"),
        ("head.layers.0.inputs", [], "manifest field 'head.layers[0].inputs' is []; expected a list, 1 to 2 long, or null"),
        ("head.layers.0.inputs", [2], "head layer 'last' reads values [2]; expected one of the 2 before it"),
        ("head.layers.1.inputs", [0], "head layer 'sum' reads values [0]; expected two of the 3 before it"),
        ("head.layers.1.inputs", [2, 2], "feature 0 of the head is read by no layer; expected a layer that reads it"),
        ("head.layers.0.window", [3, 3], "the weights of head layer 'last' are for a window of (3, 5); expected (3, 3)"),
        ("head.layers.0.window", [3], "manifest field 'head.layers[0].window' is [3]; expected a list of 2"),
        ("head.layers.3.window", [0, 3], "manifest field 'head.layers[3].window[0]' is 0; expected a whole number, 1 to 255"),
        ("head.layers.3.stride", [256, 1], "manifest field 'head.layers[3].stride[0]' is 256; expected a whole number, 1 to 255"),
        ("head.layers.3.padding", [0, 0, 3, 0], "head layer 'pool' has padding (0, 0, 3, 0); expected less than its window (2, 3)"),
        ("head.layers.3.activation", "relu", "head layer 'pool' of kind max_pool has activation 'relu'; expected none"),
        ("head.layers.6.rate", 1.0, "manifest field 'head.layers[6].rate' is 1.0; expected a number, at least 0.0 and below 1.0"),
        ("head.layers.5.rate", 0.5, "head layer 'mean' of kind average_pool has rate 0.5; expected 0 or more, less than 1, of a dropout"),
        ("head.layers.7.trains", "weights", "manifest field 'head.layers[7].trains' is 'weights'; expected 'all' or 'bias' or 'none'"),
        ("head.layers.2.out", 5, "head layer 'norm' has sizes out 5; expected out 4"),
        ("head.layers.6.out", 5, "head layer 'drop' has sizes out 5; expected none"),
        ("head.layers.7.kind", "conv_2d", "'head.npz' of bad.tinytl: array 'logits/weights' is float32 (3, 32); expected float32 of rank 4"),
        ("features.1.shape", [1, 8, 8, 4], "manifest field 'features[1].shape' is [1, 8, 8, 4]; expected a list, 1 to 3 long"),
        ("features.1.shape", [8, 4, 8], "head layer 'last' takes 4 numbers; expected 8, what comes before it"),
        ("features.1.shape", [4, 8, 4], "head layer 'sum' adds (8, 8, 4) and (4, 8, 4); expected equal shapes"),
    ],
)  # fmt: skip
def test_a_graph_that_does_not_hold_together_is_named(woven: dict[str, bytes], tmp_path: Path, path: str, value: Any, text: str) -> None:
    found = refusal(resealed(woven, put(path, value)), tmp_path)
    assert found.removeprefix("bad.tinytl: ") == text


def test_too_many_layers_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    text = refusal(resealed(members, lambda manifest: manifest["head"].update(layers=[manifest["head"]["layers"][0]] * 65)), tmp_path)
    assert text == "bad.tinytl: manifest field 'head.layers' is a list of 65; expected a list, 1 to 64 long"


def test_a_head_of_other_features_is_not_written(woven_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(woven_bundle)
    fields = bundle.manifest | {"features": [each | {"shape": [64, 4]} for each in bundle.manifest["features"]]}
    with pytest.raises(BundleError) as caught:
        write_bundle(replace(bundle, manifest=fields), tmp_path / "x.tinytl")
    wanted = "x.tinytl: the head takes features [(8, 8, 4), (8, 8, 4)]; expected [(1, 64, 4), (1, 64, 4)], the extractor's"
    assert str(caught.value) == wanted


def test_a_head_that_is_not_the_manifests_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    other = replace(bundle.head, learning=Learning(seed=99))
    with pytest.raises(BundleError, match=r"^x\.tinytl: manifest field 'head' is not the head's; expected head_fields\(head\)$"):
        write_bundle(replace(bundle, head=other), tmp_path / "x.tinytl")
    assert not list(tmp_path.iterdir())
