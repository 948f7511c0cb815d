# SPDX-License-Identifier: Apache-2.0
"""The trainable head: what it needs of the arena, and its records in the image (SPEC.md section 2.5).

Parameters, moments, sums of gradients and the replay buffer stay as long as the device runs. Graph outputs, the features, stay for a
step; everything else of it has its ticks (`head_graph`), so it may lie where activations were and where other parts of the step are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.compiler.head.drift import DriftStatistics, drift_statistics
from tinytl.compiler.head.graph import FLOAT_BYTES, HeadGraph, inner_count
from tinytl.compiler.head.int8_weights import int8_layers, quantized_rows, rows_at_once
from tinytl.compiler.records import (
    LAYER_ACTIVATIONS,
    LAYER_KINDS,
    LAYER_TRAINS,
    NONE,
    WEIGHTS_FLOAT32,
    WEIGHTS_INT8,
    HeadRecord,
    LayerRecord,
    ValueRecord,
)
from tinytl.errors import CompileError
from tinytl.head.layer_rates import rate_factors
from tinytl.head.layers import Head, HeadLayer
from tinytl.head.learning import Learning, device_number
from tinytl.runtime_lists import limit

LABEL_BYTES = 2
CLASS_NAME_BYTES = limit("CLASS_NAME_BYTES")
GUARD_LEAST, MAX_GUARD = limit("GUARD_LEAST"), limit("MAX_GUARD")
"""Samples that the guard holds out, if there is one."""
MAX_CLASSES = limit("MAX_CLASSES")


@dataclass(frozen=True)
class HeadPlan:
    """A head made ready for an image.

    Attributes:
        head: with the last layer padded to class_capacity rows.
        class_count, class_capacity: classes in use, rows there are.
        replay_capacity: taught samples that the replay buffer holds.
        replay_features: (N, feature_count) int8. replay_labels: (N,) uint16.
        guard_capacity: samples that the guard holds out; 0: no guard.
    """

    head: Head
    class_count: int
    class_capacity: int
    replay_capacity: int
    replay_features: np.ndarray
    replay_labels: np.ndarray
    guard_capacity: int = 0

    @cached_property
    def int8(self) -> frozenset[int]:
        """Numbers of the layers with int8 weights."""
        return int8_layers(self.head, grows=self.class_capacity > self.class_count)

    @cached_property
    def graph(self) -> HeadGraph:
        """How the device runs it."""
        return HeadGraph(self.head, self.class_capacity, self.int8)

    @cached_property
    def drift(self) -> DriftStatistics | None:
        """What drift is told by; None where the replay set says too little."""
        return drift_statistics(self.replay_features, self.replay_labels, self.class_count, self.head.feature_shapes)

    @property
    def parameters(self) -> np.ndarray:
        """All parameters that train as they lie in the arena: layer by layer, weights then bias, uint32 words."""
        return self._words(trained=True)

    @property
    def frozen(self) -> np.ndarray:
        """The others, and scales of int8 weights, as they lie in the image."""
        return self._words(trained=False)

    def _words(self, *, trained: bool) -> np.ndarray:
        parts = [array for number in range(len(self.head.layers)) for array, trains in self.arrays(number) if trains == trained]
        return np.frombuffer(b"".join(parts), "<u4")

    def arrays(self, number: int) -> list[tuple[bytes, bool]]:
        """Return (bytes, whether they train) of a layer's weights, bias and, of int8 weights, scales."""
        layer = self.head.layers[number]
        if number not in self.int8:
            return [(array.astype("<f4").tobytes(), trains) for array, trains in _arrays(layer)]
        weights, scales = quantized_rows(layer)
        (_, (bias, _)) = _arrays(layer)
        return [(weights.tobytes(), True), (bias.astype("<f4").tobytes(), True), (scales.astype("<f4").tobytes(), False)]

    def persistent(self) -> list[tuple[str, int]]:
        """(name, bytes) of the buffers that stay."""
        learning, parameters = self.head.learning, self.parameters.size * FLOAT_BYTES
        adam = learning.optimizer == "adam"
        buffers = [("parameters", parameters)]
        if learning.momentum > 0 or adam:
            buffers.append(("moments", parameters))
        if adam:
            buffers.append(("second moments", parameters))
        if learning.sums_gradients:
            buffers.append(("gradients", parameters))
        if self.replay_capacity:
            buffers.append(("replay buffer", sample_buffer_bytes(self.replay_capacity, self.head.feature_count)))
        if self.class_capacity > self.class_count:
            buffers.append(("class names", (self.class_capacity - self.class_count) * CLASS_NAME_BYTES))
        if self.guard_capacity:
            buffers.append(("held-out samples", guard_bytes(self.guard_capacity, self.head.feature_count, self.class_capacity)))
        return buffers


