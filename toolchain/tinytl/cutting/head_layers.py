# SPDX-License-Identifier: Apache-2.0
"""What the learner has for a Keras layer: each kind that can stand in a head as a `HeadLayer`.

In: one call of a layer. Out: the head's layer for it, with weights in the head's order and padding in numbers; where it reads from
is not known here, and a batch-norm is still float64, as it is folded. What the learner has no layer for is refused by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinytl.errors import ModelError
from tinytl.head.layers import HeadLayer, three_sides
from tinytl.keras_graph import Call

LEARNABLE = (
    "Dense, Conv1D, Conv2D, DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D, BatchNormalization, "
    "ReLU and Activation (linear, relu, relu6), softmax at the end, Add, Concatenate of channels, pooling (average, max, global), "
    "ZeroPadding1D, ZeroPadding2D, Flatten, Reshape, Dropout"
)
CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D")
RESHAPES = ("Flatten", "Reshape")
PADDINGS = ("ZeroPadding1D", "ZeroPadding2D")
ACTIVATORS = ("ReLU", "Activation", "Softmax")
WINDOW_POOLS = ("AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D")
GLOBAL_POOLS = tuple(f"Global{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2))
POOLS = (*WINDOW_POOLS, *GLOBAL_POOLS)
_ACTIVATIONS = {"linear": "none", "relu": "relu", "relu6": "relu6", "softmax": "softmax"}

Padding = tuple[int, int, int, int]


def kind_of(call: Call) -> str:
    """Return the name of a layer's class; empty for one that is not Keras's own."""
    kind = type(call.layer)
    return kind.__name__ if kind.__module__.startswith("keras.") else ""


def refused(call: Call, reason: str, *, expected: str = LEARNABLE) -> ModelError:
    """Return the refusal of a layer that has no place in a head.

    Args:
        call: of the layer that is named. reason: why it has no place there, with the value. expected: what a head takes.
    """
    return ModelError(f"layer {call.name} cannot be part of the head: {reason}", expected=expected)


def head_layer(call: Call) -> HeadLayer:
    """Return the head's layer for a call, without its activation.

    Raises:
        ModelError: a kind that the learner does not have, or a setting of it.
    """
    make = _MAKE.get(kind_of(call))
    if make is None:
        raise refused(call, "the learner has no such layer")
    _refuse_channels_first(call)
    return make(call)


def activation_of(call: Call) -> str:
    """Return what a call applies at its end: "none", "relu", "relu6" or "softmax". Raises ModelError for another one."""
    kind, layer = kind_of(call), call.layer
    if kind == "Softmax":
        return "softmax"
    if kind == "ReLU":
        limit = None if layer.max_value is None else float(layer.max_value)
        if limit not in (None, 6.0) or float(layer.negative_slope) or float(layer.threshold):
            raise refused(call, "only relu and relu6 can be learned through")
        return "relu6" if limit else "relu"
    activation = getattr(layer, "activation", None)
    if activation is None:
        return "none"
    name = getattr(activation, "__name__", type(activation).__name__)
    if name not in _ACTIVATIONS:
        raise refused(call, f"activation {name!r} cannot be learned through")
    return _ACTIVATIONS[name]


def keeps_order(call: Call) -> bool:
    """Tell whether a Flatten or Reshape only renames the shape: its elements keep their row-major order."""
    return getattr(call.layer, "data_format", "channels_last") != "channels_first" or len(call.inputs[0].shape) == 2


def zero_padding(call: Call) -> Padding:
    """Return (top, bottom, left, right) of a ZeroPadding layer."""
    _refuse_channels_first(call)
    if kind_of(call) == "ZeroPadding1D":
        left, right = call.layer.padding
        return 0, 0, int(left), int(right)
    (top, bottom), (left, right) = call.layer.padding
    return int(top), int(bottom), int(left), int(right)


def shape_of(tensor: Any) -> tuple[int, int, int]:
    """Return (height, width, channels) of a Keras tensor. Raises ModelError where it has more sides."""
    sides = tuple(tensor.shape[1:])
    if not 1 <= len(sides) <= 3:
        raise ModelError(f"a tensor of the head has shape {sides}", expected="1 to 3 sides")
    return three_sides(sides)


def _dense(call: Call) -> HeadLayer:
    """Of a vector; over places of a map it is a convolution with a window of 1×1."""
    weights = np.asarray(call.layer.kernel, np.float32).T
    kind = "dense" if len(call.inputs[0].shape) == 2 else "conv_2d"
    shaped = weights if kind == "dense" else weights[:, None, None, :]
    return HeadLayer(call.layer.name, kind, weights=np.ascontiguousarray(shaped), bias=_bias(call, len(weights)))


def _conv(call: Call) -> HeadLayer:
    if call.layer.groups != 1:
        raise refused(call, f"its {call.layer.groups} groups cannot be learned", expected="groups of 1")
    kernel = _flat_kernel(call)
    weights = np.ascontiguousarray(kernel.transpose(3, 0, 1, 2))
    return _windowed(call, "conv_2d", kernel.shape[:2], weights=weights, bias=_bias(call, kernel.shape[3]))


def _depthwise_conv(call: Call) -> HeadLayer:
    if call.layer.depth_multiplier != 1:
        raise refused(call, f"its depth_multiplier of {call.layer.depth_multiplier} cannot be learned", expected="depth_multiplier 1")
    weights = np.ascontiguousarray(_flat_kernel(call)[..., 0])
    return _windowed(call, "depthwise_conv_2d", weights.shape[:2], weights=weights, bias=_bias(call, weights.shape[2]))


def _flat_kernel(call: Call) -> np.ndarray:
    """Return the kernel with a height, which a 1-D one lacks."""
    if any(rate != 1 for rate in call.layer.dilation_rate):
        raise refused(call, f"its dilation of {_joined(call.layer.dilation_rate)} cannot be learned", expected="dilation 1")
    kernel = np.asarray(call.layer.kernel, np.float32)
    return kernel if kernel.ndim == 4 else kernel[None]


def _norm(call: Call) -> HeadLayer:
    """y = s·x + t with s = gamma / sqrt(variance + epsilon) and t = beta − mean·s."""
    layer = call.layer
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis not in (-1, len(call.output.shape) - 1):
        raise refused(call, f"it normalizes axis {axis}", expected="the last axis, the channels")
    mean, variance = np.asarray(layer.moving_mean, np.float64), np.asarray(layer.moving_variance, np.float64)
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else 1.0
    beta = np.asarray(layer.beta, np.float64) if layer.center else 0.0
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return HeadLayer(layer.name, "scale", weights=scale, bias=beta - mean * scale)


def _add(call: Call) -> HeadLayer:
    shapes = [tuple(tensor.shape[1:]) for tensor in call.inputs]
    if len(shapes) < 2 or len(set(shapes)) != 1:
        listing = ", ".join(_joined(shape) for shape in shapes)
        raise refused(call, f"it adds {listing}", expected="two or more tensors of one shape")
    return HeadLayer(call.layer.name, "add")


def _concatenate(call: Call) -> HeadLayer:
    rank = len(call.output.shape)
    if call.layer.axis not in (-1, rank - 1):
        raise refused(call, f"it joins along axis {call.layer.axis}", expected="the last axis, the channels")
    if len(call.inputs) < 2:
        raise refused(call, "it joins a single tensor", expected="two or more")
    return HeadLayer(call.layer.name, "concatenate")


def _pool(call: Call) -> HeadLayer:
    kind = "average_pool" if "Average" in kind_of(call) else "max_pool"
    return _windowed(call, kind, call.layer.pool_size)


def _global_pool(call: Call) -> HeadLayer:
    height, width, _ = shape_of(call.inputs[0])
    return HeadLayer(call.layer.name, "average_pool" if "Average" in kind_of(call) else "max_pool", window=(height, width))


def _dropout(call: Call) -> HeadLayer:
    if call.layer.noise_shape is not None:
        raise refused(call, f"its noise_shape {tuple(call.layer.noise_shape)} cannot be learned with", expected="noise_shape None")
    return HeadLayer(call.layer.name, "dropout", rate=float(call.layer.rate))


def _activator(call: Call) -> HeadLayer:
    return HeadLayer(call.layer.name, "activation")


_MAKE: dict[str, Callable[[Call], HeadLayer]] = {
    "Dense": _dense,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "DepthwiseConv1D": _depthwise_conv,
    "DepthwiseConv2D": _depthwise_conv,
    "BatchNormalization": _norm,
    "Add": _add,
    "Concatenate": _concatenate,
    "Dropout": _dropout,
    **dict.fromkeys(ACTIVATORS, _activator),
    **dict.fromkeys(WINDOW_POOLS, _pool),
    **dict.fromkeys(GLOBAL_POOLS, _global_pool),
}


def _windowed(call: Call, kind: str, window: Sequence[int], **arrays: np.ndarray) -> HeadLayer:
    sides, stride = _two(window), _two(call.layer.strides)
    layer = HeadLayer(call.layer.name, kind, window=sides, stride=stride, padding=_padding(call, sides, stride))
    return replace(layer, **arrays)  # type: ignore[arg-type]


def _padding(call: Call, window: tuple[int, int], stride: tuple[int, int]) -> Padding:
    """Return the zeros around the input, as TensorFlow lays "same" out: the odd one behind."""
    if call.layer.padding == "valid":
        return 0, 0, 0, 0
    if call.layer.padding == "causal":
        return 0, 0, window[1] - 1, 0
    sides: list[int] = []
    for size, reach, step in zip(shape_of(call.inputs[0])[:2], window, stride, strict=True):
        total = max((-(-size // step) - 1) * step + reach - size, 0)
        sides += [total // 2, total - total // 2]
    top, bottom, left, right = sides
    return top, bottom, left, right


def _bias(call: Call, outputs: int) -> np.ndarray:
    if call.layer.bias is None:
        return np.zeros(outputs, np.float32)
    return np.array(call.layer.bias, np.float32)


def _two(sides: Sequence[int]) -> tuple[int, int]:
    """Return (height, width); a 1-D layer has a height of 1."""
    height, width = (1,) * (2 - len(sides)) + tuple(int(side) for side in sides)
    return height, width


def _refuse_channels_first(call: Call) -> None:
    if getattr(call.layer, "data_format", "channels_last") == "channels_first":
        raise refused(call, "its data_format is channels_first", expected="channels_last")


def _joined(sides: Sequence[int]) -> str:
    return "×".join(str(side) for side in sides)
