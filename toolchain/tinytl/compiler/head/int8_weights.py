# SPDX-License-Identifier: Apache-2.0
"""Layers of the head whose weights are int8 and stay so while they learn: which, their bytes, scales and scratch (SPEC.md section 2.5).

A weight is byte × scale of its row. The scale never changes, so it leaves a quarter of the range for what learning adds.
"""

from math import prod

import numpy as np

from tinytl.bundle.bundle import Bundle
from tinytl.errors import ModelError
from tinytl.head.layers import Head, HeadLayer

HEADROOM = 1.25
"""A row's largest weight times this is its byte 127."""
MOST = 65536
"""Inputs of a row, rows, pixels of the output: with more, sums would not fit 32 bits."""
_LEAST_ROWS = 8
_UPDATE_BYTES = 9728
"""Scratch that an update may take without asking what the forward pass needs."""


def int8_layers(head: Head, *, grows: bool) -> frozenset[int]:
    """Return the numbers of the layers with int8 weights: dense and conv_2d whose weights train, where the head asks for it.

    Args:
        grows: classes may be added: then the last layer's rows are written as floats and stay so.
    """
    if head.learning.weights != "int8":
        return frozenset()
    last = len(head.layers) - 1
    return frozenset(
        number for number, layer in enumerate(head.layers)
        if layer.kind in ("dense", "conv_2d") and layer.trains == "all" and _fits(head, number) and not (grows and number == last)
    )  # fmt: skip


def check_int8_weights(head: Head, *, grows: bool) -> None:
    """Refuse a head that asks for int8 weights and would get none. grows: as for `int8_layers`. Raises ModelError."""
    if head.learning.weights != "int8" or int8_layers(head, grows=grows):
        return
    if int8_layers(head, grows=False):
        raise ModelError(
            "int8 weights, and the only layer that could have them grows with new classes",
            expected="another dense layer or convolution whose weights train",
            hint="a plan such as fc+conv1, no spare classes, or float32 weights",
        )
    raise ModelError(
        "int8 weights, and no weight trains that could be a byte",
        expected="a dense layer or convolution whose weights train",
        hint="a plan such as fc+conv1, or float32 weights",
    )


def int8_layers_of(bundle: Bundle) -> frozenset[int]:
    """Return the numbers of the layers of a bundle's head that have int8 weights on a device."""
    classes = len(bundle.manifest["labels"])
    return int8_layers(bundle.head, grows=int(bundle.manifest.get("class_capacity", classes)) > classes)


def layer_words(layer: HeadLayer, *, is_int8: bool) -> int:
    """Return the 32-bit words of a layer's weights and bias."""
    if not is_int8:
        return layer.parameter_count
    rows = _rows(layer)
    return len(rows) * row_bytes(rows.shape[1]) // 4 + len(rows)


def _fits(head: Head, number: int) -> bool:
    height, width, rows = head.shapes[head.value_of(number)]
    return max(_row_length(head.layers[number]), rows, height * width) <= MOST


def quantized_rows(layer: HeadLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of a layer's weights, (out, stride) int8 with zeros behind each row, and the scales (out,) float32.

    A row of zeros has the largest scale of the others, 1 / 127 where there is none.
    """
    weights = _rows(layer)
    largest = np.abs(weights).max(axis=1)
    largest = np.where(largest > 0, largest, largest.max() or 1.0 / HEADROOM)
    scales = np.maximum(largest * (HEADROOM / 127), np.finfo(np.float32).tiny).astype(np.float32)
    rows = np.zeros((len(weights), row_bytes(weights.shape[1])), np.int8)
    rows[:, : weights.shape[1]] = np.clip(np.rint(weights / scales[:, None].astype(np.float64)), -127, 127)
    return rows, scales


def row_bytes(length: int) -> int:
    """Return the bytes of a row: a multiple of 8."""
    return -(-length // 8) * 8


def rows_at_once(layer: HeadLayer, pixels: int) -> int:
    """Return the rows whose gradients are gathered together: as many as fit what the forward pass needs anyway, or 9.5 KB."""
    rows = int(_rows(layer).shape[0])
    room = max(_forward_bytes(layer, pixels), _UPDATE_BYTES)
    count = rows
    while count > _LEAST_ROWS and _update_bytes(pixels, count) > room:
        count -= 1
    return count


def scratch_bytes(layer: HeadLayer, pixels: int) -> int:
    """Return the bytes that a step of the layer computes with, as `tinytl_int8_scratch_bytes` does. pixels: of its output."""
    rows = _rows(layer)
    gradient = 4 * row_bytes(rows.shape[1]) + 2 * rows.shape[0]
    return max(_forward_bytes(layer, pixels), gradient, _update_bytes(pixels, rows_at_once(layer, pixels)))


def _rows(layer: HeadLayer) -> np.ndarray:
    """Return the weights (out, in) in float64."""
    assert layer.weights is not None
    return layer.weights.reshape(len(layer.weights), -1).astype(np.float64)


def _row_length(layer: HeadLayer) -> int:
    return prod(layer.weights.shape[1:])  # type: ignore[union-attr]


def _forward_bytes(layer: HeadLayer, pixels: int) -> int:
    stride = row_bytes(_row_length(layer))
    return 2 * stride if pixels == 1 else 4 * (2 * stride + 4 * len(layer.weights))  # type: ignore[arg-type]


def _update_bytes(pixels: int, rows: int) -> int:
    if pixels == 1:
        return 0
    padded = -(-pixels // 4) * 4
    return 8 * padded + -(-rows // 2) * (4 * padded + 16 + 1)
