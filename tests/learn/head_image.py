# SPDX-License-Identifier: Apache-2.0
"""The smallest images that carry a head: no operator, and the graph inputs are the graph outputs, so that a test writes
the features it wants. Laid out by hand from SPEC.md section 2, without the compiler."""

import struct
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from tinytl.compiler import records
from tinytl.head import DenseLayer, Head, Learning


@dataclass(frozen=True)
class Feature:
    """One graph output: elements, scale, zero point."""

    count: int
    scale: float = 0.05
    zero_point: int = -3


@dataclass(frozen=True)
class Replay:
    """The replay set, features (N, feature_count) int8 and labels (N,) uint16, and the places of the replay buffer."""

    features: np.ndarray
    labels: np.ndarray
    capacity: int = 0


def no_replay(feature_count: int, capacity: int = 0) -> Replay:
    """Return an empty replay set and a buffer of `capacity` places."""
    return Replay(np.zeros((0, feature_count), np.int8), np.zeros(0, np.uint16), capacity)


def random_head(
    widths: tuple[int, ...], *, activation: str = "relu", learning: Learning | None = None, seed: int = 1
) -> Head:
    """Make a head of dense layers: widths are features, hidden units …, classes."""
    generator = np.random.default_rng(seed)
    layers = []
    for number, (width, out) in enumerate(pairwise(widths)):
        weights = generator.normal(0, 1 / np.sqrt(width), (out, width)).astype(np.float32)
        bias = generator.normal(0, 0.1, out).astype(np.float32)
        last = number == len(widths) - 2
        layers.append(DenseLayer(f"dense{number}", weights, bias, "none" if last else activation))
    return Head(tuple(layers), learning or Learning(replays_per_step=0))


