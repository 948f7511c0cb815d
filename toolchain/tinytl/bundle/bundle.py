# SPDX-License-Identifier: Apache-2.0
"""The bundle: one checked file that crosses from the workstation to any device. Bytes: SPEC.md section 1.

In and out: `Bundle`, as `write_bundle` puts it down and `read_bundle` finds it. Invariant: what has been read holds
together: every member is there with its checksum, and the shapes of extractor, head, replay set and check vectors
chain.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from tinytl.bundle import manifest as manifests
from tinytl.bundle.archive import pack, pack_arrays, unpack, unpack_arrays
from tinytl.errors import BundleError, ModelError
from tinytl.files import write_whole
from tinytl.head.layers import RANKS, Head, HeadLayer, three_sides
from tinytl.tflite.signature import TensorSpec, read_signature

MEMBERS = ("manifest.json", "extractor.tflite", "head.npz", "replay.npz", "check.npz")
MAX_BUNDLE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory.

    Attributes:
        manifest: SPEC.md section 1, without `sha256`.
        extractor: the .tflite bytes.
        head: layers and learning settings; the last layer has one row per label.
        replay_features, replay_labels: (N, feature_count) int8, all features of a sample side by side, and (N,) uint16 of the source
            task.
        check_inputs, check_features: (N, input_bytes) int8 and (N, feature_count) int8, as reference kernels answer.
        bundle_id: 16 bytes, set by `read_bundle` and `write_bundle`.
    """

    manifest: dict[str, Any]
    extractor: bytes
    head: Head
    replay_features: np.ndarray
    replay_labels: np.ndarray
    check_inputs: np.ndarray
    check_features: np.ndarray
    bundle_id: bytes = b""


def head_fields(head: Head) -> dict[str, Any]:
    """Return the manifest's `head` object for a head."""
    return {"layers": [_layer_fields(layer) for layer in head.layers]} | manifests.learning_fields(head.learning)


def _layer_fields(layer: HeadLayer) -> dict[str, Any]:
    """Return the manifest's record of a layer: what every layer has, the sizes of its weights, and what is not the default."""
    fields: dict[str, Any] = {"kind": layer.kind, "name": layer.name} | _sizes(layer) | {"activation": layer.activation}
    if layer.inputs is not None:
        fields["inputs"] = list(layer.inputs)
    for name, default in (("window", (1, 1)), ("stride", (1, 1)), ("padding", (0, 0, 0, 0))):
        if getattr(layer, name) != default:
            fields[name] = list(getattr(layer, name))
    return fields | ({"rate": layer.rate} if layer.rate else {}) | ({"trains": layer.trains} if layer.trains != "all" else {})


def _sizes(layer: HeadLayer) -> dict[str, int]:
    """Return `in` and `out` of a layer's weights: `out` alone where every channel has its own."""
    if layer.weights is None:
        return {}
    shape = layer.weights.shape
    if layer.kind in ("dense", "conv_2d"):
        return {"in": shape[-1], "out": shape[0]}
    return {"out": shape[-1]}


def write_bundle(bundle: Bundle, path: Path) -> Bundle:
    """Write a bundle, whole or not at all; equal contents give equal bytes.

    Args:
        bundle: checked before anything is written. path: file to make or replace.

    Returns:
        The bundle with its `bundle_id`.

    Raises:
        BundleError: parts that do not hold together, or a path that cannot be written.
    """
    path = Path(path)
    _agree(
        f"{path.name}: manifest field 'head' is not the head's",
        bundle.manifest.get("head") == head_fields(bundle.head),
        "head_fields(head)",
    )
    _check(bundle, label=path.name)
    members = {
        "extractor.tflite": bundle.extractor,
        "head.npz": pack_arrays({name: array for layer in bundle.head.layers for name, array in _arrays_of(layer).items()}),
        "replay.npz": pack_arrays({"features_s8": bundle.replay_features, "labels": bundle.replay_labels}),
        "check.npz": pack_arrays({"inputs_s8": bundle.check_inputs, "features_s8": bundle.check_features}),
    }
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    manifest = manifests.encode(bundle.manifest, digests)
    write_whole(path, pack({"manifest.json": manifest} | members))
    return replace(bundle, bundle_id=_identity(manifest))


