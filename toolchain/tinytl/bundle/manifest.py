# SPDX-License-Identifier: Apache-2.0
"""The manifest of a bundle: its types, its checks, its bytes (SPEC.md section 1).

In: the JSON of a file that may come from anywhere. Out: a dict whose every field has been checked against `Manifest`;
a refusal names the field. Whether the manifest agrees with the other members is the bundle's business.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as fields_of_class
from typing import Annotated, Any, Literal

from tinytl import install_hint
from tinytl.errors import BundleError, ModelError
from tinytl.head.layers import ACTIVATIONS, KINDS, MAX_FEATURES, MAX_LAYERS, MAX_SIDE, TRAINS
from tinytl.head.learning import Learning
from tinytl.typed_json import Bounds, FieldError, convert
from tinytl.typed_json import decode as decode_json

FORMAT = "tinytl-bundle"
FORMAT_VERSION = 1

ALWAYS_WRITTEN = ("loss", "learning_rate", "momentum", "weight_decay", "replays_per_step", "replay_buffer_bytes", "seed")
"""Settings of learning that every manifest holds, in this order. The others follow in the order of `Learning`, where not the default."""

_Count = Annotated[int, Bounds(ge=0, le=2**31 - 1)]
_Size = Annotated[int, Bounds(ge=1, le=2**31 - 1)]
_Text = Annotated[str, Bounds(shortest=1, longest=256)]
_Scale = Annotated[float, Bounds(gt=1e-30, lt=1e30)]  # positive and finite as float32 too
_Fraction = Annotated[float, Bounds(ge=0.0, le=1.0)]
_ZeroPoint = Annotated[int, Bounds(ge=-128, le=127)]
_Shape = Annotated[list[_Size], Bounds(shortest=1, longest=4)]
_FeatureShape = Annotated[list[_Size], Bounds(shortest=1, longest=3)]
_Real = Annotated[float, Bounds(gt=-1e30, lt=1e30)]
_Value = Annotated[int, Bounds(ge=0, lt=MAX_FEATURES + MAX_LAYERS)]
_Side = Annotated[int, Bounds(ge=1, le=MAX_SIDE)]
_Padding = Annotated[int, Bounds(ge=0, le=MAX_SIDE)]


@dataclass(frozen=True)
class Quantized:
    """An int8 tensor without its batch: real = (q − zero_point) × scale."""

    shape: _Shape
    scale: _Scale
    zero_point: _ZeroPoint


@dataclass(frozen=True)
class Feature:
    """A feature tensor: as `Quantized`, of at most three sides."""

    shape: _FeatureShape
    scale: _Scale
    zero_point: _ZeroPoint


@dataclass(frozen=True)
class Source:
    """What the model was pretrained on, and how well it did there. accuracy_float: None of a model that came as int8."""

    dataset: str
    accuracy_float: _Fraction | None
    accuracy_int8: _Fraction
    test_samples: _Size


@dataclass(frozen=True)
class Preprocessing:
    """From pixels to the model's real input.

    Attributes:
        int8: "input" where int8 samples are the model's input as they are. floats: "unit" where float samples are pixels in 0 … 1.
    """

    range: tuple[_Real, _Real]
    resize: Literal["bilinear"] | None
    int8: Literal["input"] | None = None
    floats: Literal["unit"] | None = None


@dataclass(frozen=True)
class Layer:
    """One layer of the head: `tinytl.head.layers.HeadLayer` without its arrays.

    Attributes:
        inputs: value numbers; None: what the layer before gives.
        takes, out: numbers or channels that the weights take and give; None where there are no such weights.
    """

    kind: Literal[KINDS]  # type: ignore[valid-type]
    name: _Text
    activation: Literal[ACTIVATIONS]  # type: ignore[valid-type]
    inputs: Annotated[tuple[_Value, ...], Bounds(shortest=1, longest=2)] | None = None
    takes: _Size | None = field(default=None, metadata={"key": "in"})
    out: _Size | None = None
    window: tuple[_Side, _Side] = (1, 1)
    stride: tuple[_Side, _Side] = (1, 1)
    padding: tuple[_Padding, _Padding, _Padding, _Padding] = (0, 0, 0, 0)
    rate: Annotated[float, Bounds(ge=0.0, lt=1.0)] = 0.0
    trains: Literal[TRAINS] = "all"  # type: ignore[valid-type]


@dataclass(frozen=True)
class HeadFields:
    """The head's layers. How they learn stands beside them, as `tinytl.head.learning.Learning` has it: `learning_of`."""

    layers: Annotated[list[Layer], Bounds(shortest=1, longest=MAX_LAYERS)]


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one forward pass."""

    frozen: _Count
    trainable: _Count


@dataclass(frozen=True)
class TrainedChannels:
    """Output channels of one convolution that train where the others do not: `tinytl.cutting.keras_cut.TrainedChannels`.

    Attributes:
        layer: the convolution. of: its channels. numbers: those that train. chosen_with: the dataset whose samples chose them.
    """

    layer: _Text
    of: _Size
    numbers: Annotated[list[_Count], Bounds(shortest=1)]
    chosen_with: str


@dataclass(frozen=True)
class LayerErrorRow:
    """How far one int8 tensor is from its float twin: `tinytl.exporting.quantization.LayerError`."""

    name: str
    shape: _Shape
    rms_error: _Real
    rms_signal: _Real
    sqnr_db: _Real | None


@dataclass(frozen=True)
class Manifest:
    """Every field of the manifest except `sha256`, in the order in which they are written."""

    format: Literal["tinytl-bundle"]
    format_version: Literal[1]
    name: _Text
    model: _Text
    plan: _Text
    source: Source
    labels: Annotated[list[_Text], Bounds(shortest=1, longest=65535)]
    class_capacity: Annotated[int, Bounds(ge=1, le=65535)]
    input: Quantized
    preprocessing: Preprocessing
    features: Annotated[list[Feature], Bounds(shortest=1, longest=MAX_FEATURES)]
    head: HeadFields
    macs: Macs
    created_with: dict[str, str]
    trained_channels: TrainedChannels | None = None
    layer_errors: list[LayerErrorRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def encode(manifest: Mapping[str, Any], sha256: Mapping[str, str]) -> bytes:
    """Return the manifest's bytes: fields in the order of `Manifest`, then others by name, then `sha256`."""
    ordered = [each.name for each in fields_of_class(Manifest) if each.name in manifest]
    ordered += sorted(set(manifest) - set(ordered))
    fields = {key: manifest[key] for key in ordered} | {"sha256": dict(sha256)}
    return (json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def decode(data: bytes, *, label: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read and check a manifest.

    Args:
        data: JSON, UTF-8. label: how errors call the file.

    Returns:
        (fields without `sha256`, sha256 by member).

    Raises:
        BundleError: foreign, newer, or a field that is missing, of the wrong type or out of range.
    """
    try:
        fields = decode_json(data)
    except ValueError as error:
        raise BundleError(f"the manifest of {label} is not JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        kind = fields.get("format") if isinstance(fields, dict) else None
        raise BundleError(f"{label} is no bundle: its manifest has format {kind!r}", expected=repr(FORMAT))
    version = fields.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BundleError(
            f"{label} was made by a newer tinytl: bundle format_version {version}",
            expected=f"at most {FORMAT_VERSION}",
            hint=install_hint.newer(),
        )
    sha256 = _converted(fields.pop("sha256", None), dict[str, str], label, "sha256")
    check(fields, label=label)
    return fields, sha256


def check(fields: Mapping[str, Any], *, label: str) -> Manifest:
    """Check the fields of a manifest against `Manifest` and `Learning`. Raises BundleError naming the field."""
    manifest: Manifest = _converted(dict(fields), Manifest, label, "")
    learning_of(fields["head"], label=label)
    if len(set(manifest.labels)) != len(manifest.labels):
        raise BundleError(f"{label}: manifest field 'labels' has a name twice", expected="one name per class")
    if manifest.class_capacity < len(manifest.labels):
        raise BundleError(
            f"{label}: manifest field 'class_capacity' is {manifest.class_capacity}",
            expected=f"at least {len(manifest.labels)}, the labels",
        )
    channels = manifest.trained_channels
    if channels is not None and not (sorted(set(channels.numbers)) == channels.numbers and channels.numbers[-1] < channels.of):
        raise BundleError(
            f"{label}: manifest field 'trained_channels.numbers' is {channels.numbers}",
            expected=f"ascending numbers below {channels.of}, the channels of layer {channels.layer!r}",
        )
    if not manifest.preprocessing.range[0] < manifest.preprocessing.range[1]:
        raise BundleError(
            f"{label}: manifest field 'preprocessing.range' is {list(manifest.preprocessing.range)}",
            expected="low before high",
        )
    return manifest


def check_head(fields: Mapping[str, Any], *, label: str) -> None:
    """Check the manifest's `head` object alone. Raises BundleError naming the field or the setting."""
    _converted(dict(fields), HeadFields, label, "head")
    learning_of(fields, label=label)


def learning_fields(learning: Learning) -> dict[str, Any]:
    """Return what the manifest's `head` object holds of the settings, in the order in which it is written."""
    others = [name for name in Learning.__dataclass_fields__ if name not in ALWAYS_WRITTEN]
    written = [name for name in others if getattr(learning, name) != Learning.__dataclass_fields__[name].default]
    return {name: getattr(learning, name) for name in (*ALWAYS_WRITTEN, *written)}


def learning_of(head: Mapping[str, Any], *, label: str) -> Learning:
    """Read the settings of the manifest's `head` object.

    Args:
        head: fields of it; what is no setting is passed over. label: how errors call the file.

    Raises:
        BundleError: a setting that is missing, of the wrong type, or what `Learning` refuses, in its words.
    """
    for name in ALWAYS_WRITTEN:
        if name not in head:
            raise BundleError(f"{label}: manifest field 'head.{name}' is missing")
    try:
        learning: Learning = _converted(dict(head), Learning, label, "head")
    except ModelError as error:
        raise BundleError(f"{label}: {error.what}", expected=error.expected, hint=error.hint) from error
    return learning


def _converted(value: Any, kind: Any, label: str, root: str) -> Any:
    try:
        return convert(value, kind, root)
    except FieldError as error:
        raise BundleError(f"{label}: manifest field {error.path!r} {error.what}", expected=error.expected) from error