def random_features(count: int, samples: int, classes: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Make separable int8 features (samples, count) and labels (samples,)."""
    generator = np.random.default_rng(seed)
    centres = generator.integers(-60, 60, (classes, count))
    labels = generator.integers(0, classes, samples)
    noise = generator.normal(0, 25, (samples, count))
    return np.clip(np.rint(centres[labels] + noise), -128, 127).astype(np.int8), labels


def dequantized(features: np.ndarray, outputs: tuple[Feature, ...]) -> np.ndarray:
    """Return the real features (…, count) float64 of int8 ones: (q - zero_point) × scale, scales as float32 holds them."""
    zero_points = np.concatenate([np.full(each.count, each.zero_point) for each in outputs])
    scales = np.concatenate([np.full(each.count, np.float32(each.scale), np.float64) for each in outputs])
    return (features.astype(np.float64) - zero_points) * scales


class _Bytes:
    """Sections one after the other, each on a multiple of 16."""

    def __init__(self) -> None:
        self.data = bytearray(records.HEADER_BYTES)

    def add(self, section: bytes) -> int:
        self.data += bytes(-len(self.data) % 16)
        offset = len(self.data)
        self.data += section
        return offset


class _Arena:
    def __init__(self) -> None:
        self.bytes = 0

    def add(self, count: int) -> int:
        offset = self.bytes
        self.bytes += -(-count // 16) * 16
        return offset


def head_image(
    head: Head, *, outputs: tuple[Feature, ...] | None = None, class_count: int | None = None, replay: Replay | None = None
) -> bytes:
    """Return an image with this head.

    Args:
        outputs: the feature tensors, which are also the graph inputs; one by default.
        class_count: classes in use; the last layer's rows are the capacity.
    """
    outputs = outputs or (Feature(head.feature_count),)
    replay = replay or no_replay(head.feature_count)
    image, arena = _Bytes(), _Arena()
    tensors = b"".join(
        records.pack(
            records.TensorRecord(arena.add(each.count), each.count, 0, 1, 2, 1, each.count, 1, 1, each.zero_point, each.scale)
        )
        for each in outputs
    )
    numbers = np.arange(len(outputs), dtype="<u2")
    header = records.Header(
        records.MAGIC, 1, records.HEADER_BYTES, 0, 0, bytes(range(16)), 0, records.FLAG_HEAD, 0,
        len(outputs), image.add(tensors), 0, image.add(b""), 2 * len(outputs), image.add(np.tile(numbers, 2).tobytes()),
        0, len(outputs), len(outputs), 0, image.add(b"{}"), 2,
    )  # fmt: skip
    section = _head_section(head, class_count or len(head.layers[-1].bias), replay, image, arena)
    place = image.add(records.pack(section))
    image.add(b"")
    header = header._replace(image_bytes=len(image.data), arena_bytes=arena.bytes, head=place)
    image.data[: records.HEADER_BYTES] = records.pack(header)
    return with_crc(bytes(image.data))


def _head_section(head: Head, class_count: int, replay: Replay, image: _Bytes, arena: _Arena) -> records.HeadRecord:
    learning, layers, parameters, units = head.learning, b"", 0, sum(len(each.bias) for each in head.layers)
    place = 0
    for each in head.layers:
        out, width = each.weights.shape
        layers += records.pack(
            records.LayerRecord(
                1, records.LAYER_ACTIVATIONS[each.activation], width, out, parameters, parameters + out * width,
                place, units + place,
            )
        )  # fmt: skip
        parameters, place = parameters + out * (width + 1), place + out
    values = b"".join(each.weights.astype("<f4").tobytes() + each.bias.astype("<f4").tobytes() for each in head.layers)
    samples, buffer_bytes = len(replay.labels), replay.capacity * (head.feature_count + 2) + 3
    return records.HeadRecord(
        layer_count=len(head.layers),
        layers=image.add(layers),
        class_count=class_count,
        class_capacity=len(head.layers[-1].bias),
        feature_count=head.feature_count,
        parameter_count=parameters,
        initial_parameters=image.add(values),
        parameters=arena.add(4 * parameters),
        velocities=arena.add(4 * parameters) if learning.momentum else records.NONE,
        features_f32=arena.add(4 * head.feature_count),
        features_s8=arena.add(head.feature_count),
        workspace=arena.add(8 * units),
        workspace_bytes=8 * units,
        replay_set_count=samples,
        replay_set_features=image.add(replay.features.tobytes()) if samples else 0,
        replay_set_labels=image.add(replay.labels.astype("<u2").tobytes()) if samples else 0,
        replay_buffer=arena.add(buffer_bytes) if replay.capacity else 0,
        replay_capacity=replay.capacity,
        replays_per_step=learning.replays_per_step,
        learning_rate=learning.learning_rate,
        momentum=learning.momentum,
        weight_decay=learning.weight_decay,
        seed=learning.seed,
        loss=1,
    )


def with_crc(image: bytes) -> bytes:
    """Return the image with its checksum put right."""
    return image[:12] + struct.pack("<I", zlib.crc32(image[16:])) + image[16:]


def head_of(image: bytes) -> records.HeadRecord:
    """Return the head section of an image."""
    return records.unpack(records.HeadRecord, image, records.unpack(records.Header, image, 0).head)


def with_head(image: bytes, **fields: float) -> bytes:
    """Return the image with fields of its head section changed."""
    place = records.unpack(records.Header, image, 0).head
    record = records.pack(head_of(image)._replace(**fields))  # type: ignore[arg-type]
    return with_crc(image[:place] + record + image[place + len(record) :])


def with_layer(image: bytes, number: int, **fields: int) -> bytes:
    """Return the image with fields of one of its layer records changed."""
    place = head_of(image).layers + number * records.size(records.LayerRecord)
    record = records.pack(records.unpack(records.LayerRecord, image, place)._replace(**fields))
    return with_crc(image[:place] + record + image[place + len(record) :])


def with_learning(head: Head, **settings: float) -> Head:
    """Return the head with learning settings changed."""
    return replace(head, learning=replace(head.learning, **settings))  # type: ignore[arg-type]