def read_bundle(path: Path) -> Bundle:
    """Read a bundle; nothing in it is used before it has been checked.

    Args:
        path: a `.tinytl` file of at most 64 MiB.

    Raises:
        BundleError: missing, not a bundle, truncated, altered, newer, or parts that do not hold together; names the
            member or field.
    """
    path = Path(path)
    members = unpack(_content(path), label=path.name)
    for name in MEMBERS:
        if name not in members:
            raise BundleError(f"{path.name} has no member {name!r}", expected=", ".join(MEMBERS))
    for name in members:
        if name not in MEMBERS:
            raise BundleError(f"{path.name} has a foreign member {name!r}", expected=", ".join(MEMBERS))
    fields, digests = manifests.decode(members["manifest.json"], label=path.name)
    for name in MEMBERS[1:]:
        if digests.get(name) != hashlib.sha256(members[name]).hexdigest():
            raise BundleError(f"member {name!r} of {path.name} was altered: its sha256 is not the manifest's", hint="export it again")
    bundle = _assembled(fields, members, path.name)
    _check(bundle, label=path.name)
    return bundle


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BUNDLE_BYTES:
            raise BundleError(f"{path.name} is {size:,} bytes", expected=f"a bundle of at most {MAX_BUNDLE_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read: {error.strerror or error}",
            expected="a .tinytl bundle",
            hint="tinytl export makes one",
        ) from error


def _assembled(fields: dict[str, Any], members: Mapping[str, bytes], label: str) -> Bundle:
    weights = unpack_arrays(members["head.npz"], label=f"'head.npz' of {label}")
    manifest = manifests.check(fields, label=label)
    layers = tuple(_layer(record, weights, f"'head.npz' of {label}") for record in manifest.head.layers)
    replay = unpack_arrays(members["replay.npz"], label=f"'replay.npz' of {label}")
    check = unpack_arrays(members["check.npz"], label=f"'check.npz' of {label}")
    learning = manifests.learning_of(fields["head"], label=label)
    try:
        head = Head(layers, learning, tuple(three_sides(feature.shape) for feature in manifest.features))
    except ModelError as error:
        raise BundleError(f"{label}: {error.what}", expected=error.expected) from error
    return Bundle(
        manifest=fields,
        extractor=members["extractor.tflite"],
        head=head,
        replay_features=_taken(replay, "features_s8", "int8", 2, f"'replay.npz' of {label}"),
        replay_labels=_taken(replay, "labels", "uint16", 1, f"'replay.npz' of {label}"),
        check_inputs=_taken(check, "inputs_s8", "int8", 2, f"'check.npz' of {label}"),
        check_features=_taken(check, "features_s8", "int8", 2, f"'check.npz' of {label}"),
        bundle_id=_identity(members["manifest.json"]),
    )


def _layer(record: manifests.Layer, arrays: Mapping[str, np.ndarray], label: str) -> HeadLayer:
    fields = {name: getattr(record, name) for name in ("activation", "inputs", "window", "stride", "padding", "rate", "trains")}
    if record.kind in RANKS:
        fields["weights"] = _taken(arrays, f"{record.name}/weights", "float32", RANKS[record.kind], label)
        fields["bias"] = _taken(arrays, f"{record.name}/bias", "float32", 1, label)
    return HeadLayer(record.name, record.kind, **fields)


def _taken(arrays: Mapping[str, np.ndarray], name: str, dtype: str, rank: int, label: str) -> np.ndarray:
    if name not in arrays:
        raise BundleError(f"{label} has no array {name!r}", expected=f"{name!r}, {dtype}")
    array = arrays[name]
    if array.dtype != np.dtype(dtype).newbyteorder("<") or array.ndim != rank:
        raise BundleError(f"{label}: array {name!r} is {array.dtype} {array.shape}", expected=f"{dtype} of rank {rank}")
    return array


