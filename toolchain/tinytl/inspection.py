# SPDX-License-Identifier: Apache-2.0
"""Inspect: everything that can be known about a bundle or a .tflite before it is flashed.

In: a file, and the limits of boards to compare with. Out: an `Inspection`: layers, bytes of RAM and flash as the
compiler planned them, modelled energy, checksums, and which board it fits. Nothing here is measured: bytes come from
the image plan, energy from models that are named.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from tinytl.bundle.archive import unpack
from tinytl.bundle.bundle import Bundle
from tinytl.compiler import ArenaRange, Compilation, CompileOptions, Image, prepare
from tinytl.compiler.head.int8_weights import int8_layers_of, layer_words
from tinytl.compiler.image.slot import SLOT_HEADER_BYTES
from tinytl.energy import thesis_energy_nj
from tinytl.errors import CompileError
from tinytl.head.layer_rates import rate_factors
from tinytl.head.layers import layer_macs
from tinytl.measurement import Figure, LayerRow
from tinytl.model_file import PORTABLE, ModelFile, read_model
from tinytl.tflite.signature import TensorSpec, read_signature


@dataclass(frozen=True)
class Member:
    """One part of the file: name, bytes, sha256 as hex."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Fit:
    """Whether a board has room: what is needed and what there is, and in words by how much it misses.

    Attributes:
        board: name. fits: both limits hold.
        arena_bytes, arena_limit: RAM. slot_bytes, slot_limit: the stored image with its header.
        text: "fits", or what is missing.
    """

    board: str
    fits: bool
    arena_bytes: int
    arena_limit: int
    slot_bytes: int
    slot_limit: int
    text: str


@dataclass(frozen=True)
class Inspection:
    """Facts about a bundle or a plain .tflite.

    Attributes:
        path, kind: the file; "bundle" or "tflite".
        name, model, plan, labels, class_capacity: of a bundle; model and plan are empty for a .tflite.
        bundle_id: hex, or empty.
        members: every part with its checksum.
        inputs, features: the extractor's ends.
        layers: operators of the extractor, then layers of the head.
        frozen_macs, trainable_macs: of one forward pass; frozen as the compiler counts the operators that are left.
        arena_bytes, arena_map: RAM of the model and who uses which part of it, when.
        image_bytes: flash of the whole image; constant_bytes, head_bytes, replay_set_bytes: parts of it.
        energy: by model's name, in nJ; of what trains, so empty for a .tflite.
        accuracy_float, accuracy_int8: on the source test split, fractions; None for a .tflite. accuracy_float is None too for a bundle
            that was made of one.
        warnings: of the quantization.
        misses: by how much it does not fit what it was to be compiled for, in words; layers and bytes are then those of the smallest
            kernels without limits. Empty where it fits.
        fits: one row a board.
    """

    path: Path
    kind: str
    name: str
    model: str
    plan: str
    labels: tuple[str, ...]
    class_capacity: int
    bundle_id: str
    members: tuple[Member, ...]
    inputs: tuple[TensorSpec, ...]
    features: tuple[TensorSpec, ...]
    layers: tuple[LayerRow, ...]
    frozen_macs: int
    trainable_macs: int
    arena_bytes: int
    arena_map: tuple[ArenaRange, ...]
    image_bytes: int
    constant_bytes: int
    head_bytes: int
    replay_set_bytes: int
    energy: dict[str, Figure]
    accuracy_float: float | None
    accuracy_int8: float | None
    warnings: tuple[str, ...]
    misses: str
    fits: tuple[Fit, ...]


def inspect(
    path: Path, *, options: CompileOptions = PORTABLE, boards: Sequence[tuple[str, CompileOptions]] = (), logits: bool = False
) -> Inspection:
    """Inspect a `.tinytl` bundle or a `.tflite` model.

    Args:
        path: the file; its first bytes decide what it is.
        options: what to compile for.
        boards: name of each board to compare with, and what is compiled for it: its kernel family and its memory.
        logits: leave a softmax at the end out, as `read_model`.

    Raises:
        BundleError, ModelError: as `read_model`.
        CompileError: an operator that no image can hold. What is only too large is told in `misses`.
    """
    model = read_model(path, logits=logits)
    compilation = prepare(model.bundle or model.tflite)
    image, misses = _fitted(compilation, options)
    return _inspected(model, image, misses, tuple(_fit(compilation, *board) for board in boards))