def _arrays(layer: HeadLayer) -> list[tuple[np.ndarray, bool]]:
    """Return (array, whether it trains) of weights and bias."""
    if layer.weights is None or layer.bias is None:
        return []
    return [(layer.weights, layer.trains == "all"), (layer.bias, layer.trains != "none")]


def plan_head(bundle: Bundle, feature_count: int) -> HeadPlan:
    """Check a bundle's head against its extractor and size its buffers.

    Args:
        bundle: with head, labels, class_capacity and replay set.
        feature_count: elements of the extractor's outputs.

    Raises:
        CompileError: layers that do not fit the features or the classes, a replay set that fits neither.
    """
    head, labels = bundle.head, bundle.manifest["labels"]
    capacity = int(bundle.manifest.get("class_capacity", len(labels)))
    _check_features(head, feature_count)
    _check_replay(bundle, feature_count, len(labels))
    last = head.layers[-1]
    if not _is_one_sigmoid(head, len(labels), capacity):
        last = _padded(last, len(labels), capacity)
    return HeadPlan(
        replace(head, layers=(*head.layers[:-1], last)),
        len(labels),
        capacity,
        sample_capacity(head.learning.replay_buffer_bytes, feature_count),
        bundle.replay_features.reshape(len(bundle.replay_labels), feature_count),
        bundle.replay_labels,
        guard_capacity_of(head, feature_count, capacity),
    )