def _check(bundle: Bundle, *, label: str) -> None:
    """Check the manifest's types and that all parts agree in shape."""
    fields = manifests.check(bundle.manifest, label=label)
    _check_head(bundle.head, fields, label)
    features, inputs = bundle.head.feature_count, prod(fields.input.shape)
    sets = (("replay features", bundle.replay_features, features), ("check inputs", bundle.check_inputs, inputs))
    for name, array, width in (*sets, ("check features", bundle.check_features, features)):
        _agree(f"{label}: {name} have shape {array.shape}", array.ndim == 2 and array.shape[1] == width, f"(N, {width})")
    for name, one, other in (
        ("replay set", bundle.replay_features, bundle.replay_labels),
        ("check vectors", bundle.check_inputs, bundle.check_features),
    ):
        _agree(f"{label}: {name} of {len(one)} and {len(other)} rows", len(one) == len(other), "as many of both")
    highest = int(bundle.replay_labels.max(initial=0))
    _agree(f"{label}: replay label {highest}", highest < len(fields.labels), f"less than {len(fields.labels)}, the labels")
    _check_extractor(bundle.extractor, fields, label)


def _check_head(head: Head, fields: manifests.Manifest, label: str) -> None:
    shapes = tuple(three_sides(feature.shape) for feature in fields.features)
    input_shapes = head.feature_shapes
    _agree(f"{label}: the head takes features {list(input_shapes)}", input_shapes == shapes, f"{list(shapes)}, the extractor's")
    for layer, record in zip(head.layers, fields.head.layers, strict=True):
        sizes, layer_sizes = {"in": record.takes, "out": record.out}, {"in": None, "out": None} | _sizes(layer)
        _agree(f"{label}: head layer {layer.name!r} has sizes {_told(sizes)}", sizes == layer_sizes, _told(layer_sizes))
    width = prod(head.shapes[-1])
    _agree(f"{label}: the head has {width} outputs", width == len(fields.labels), f"{len(fields.labels)}, the labels")
    _agree(
        f"{label}: manifest field 'macs.trainable' is {fields.macs.trainable}",
        fields.macs.trainable == head.macs,
        str(head.macs),
    )


def _check_extractor(tflite: bytes, fields: manifests.Manifest, label: str) -> None:
    try:
        signature = read_signature(tflite)
    except ModelError as error:
        raise BundleError(f"'extractor.tflite' of {label}: {error.what}", expected=error.expected) from error
    for name, tensors, records in (
        ("input", signature.inputs, [fields.input]),
        ("features", signature.outputs, fields.features),
    ):
        facts = [_facts(tensor) for tensor in tensors]
        entries = [("int8", (1, *record.shape), record.scale, record.zero_point) for record in records]
        _agree(f"'extractor.tflite' of {label}: {name} {facts}", facts == entries, f"manifest field {name!r}: {entries}")


def _facts(tensor: TensorSpec) -> tuple[str, tuple[int, ...], float, int]:
    return tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point


def _agree(what: str, holds: bool, expected: str) -> None:
    if not holds:
        raise BundleError(what, expected=expected)


def _told(sizes: Mapping[str, int | None]) -> str:
    """Say the sizes that there are: «in 108, out 16»."""
    return ", ".join(f"{name} {size}" for name, size in sizes.items() if size is not None) or "none"


def _arrays_of(layer: HeadLayer) -> dict[str, np.ndarray]:
    if layer.weights is None or layer.bias is None:
        return {}
    return {f"{layer.name}/weights": layer.weights, f"{layer.name}/bias": layer.bias}


def _identity(manifest: bytes) -> bytes:
    return hashlib.sha256(manifest).digest()[:16]
