# SPDX-License-Identifier: Apache-2.0
"""From the Keras layers behind the cut to the head's dense layers.

In: the calls from the first trained Dense to the model's output. Out: `DenseLayer`s with float32 weights (out, in),
such that head(features) = model's logits. Batch-norm y = s·x + t, with s = gamma / sqrt(variance + epsilon) and t =
beta − mean·s, goes into the Dense before it (weights·s, bias·s + t) or, after an activation, into the Dense behind it
(weights·s per column, bias + weights·t). A softmax at the end is dropped: the loss computes it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytl.errors import ModelError
from tinytl.head import DenseLayer
from tinytl.keras_graph import Call

_ACTIVATIONS = {"linear": "none", "relu": "relu", "relu6": "relu6", "softmax": "softmax"}
_KINDS = (
    "Dense (linear, relu, relu6; softmax at the end), ReLU, Activation, Softmax, BatchNormalization, Dropout, Flatten"
)


def fold_head(calls: Sequence[Call]) -> tuple[DenseLayer, ...]:
    """Turn calls into dense layers.

    Args:
        calls: in order; the first is a Dense, each takes the output of the one before, all of rank 2.

    Returns:
        Layers in order; the last one's activation is "none".

    Raises:
        ModelError: a layer that has no place in a head, by name.
    """
    folder = _Folder()
    for call in calls:
        folder.take(call)
    return folder.finished()


class _Folder:
    """Layers so far, and the affine map that the next Dense has to take in."""

    def __init__(self) -> None:
        self._layers: list[DenseLayer] = []
        self._pending: tuple[np.ndarray, np.ndarray] | None = None
        self._last: Call | None = None

    def take(self, call: Call) -> None:
        if self._activation == "softmax":
            raise _refused(call, "it comes after a softmax")
        steps = {
            "Dense": self._dense,
            "BatchNormalization": self._norm,
            "ReLU": self._relu,
            "Activation": self._activate,
        }
        steps |= {"Softmax": self._activate, "Flatten": _keep, "Reshape": _keep}
        kind = type(call.layer)
        if kind.__name__ not in steps or not kind.__module__.startswith("keras."):
            raise _refused(call, "the learner has no such layer")
        steps[kind.__name__](call)
        self._last = call

    def finished(self) -> tuple[DenseLayer, ...]:
        if self._last is not None and (self._pending is not None or self._activation in ("relu", "relu6")):
            raise _refused(self._last, "no Dense comes after it", expected="logits or a softmax at the end")
        return (*self._layers[:-1], _with(self._layers[-1], activation="none"))

    @property
    def _activation(self) -> str:
        return self._layers[-1].activation if self._layers else "none"

    def _dense(self, call: Call) -> None:
        weights = np.asarray(call.layer.kernel, np.float64).T
        bias = np.zeros(len(weights)) if call.layer.bias is None else np.asarray(call.layer.bias, np.float64)
        if self._pending is not None:
            scale, shift = self._pending
            weights, bias, self._pending = weights * scale, bias + weights @ shift, None
        self._layers.append(DenseLayer(call.layer.name, _f32(weights), _f32(bias)))
        self._activate(call)

    def _norm(self, call: Call) -> None:
        scale, shift = _affine(call.layer)
        if self._activation == "none":
            last = self._layers[-1]
            weights, bias = last.weights.astype(np.float64), last.bias.astype(np.float64)
            self._layers[-1] = _with(last, weights=_f32(weights * scale[:, None]), bias=_f32(bias * scale + shift))
        elif self._pending is None:
            self._pending = scale, shift
        else:
            self._pending = self._pending[0] * scale, self._pending[1] * scale + shift

    def _relu(self, call: Call) -> None:
        layer = call.layer
        limit = None if layer.max_value is None else float(layer.max_value)
        if limit not in (None, 6.0) or float(layer.negative_slope) or float(layer.threshold):
            raise _refused(call, "only relu and relu6 can be learned through")
        self._set(call, "relu6" if limit else "relu")

    def _activate(self, call: Call) -> None:
        name = "softmax" if type(call.layer).__name__ == "Softmax" else getattr(call.layer.activation, "__name__", "?")
        if name not in _ACTIVATIONS:
            raise _refused(call, f"activation {name!r} cannot be learned through")
        self._set(call, _ACTIVATIONS[name])

    def _set(self, call: Call, activation: str) -> None:
        if activation == "none":
            return
        if self._pending is not None or self._activation not in ("none", activation):
            raise _refused(call, "a second activation after one Dense")
        self._layers[-1] = _with(self._layers[-1], activation=activation)


def _keep(call: Call) -> None:
    """Flatten and Reshape from rank 2 to rank 2 change nothing."""


def _affine(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    mean, variance = np.asarray(layer.moving_mean, np.float64), np.asarray(layer.moving_variance, np.float64)
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else 1.0
    beta = np.asarray(layer.beta, np.float64) if layer.center else 0.0
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


def _with(
    layer: DenseLayer,
    *,
    weights: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    activation: str | None = None,
) -> DenseLayer:
    return DenseLayer(
        layer.name,
        layer.weights if weights is None else weights,
        layer.bias if bias is None else bias,
        layer.activation if activation is None else activation,
    )


def _f32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)


def _refused(call: Call, reason: str, *, expected: str = _KINDS) -> ModelError:
    return ModelError(f"layer {call.name} cannot be part of the head: {reason}", expected=expected)
