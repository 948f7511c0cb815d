# SPDX-License-Identifier: Apache-2.0
"""Forward pass of a head on the workstation, in NumPy float32, for many samples at once.

In: a `Head` and real features. Out: logits. Close to what a device computes, not bit-equal: sums run in another order. What has to be
equal to a device is computed by the twin.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinytl.head.layers import Head, HeadLayer, pooled_counts


def logits(head: Head, features: Sequence[np.ndarray]) -> np.ndarray:
    """Compute the logits of many samples.

    Args:
        head: of any kind of layers.
        features: one array a feature, (N, …) float32, as many numbers a sample as its shape says.

    Returns:
        (N, classes) float32.
    """
    values = [
        np.asarray(feature, np.float32).reshape(len(feature), *shape) for feature, shape in zip(features, head.feature_shapes, strict=True)
    ]
    for number, layer in enumerate(head.layers):
        inputs = [values[source] for source in head.inputs_of(number)]
        values.append(_ACTIVATE[layer.activation](_FORWARD[layer.kind](layer, *inputs)))
    return values[-1].reshape(len(values[-1]), -1)


def _dense(layer: HeadLayer, x: np.ndarray) -> np.ndarray:
    return (x.reshape(len(x), -1) @ layer.weights.T + layer.bias)[:, None, None, :]  # type: ignore[union-attr]


def _windows(layer: HeadLayer, x: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """Return (N, height, width, channels, window height, window width), a view of the padded input."""
    top, bottom, left, right = layer.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    return sliding_window_view(padded, layer.window, axis=(1, 2))[:, :: layer.stride[0], :: layer.stride[1]]


def _conv_2d(layer: HeadLayer, x: np.ndarray) -> np.ndarray:
    return np.einsum("nyxckl,oklc->nyxo", _windows(layer, x), layer.weights, optimize=True) + layer.bias  # type: ignore[arg-type]


def _depthwise_conv_2d(layer: HeadLayer, x: np.ndarray) -> np.ndarray:
    return np.einsum("nyxckl,klc->nyxc", _windows(layer, x), layer.weights, optimize=True) + layer.bias  # type: ignore[arg-type]


def _average_pool(layer: HeadLayer, x: np.ndarray) -> np.ndarray:
    sums = _windows(layer, x).sum(axis=(4, 5), dtype=np.float32)
    rows, columns = (
        pooled_counts(x.shape[1 + axis], sums.shape[1 + axis], layer.window[axis], layer.stride[axis], layer.padding[2 * axis])
        for axis in (0, 1)
    )
    return sums / np.outer(rows, columns).astype(np.float32)[None, :, :, None]


def _max_pool(layer: HeadLayer, x: np.ndarray) -> np.ndarray:
    return _windows(layer, x, -np.inf).max(axis=(4, 5))


_FORWARD: dict[str, Callable[..., np.ndarray]] = {
    "dense": _dense,
    "conv_2d": _conv_2d,
    "depthwise_conv_2d": _depthwise_conv_2d,
    "scale": lambda layer, x: x * layer.weights + layer.bias,
    "add": lambda layer, x, y: x + y,
    "activation": lambda layer, x: x,
    "average_pool": _average_pool,
    "max_pool": _max_pool,
    "dropout": lambda layer, x: x,
    "concatenate": lambda layer, x, y: np.concatenate([x, y], axis=3),
}
_ACTIVATE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "relu6": lambda x: np.clip(x, np.float32(0), np.float32(6)),
}