def guard_capacity_of(head: Head, feature_count: int, class_capacity: int) -> int:
    """Return the samples that the guard's bytes hold.

    Args:
        head: with the guard's bytes among its settings; 0 there: no guard. feature_count: bytes of a sample's features.
        class_capacity: classes that there is room for.

    Raises:
        CompileError: too few to tell anything.
    """
    available = head.learning.guard_buffer_bytes
    capacity = min(available // (feature_count + LABEL_BYTES + 1), MAX_GUARD)
    while capacity and guard_bytes(capacity, feature_count, class_capacity) > available:
        capacity -= 1
    if available and capacity < GUARD_LEAST:
        raise CompileError(
            f"guard_buffer_bytes {available:,} hold {capacity} samples of {feature_count:,} features",
            expected=f"{guard_bytes(GUARD_LEAST, feature_count, class_capacity):,} or more, for {GUARD_LEAST} samples; or 0, for no guard",
        )
    return capacity


def guard_bytes(capacity: int, feature_count: int, class_capacity: int) -> int:
    """Return the bytes of the guard's buffer: samples, a uint16 counter a class, a byte a sample.

    Args:
        capacity: samples that it holds. feature_count: bytes of a sample's features. class_capacity: classes that there is room for.
    """
    return sample_buffer_bytes(capacity, feature_count) + class_capacity * LABEL_BYTES + capacity


def sample_buffer_bytes(capacity: int, feature_count: int) -> int:
    """Bytes of `capacity` samples: int8 features, then from the next multiple of 4 the uint16 labels."""
    return -(-capacity * feature_count // 4) * 4 + capacity * LABEL_BYTES


def sample_capacity(available_bytes: int, feature_count: int) -> int:
    """Return the samples that fit into `available_bytes`."""
    capacity = max(available_bytes, 0) // (feature_count + LABEL_BYTES)
    while capacity and sample_buffer_bytes(capacity, feature_count) > available_bytes:
        capacity -= 1
    return capacity


Encoder = Callable[[HeadPlan, str], float]


def _as_it_is(plan: HeadPlan, setting: str) -> float:
    return device_number(setting, getattr(plan.head.learning, setting))


def _where_guarded(plan: HeadPlan, setting: str) -> float:
    return _as_it_is(plan, setting) if plan.guard_capacity else 0


SETTINGS: tuple[tuple[str, str, Encoder], ...] = tuple(
    (field, field, _where_guarded if field.startswith("guard_") else _as_it_is)
    for field in HeadRecord._fields
    if field in Learning.__dataclass_fields__
)
"""Of each field of the head section that is a setting: field, setting, encoder. They have one name, so a new setting needs no row."""

PLACES: tuple[tuple[str, str, int], ...] = (
    ("parameters", "parameters", 0), ("moments", "moments", NONE), ("second_moments", "second moments", NONE),
    ("gradients", "gradients", NONE), ("columns", "columns", 0), ("replay_buffer", "replay buffer", 0), ("class_names", "class names", 0),
    ("guard_buffer", "held-out samples", 0), ("int8_scratch", "int8 scratch", 0),
)  # fmt: skip
"""Of each field of the head section that is an arena offset: field, buffer, what stands there without one."""

SECTIONS = ("layers", "values", "initial_parameters", "frozen_parameters", "replay_set_features", "replay_set_labels", "drift_means")
"""Fields of the head section that are the image offset of the section of their name."""


def head_record(plan: HeadPlan, arena: Mapping[str, int], image: Mapping[str, int]) -> HeadRecord:
    """Fill in the head section.

    Args:
        plan: of the head. arena: buffer name → offset in the arena, bytes; without those that it does not need.
        image: section name → offset in the image, bytes; all of `SECTIONS`.
    """
    settings = {field: encode(plan, setting) for field, setting, encode in SETTINGS}
    places = {field: arena.get(buffer, otherwise) for field, buffer, otherwise in PLACES}
    sections = {name: image[name] for name in SECTIONS}
    return HeadRecord(**_sizes(plan), **settings, **places, **sections)  # type: ignore[arg-type]


def _sizes(plan: HeadPlan) -> dict[str, float]:
    """Return the fields of the head section that count something, and drift's spread."""
    head, drift = plan.head, plan.drift
    return {
        "layer_count": len(head.layers),
        "value_count": len(head.shapes),
        "feature_values": len(head.feature_shapes),
        "class_count": plan.class_count,
        "class_capacity": plan.class_capacity,
        "feature_count": head.feature_count,
        "parameter_count": int(plan.parameters.size),
        "frozen_count": int(plan.frozen.size),
        "columns_floats": plan.graph.columns_floats,
        "replay_set_count": len(plan.replay_labels),
        "replay_capacity": plan.replay_capacity,
        "guard_capacity": plan.guard_capacity,
        "int8_scratch_bytes": plan.graph.int8_scratch_bytes,
        "drift_numbers": drift.numbers if drift else 0,
        "drift_spread": drift.spread if drift else 0.0,
    }


def value_records(plan: HeadPlan, arena: Mapping[str, int]) -> list[ValueRecord]:
    """Return the value records: features follow one another, the others lie where the arena has them."""
    graph, head = plan.graph, plan.head
    records, place = [], 0
    for number, (height, width, channels) in enumerate(head.feature_shapes):
        records.append(ValueRecord(place, NONE, NONE, height, width, channels, graph.storage[number], graph.last_readers[number]))
        place += height * width * channels
    for number, layer in enumerate(head.layers):
        value = head.value_of(number)
        gradient, mask = (arena.get(f"{what} of {layer.name}", NONE) for what in ("gradient", "mask"))
        place, storage = arena[f"output of {layer.name}"], graph.storage[value]
        records.append(ValueRecord(place, gradient, mask, *head.shapes[value], storage, graph.last_readers[value]))
    return records


def layer_records(plan: HeadPlan, arena: Mapping[str, int]) -> list[LayerRecord]:
    """Return the layer records; parameters that train follow one another, and so do the others."""
    records = []
    ends, factors = {True: 0, False: 0}, rate_factors(plan.head)
    for number, layer in enumerate(plan.head.layers):
        starts = []
        for array, trains in plan.arrays(number):
            starts.append(ends[trains])
            ends[trains] += len(array) // FLOAT_BYTES
        is_int8 = number in plan.int8
        inputs = plan.head.inputs_of(number)
        records.append(
            LayerRecord(
                kind=LAYER_KINDS[layer.kind],
                activation=LAYER_ACTIVATIONS[layer.activation],
                trains=LAYER_TRAINS[layer.trains] if starts else 0,
                joins=int(plan.graph.joins(number)),
                input0=inputs[0],
                input1=inputs[-1],
                window_height=layer.window[0],
                window_width=layer.window[1],
                stride_height=layer.stride[0],
                stride_width=layer.stride[1],
                pad_top=layer.padding[0],
                pad_left=layer.padding[2],
                weight_storage=WEIGHTS_INT8 if is_int8 else WEIGHTS_FLOAT32,
                in_count=inner_count(layer),
                out_count=plan.head.shapes[plan.head.value_of(number)][2],
                weights=starts[0] if starts else 0,
                bias=starts[1] if starts else 0,
                places=arena.get(f"places of {layer.name}", 0),
                rate=layer.rate,
                scales=starts[2] if is_int8 else 0,
                rows_at_once=rows_at_once(layer, plan.graph.pixels(number)) if is_int8 else 0,
                rate_factor=factors[number],
            )
        )
    return records


def _check_features(head: Head, feature_count: int) -> None:
    if head.feature_count != feature_count:
        raise CompileError(
            f"the head takes {head.feature_count} numbers and the extractor gives {feature_count}",
            expected="as many of both",
            hint="export the bundle again: head and extractor belong to different cuts",
        )


def _is_one_sigmoid(head: Head, class_count: int, capacity: int) -> bool:
    """Tell whether one logit decides between two classes."""
    return head.learning.loss == "sigmoid_cross_entropy" and head.shapes[-1][2] == 1 and class_count == capacity == 2


def _check_replay(bundle: Bundle, feature_count: int, class_count: int) -> None:
    features, labels = bundle.replay_features, bundle.replay_labels
    if features.dtype != np.int8 or features.size != len(labels) * feature_count:
        raise CompileError(
            f"the replay set has {list(features.shape)} {features.dtype} features for {len(labels)} labels",
            expected=f"int8, {feature_count} for each",
        )
    if len(labels) and int(labels.max()) >= class_count:
        raise CompileError(f"the replay set has label {int(labels.max())}", expected=f"0 to {class_count - 1}")


def _padded(layer: HeadLayer, class_count: int, capacity: int) -> HeadLayer:
    """Return the last layer with `capacity` rows; rows that it lacks are zeros."""
    weights, bias = (array for array, _ in _arrays(layer))
    rows = weights.shape[0]
    if not class_count <= rows <= capacity:
        raise CompileError(
            f"the head's last layer {layer.name!r} has {rows} rows",
            expected=f"{class_count} (one a label) to {capacity} (class_capacity)",
        )
    if not 1 <= class_count <= MAX_CLASSES or capacity > MAX_CLASSES:
        raise CompileError(f"the head has {class_count} classes and room for {capacity}", expected=f"1 to {MAX_CLASSES:,} of both")
    missing = capacity - rows
    return replace(layer, weights=np.pad(weights, ((0, missing), (0, 0))), bias=np.pad(bias, (0, missing)))
