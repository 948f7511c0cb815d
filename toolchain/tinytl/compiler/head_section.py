# SPDX-License-Identifier: Apache-2.0
"""The trainable head: what it needs of the arena, and its records in the image (SPEC.md section 2.5).

Parameters, velocities and the replay buffer stay as long as the device runs. Dequantized features, the contiguous copy
of the graph outputs and the workspace are needed only after the last operator, so they may lie where activations were;
the graph outputs themselves are still alive then, because the learner reads them first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinytl.bundle import Bundle
from tinytl.compiler.records import (
    LAYER_ACTIVATIONS,
    LAYER_DENSE,
    LOSSES,
    NONE,
    HeadRecord,
    LayerRecord,
)
from tinytl.errors import CompileError
from tinytl.head import DenseLayer, Head

FLOAT_BYTES = 4
LABEL_BYTES = 2
MAX_CLASSES = 4096


@dataclass(frozen=True)
class HeadPlan:
    """A head made ready for an image.

    Attributes:
        layers: with the last one padded to class_capacity rows.
        class_count, class_capacity: classes in use, rows there are.
        replay_capacity: taught samples that the replay buffer holds.
        replay_features: (N, feature_count) int8. replay_labels: (N,) uint16.
    """

    head: Head
    layers: tuple[DenseLayer, ...]
    class_count: int
    class_capacity: int
    replay_capacity: int
    replay_features: np.ndarray
    replay_labels: np.ndarray

    @property
    def parameters(self) -> np.ndarray:
        """All parameters as they lie in the arena: layer by layer, weights then bias, float32."""
        parts = [np.concatenate([layer.weights.ravel(), layer.bias.ravel()]) for layer in self.layers]
        return np.concatenate(parts).astype("<f4")

    @property
    def workspace_floats(self) -> int:
        return 2 * sum(layer.weights.shape[0] for layer in self.layers)

    def afterwards(self) -> list[tuple[str, int]]:
        """(name, bytes) of the buffers that are needed only after the last operator."""
        features = self.head.feature_count
        return [
            ("features_f32", features * FLOAT_BYTES),
            ("features_s8", features),
            ("workspace", self.workspace_floats * FLOAT_BYTES),
        ]

    def persistent(self) -> list[tuple[str, int]]:
        """(name, bytes) of the buffers that stay."""
        parameters = self.parameters.size * FLOAT_BYTES
        buffers = [("parameters", parameters)]
        if self.head.learning.momentum > 0:
            buffers.append(("velocities", parameters))
        if self.replay_capacity:
            buffers.append(("replay_buffer", replay_buffer_bytes(self.replay_capacity, self.head.feature_count)))
        return buffers


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
    last = _padded(head.layers[-1], len(labels), capacity)
    return HeadPlan(
        head,
        (*head.layers[:-1], last),
        len(labels),
        capacity,
        replay_capacity(head.learning.replay_buffer_bytes, feature_count),
        bundle.replay_features.reshape(len(bundle.replay_labels), feature_count),
        bundle.replay_labels,
    )


def replay_buffer_bytes(capacity: int, feature_count: int) -> int:
    """Bytes of `capacity` samples: int8 features, then from the next multiple of 4 the uint16 labels."""
    return -(-capacity * feature_count // 4) * 4 + capacity * LABEL_BYTES


def replay_capacity(available_bytes: int, feature_count: int) -> int:
    """Return the samples that fit into `available_bytes`."""
    capacity = max(available_bytes, 0) // (feature_count + LABEL_BYTES)
    while capacity and replay_buffer_bytes(capacity, feature_count) > available_bytes:
        capacity -= 1
    return capacity


def head_record(plan: HeadPlan, arena: Mapping[str, int], image: Mapping[str, int]) -> HeadRecord:
    """Fill in the head section. arena: buffer name → arena offset; image: section name → image offset."""
    learning = plan.head.learning
    return HeadRecord(
        layer_count=len(plan.layers),
        layers=image["layers"],
        class_count=plan.class_count,
        class_capacity=plan.class_capacity,
        feature_count=plan.head.feature_count,
        parameter_count=int(plan.parameters.size),
        initial_parameters=image["initial_parameters"],
        parameters=arena["parameters"],
        velocities=arena.get("velocities", NONE),
        features_f32=arena["features_f32"],
        features_s8=arena["features_s8"],
        workspace=arena["workspace"],
        workspace_bytes=plan.workspace_floats * FLOAT_BYTES,
        replay_set_count=len(plan.replay_labels),
        replay_set_features=image["replay_set_features"],
        replay_set_labels=image["replay_set_labels"],
        replay_buffer=arena.get("replay_buffer", 0),
        replay_capacity=plan.replay_capacity,
        replays_per_step=learning.replays_per_step,
        learning_rate=learning.learning_rate,
        momentum=learning.momentum,
        weight_decay=learning.weight_decay,
        seed=learning.seed,
        loss=LOSSES[learning.loss],
    )


def layer_records(plan: HeadPlan) -> list[LayerRecord]:
    """Return the layer records: parameters one after the other; in the workspace all outputs, then all gradients."""
    records = []
    parameter = place = 0
    gradients = plan.workspace_floats // 2
    for layer in plan.layers:
        outputs, inputs = layer.weights.shape
        bias = parameter + outputs * inputs
        activation = LAYER_ACTIVATIONS[layer.activation]
        records.append(LayerRecord(LAYER_DENSE, activation, inputs, outputs, parameter, bias, place, gradients + place))
        parameter, place = bias + outputs, place + outputs
    return records


def _check_features(head: Head, feature_count: int) -> None:
    first = head.layers[0]
    if first.weights.shape[1] != feature_count:
        raise CompileError(
            f"head layer {first.name!r} has weights {list(first.weights.shape)}; the extractor gives {feature_count} values",
            expected=f"[out, {feature_count}]",
            hint="export the bundle again: head and extractor belong to different cuts",
        )


def _check_replay(bundle: Bundle, feature_count: int, class_count: int) -> None:
    features, labels = bundle.replay_features, bundle.replay_labels
    if features.dtype != np.int8 or features.size != len(labels) * feature_count:
        raise CompileError(
            f"the replay set has {list(features.shape)} {features.dtype} features for {len(labels)} labels",
            expected=f"int8, {feature_count} for each",
        )
    if len(labels) and int(labels.max()) >= class_count:
        raise CompileError(f"the replay set has label {int(labels.max())}", expected=f"0 to {class_count - 1}")


def _padded(layer: DenseLayer, class_count: int, capacity: int) -> DenseLayer:
    """Return the last layer with `capacity` rows; rows that it lacks are zeros."""
    rows = layer.weights.shape[0]
    if not class_count <= rows <= capacity:
        raise CompileError(
            f"the head's last layer {layer.name!r} has {rows} rows",
            expected=f"{class_count} (one a label) to {capacity} (class_capacity)",
        )
    if not 1 <= class_count <= MAX_CLASSES or capacity > MAX_CLASSES:
        raise CompileError(
            f"the head has {class_count} classes and room for {capacity}", expected=f"1 to {MAX_CLASSES:,} of both"
        )
    missing = capacity - rows
    return DenseLayer(
        layer.name,
        np.pad(layer.weights, ((0, missing), (0, 0))),
        np.pad(layer.bias, (0, missing)),
        layer.activation,
    )
