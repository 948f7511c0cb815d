# SPDX-License-Identifier: Apache-2.0
"""The smallest images that carry a head: no operator, and the graph inputs are the graph outputs, so that a test writes
the features it wants."""

import struct
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np

from tinytl.compiler import records
from tinytl.compiler.head_alone import Replayed as Replay
from tinytl.compiler.head_alone import compile_head
from tinytl.head.layers import Head, HeadLayer, Learning, dense_layer


@dataclass(frozen=True)
class Feature:
    """One graph output: elements, scale, zero point."""

    count: int
    scale: float = 0.05
    zero_point: int = -3


def random_head(
    widths: tuple[int, ...], *, activation: str = "relu", learning: Learning | None = None, seed: int = 1, parts: tuple[int, ...] = ()
) -> Head:
    """Make a head of dense layers: widths are features, hidden units …, classes. parts: lengths of several features, joined first."""
    generator = np.random.default_rng(seed)
    layers = []
    for number, (width, out) in enumerate(pairwise(widths)):
        weights = generator.normal(0, 1 / np.sqrt(width), (out, width)).astype(np.float32)
        bias = generator.normal(0, 0.1, out).astype(np.float32)
        last = number == len(widths) - 2
        layers.append(dense_layer(f"dense{number}", weights, bias, "none" if last else activation))
    joins = [
        HeadLayer(f"join{number}", "concatenate", inputs=(len(parts) + number - 2 if number > 1 else 0, number))
        for number in range(1, len(parts))
    ]
    features = tuple((1, 1, part) for part in parts) or None
    return Head((*joins, *layers), learning or Learning(replays_per_step=0), features)


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


def convolution(
    name: str,
    out: int,
    channels: int,
    window: tuple[int, int] = (3, 3),
    *,
    seed: int = 1,
    kind: str = "conv_2d",
    **fields: object,
) -> HeadLayer:
    """Make a convolution with random weights and, unless told otherwise, the padding that keeps an odd window's input size."""
    generator = np.random.default_rng(seed)
    height, width = window
    shape = (out, height, width, channels) if kind == "conv_2d" else (height, width, channels)
    reach = prod(window) * (channels if kind == "conv_2d" else 1)
    weights = generator.normal(0, 1.4 / np.sqrt(reach), shape).astype(np.float32)
    bias = generator.normal(0, 0.1, out).astype(np.float32)
    padding = (height // 2, height // 2, width // 2, width // 2)
    return HeadLayer(name, kind, weights=weights, bias=bias, window=window, **{"padding": padding} | fields)  # type: ignore[arg-type]


def classifier(name: str, classes: int, width: int, seed: int = 9) -> HeadLayer:
    """Make a dense layer to end a head with."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, 1 / np.sqrt(width), (classes, width)).astype(np.float32)
    return dense_layer(name, weights, generator.normal(0, 0.1, classes).astype(np.float32))


def features_of(head: Head, scale: float = 0.05, zero_point: int = -3) -> tuple[Feature, ...]:
    """Return graph outputs for a head, each of them a little different."""
    return tuple(Feature(prod(shape), scale * (1 + 0.5 * n), zero_point + n) for n, shape in enumerate(head.feature_shapes))


def class_count_of(head: Head) -> int:
    """Return the classes of a head: one sigmoid tells two apart."""
    one_sigmoid = head.learning.loss == "sigmoid_cross_entropy" and head.shapes[-1][2] == 1
    return 2 if one_sigmoid else head.shapes[-1][2]


def head_image(
    head: Head, *, outputs: tuple[Feature, ...] | None = None, class_count: int | None = None, replay: Replay | None = None
) -> bytes:
    """Return an image with this head.

    Args:
        outputs: the feature tensors, which are also the graph inputs.
        class_count: classes in use; the last layer's rows are the capacity.
    """
    outputs = outputs or features_of(head)
    quantization = [(each.scale, each.zero_point) for each in outputs]
    return compile_head(head, quantization, class_count=class_count, replayed=replay).data


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


def with_value(image: bytes, number: int, **fields: int) -> bytes:
    """Return the image with fields of one of its value records changed."""
    place = head_of(image).values + number * records.size(records.ValueRecord)
    record = records.pack(records.unpack(records.ValueRecord, image, place)._replace(**fields))
    return with_crc(image[:place] + record + image[place + len(record) :])


def with_learning(head: Head, **settings: float | str) -> Head:
    """Return the head with learning settings changed."""
    return replace(head, learning=replace(head.learning, **settings))  # type: ignore[arg-type]