def _inspected(model: ModelFile, image: Image, misses: tuple[str, ...], fits: tuple[Fit, ...]) -> Inspection:
    path, bundle, data = model.path, model.bundle, model.path.read_bytes()
    members = unpack(data, label=path.name) if bundle else {path.name: data}
    signature = read_signature(model.tflite)
    manifest = bundle.manifest if bundle else {}
    frozen, trainable = sum(operator.macs for operator in image.operators), bundle.head.macs if bundle else 0
    return Inspection(
        path=path,
        kind=model.kind,
        name=model.name,
        model=manifest.get("model", ""),
        plan=manifest.get("plan", ""),
        labels=tuple(manifest.get("labels", ())),
        class_capacity=manifest.get("class_capacity", 0),
        bundle_id=bundle.bundle_id.hex() if bundle else "",
        members=tuple(Member(name, len(part), hashlib.sha256(part).hexdigest()) for name, part in members.items()),
        inputs=signature.inputs,
        features=signature.outputs,
        layers=(*_operator_rows(image), *(_head_rows(bundle) if bundle else ())),
        frozen_macs=frozen,
        trainable_macs=trainable,
        arena_bytes=image.arena_bytes,
        arena_map=image.arena_map,
        image_bytes=len(image.data),
        constant_bytes=image.constant_bytes,
        head_bytes=image.head_bytes,
        replay_set_bytes=image.replay_set_bytes,
        energy={"thesis": Figure(thesis_energy_nj(trainable), "nJ", "nJ (model: thesis)")} if bundle else {},
        accuracy_float=manifest.get("source", {}).get("accuracy_float"),
        accuracy_int8=manifest.get("source", {}).get("accuracy_int8"),
        warnings=tuple(manifest.get("warnings", ())),
        misses="; ".join(misses),
        fits=fits,
    )


def _operator_rows(image: Image) -> list[LayerRow]:
    return [
        LayerRow(
            *(operator.name, operator.kind, tuple(operator.output_shape), operator.macs, operator.weight_bytes, operator.activation_bytes),
            kernel=operator.kernel,
            expected_instructions=operator.instructions or None,
        )
        for operator in image.operators
    ]


def _head_rows(bundle: Bundle) -> list[LayerRow]:
    rows, head, int8 = [], bundle.head, int8_layers_of(bundle)
    for number, (layer, factor) in enumerate(zip(head.layers, rate_factors(head), strict=True)):
        shape = head.shapes[head.value_of(number)]
        activation = "" if layer.activation == "none" else f" + {layer.activation}"
        biases = " (biases)" if layer.trains == "bias" else ""
        sides = shape[2:] if shape[:2] == (1, 1) else shape
        rows.append(
            LayerRow(
                *(layer.name, f"{layer.kind}{activation}{biases}", (1, *sides)),
                *(layer_macs(layer, shape), 4 * layer_words(layer, is_int8=number in int8), 4 * prod(shape)),
                rate_factor=factor if layer.trained_count else None,
            )
        )
    return rows


def _fit(compilation: Compilation, board: str, options: CompileOptions) -> Fit:
    """Compile for a board."""
    image, misses = _fitted(compilation, options)
    limits = options.ram_bytes or 0, (options.flash_bytes or 0) + SLOT_HEADER_BYTES
    slot_bytes = len(image.data) + SLOT_HEADER_BYTES
    return Fit(board, not misses, image.arena_bytes, limits[0], slot_bytes, limits[1], "; ".join(misses) or "fits")


def _fitted(compilation: Compilation, options: CompileOptions) -> tuple[Image, tuple[str, ...]]:
    """Compile within limits; what does not fit is measured at its smallest, and told. Of weights that are too many nothing is tried."""
    arena_limit, flash_limit = (float("inf") if limit is None else limit for limit in (options.ram_bytes, options.flash_bytes))
    refused: CompileError | None = None
    if compilation.least_bytes(options.family) <= flash_limit:
        try:
            return compilation.image(options), ()
        except CompileError as error:
            refused = error
    image = compilation.image(replace(options, optimize="size", ram_bytes=None, flash_bytes=None))
    needs = (
        ("arena", image.arena_bytes, arena_limit),
        ("model slot", len(image.data) + SLOT_HEADER_BYTES, flash_limit + SLOT_HEADER_BYTES),
    )
    misses = tuple(
        f"{name} needs {needed:,} bytes, {needed - limit:,} more than the {limit:,} there are"
        for name, needed, limit in needs
        if needed > limit
    )
    if refused is not None and not misses:
        raise refused
    return image, misses
