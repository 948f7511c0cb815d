# SPDX-License-Identifier: Apache-2.0
"""The trainable head as data: a graph of layers with float32 weights, from feature tensors to logits. No framework needed.

Values are numbered: features first, then the output of each layer. A value has a shape (height, width, channels), row-major;
a vector is (1, 1, channels). A `Head` that exists has been checked: arrays fit one another and are finite, each layer
takes values that exist before it, the last one gives the logits (SPEC.md section 2.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from tinytl.errors import ModelError
from tinytl.head.learning import Learning
from tinytl.runtime_lists import limit

ACTIVATIONS = ("none", "relu", "relu6")
KINDS = ("dense", "conv_2d", "depthwise_conv_2d", "scale", "add", "activation", "average_pool", "max_pool", "dropout", "concatenate")
WINDOWED = ("conv_2d", "depthwise_conv_2d", "average_pool", "max_pool")
TAKE_TWO = ("add", "concatenate")
TRAINS = ("all", "bias", "none")
MAX_LAYERS = limit("MAX_LAYERS")
MAX_FEATURES = 16
MAX_SIDE = 255
"""Of a window, a stride, a padding: a byte each."""

Shape = tuple[int, int, int]
RANKS = {"dense": 2, "conv_2d": 4, "depthwise_conv_2d": 3, "scale": 1}
"""Of the weights of each kind that has some."""
ACTIVATED = ("dense", "conv_2d", "depthwise_conv_2d", "scale", "add", "activation")


@dataclass(frozen=True)
class HeadLayer:
    """One layer of the head; the `Head` that it becomes part of checks it. What a kind does not use keeps its default.

    Attributes:
        name: different for each layer.
        kind: one of `KINDS`. `dense` takes all elements of its input, row by row; `scale` is weights × input + bias, channel
            by channel: a batch-norm; `average_pool` leaves padding out of its means; `concatenate` puts channels behind channels.
        inputs: value numbers, two for `add` and `concatenate`, else one. None: what the layer before gives; the first layer's is
            feature 0.
        weights: float32; dense (out, in), conv_2d (out, height, width, in), depthwise_conv_2d (height, width, channels),
            scale (channels,). bias: (out,) float32.
        activation: "none", "relu" or "relu6", applied to the result.
        window, stride: (height, width) of windowed kinds. padding: (top, bottom, left, right) of zeros.
        rate: of dropout, [0, 1).
        trains: "all", "bias", or "none" of its parameters; what does not train stays in flash.
    """

    name: str
    kind: str = "dense"
    inputs: tuple[int, ...] | None = None
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    activation: str = "none"
    window: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    rate: float = 0.0
    trains: str = "all"

    @property
    def parameter_count(self) -> int:
        """Numbers in weights and bias, trained or not."""
        return sum(int(array.size) for array in (self.weights, self.bias) if array is not None)

    @property
    def trained_count(self) -> int:
        """Numbers that learning changes."""
        arrays = {"all": (self.weights, self.bias), "bias": (self.bias,), "none": ()}[self.trains]
        return sum(int(array.size) for array in arrays if array is not None)


def dense_layer(
    name: str,
    weights: np.ndarray,
    bias: np.ndarray,
    activation: str = "none",
    *,
    inputs: tuple[int, ...] | None = None,
    trains: str = "all",
) -> HeadLayer:
    """Make a dense layer: activation(weights @ input + bias).

    Args:
        name: different for each layer of a head. weights: (out, in) float32. bias: (out,) float32.
        activation, inputs, trains: as in `HeadLayer`.
    """
    return HeadLayer(name, "dense", inputs, weights, bias, activation, trains=trains)


@dataclass(frozen=True)
class Head:
    """The trainable part, from features to logits.

    Args:
        layers: 1 … 64, in the order of execution, named differently; the last is dense without activation: its outputs are
            the logits.
        learning: how they learn.
        features: shape of each feature, as the extractor gives them. None: one vector as long as the first layer takes,
            which is dense.

    Raises:
        ModelError: a layer that is malformed or does not take what comes before it, by its name.
    """

    layers: tuple[HeadLayer, ...]
    learning: Learning = field(default_factory=Learning)
    features: tuple[Shape, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise ModelError(f"the head has {len(self.layers)} layers", expected=f"1 to {MAX_LAYERS}")
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ModelError(f"head layers {', '.join(names)}", expected="a different name for each")
        if not 1 <= len(self.feature_shapes) <= MAX_FEATURES:
            raise ModelError(f"the head takes {len(self.feature_shapes)} features", expected=f"1 to {MAX_FEATURES}")
        _ = self.shapes
        _check_last(self.layers[-1])
        if not self.trained_count:
            raise ModelError("no layer of the head trains", expected="at least one that does")
        read = {source for number in range(len(self.layers)) for source in self.inputs_of(number)}
        for number in range(len(self.feature_shapes) + len(self.layers) - 1):
            if number not in read:
                raise ModelError(f"{self._value_name(number)} of the head is read by no layer", expected="a layer that reads it")

    @cached_property
    def feature_shapes(self) -> tuple[Shape, ...]:
        """Shape of each feature."""
        if self.features is not None:
            return self.features
        _check_arrays(self.layers[0])
        weights = self.layers[0].weights
        if weights is None or self.layers[0].kind != "dense":
            raise ModelError(f"the first head layer is {self.layers[0].kind}", expected="the shapes of the head's features")
        return ((1, 1, int(weights.shape[1])),)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of each value: features, then outputs of layers."""
        shapes: list[Shape] = list(self.feature_shapes)
        for number, layer in enumerate(self.layers):
            inputs = self.inputs_of(number)
            if len(inputs) != (2 if layer.kind in TAKE_TWO else 1) or not all(0 <= source < len(shapes) for source in inputs):
                raise ModelError(
                    f"head layer {layer.name!r} reads values {list(inputs)}",
                    expected=f"{'two' if layer.kind in TAKE_TWO else 'one'} of the {len(shapes)} before it",
                )
            shapes.append(_checked_shape(layer, [shapes[source] for source in inputs]))
        return tuple(shapes)

    def inputs_of(self, number: int) -> tuple[int, ...]:
        """Return the numbers of the values that layer `number` reads."""
        inputs = self.layers[number].inputs
        if inputs is None:
            return (self.value_of(number - 1) if number else 0,)
        return inputs

    def value_of(self, number: int) -> int:
        """Return the number of the value that layer `number` gives."""
        return len(self.feature_shapes) + number

    @property
    def feature_count(self) -> int:
        """Elements of all features together."""
        return sum(prod(shape) for shape in self.feature_shapes)

    @property
    def parameter_count(self) -> int:
        """Numbers in all layers, trained or not."""
        return sum(layer.parameter_count for layer in self.layers)

    @property
    def trained_count(self) -> int:
        """Numbers that learning changes."""
        return sum(layer.trained_count for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, as usual with padding counted."""
        return sum(layer_macs(layer, self.shapes[self.value_of(number)]) for number, layer in enumerate(self.layers))

    @cached_property
    def wanted(self) -> tuple[bool, ...]:
        """For each value whether its gradient is computed: something at or before it trains."""
        flags = [False] * len(self.feature_shapes)
        for number, layer in enumerate(self.layers):
            flags.append(layer.trained_count > 0 or any(flags[source] for source in self.inputs_of(number)))
        return tuple(flags)

    @property
    def gradient_macs(self) -> int:
        """Multiply-accumulates of one backward pass: gradients of weights that train, and of inputs where they are computed."""
        total = 0
        for number, layer in enumerate(self.layers):
            handed_on = any(self.wanted[source] for source in self.inputs_of(number))
            total += layer_macs(layer, self.shapes[self.value_of(number)]) * ((layer.trains == "all") + handed_on)
        return total

    def _value_name(self, number: int) -> str:
        before = len(self.feature_shapes)
        return f"feature {number}" if number < before else f"layer {self.layers[number - before].name!r}"


def three_sides(shape: Sequence[int]) -> Shape:
    """Return the (height, width, channels) of a tensor of rank 1 to 3: what is missing in front is 1."""
    height, width, channels = (1,) * (3 - len(shape)) + tuple(int(side) for side in shape)
    return height, width, channels


def layer_macs(layer: HeadLayer, output: Shape) -> int:
    """Return the multiply-accumulates of a layer whose output has this shape."""
    if layer.weights is None:
        return 0
    return int(layer.weights.size) * output[0] * output[1]


def pooled_counts(size: int, out: int, window: int, stride: int, before: int) -> np.ndarray:
    """Return, for each of `out` windows along one side, how many of its places lie inside `size`.

    Args:
        size: places of the input along that side. out: number of windows. window: places of each. stride: between their beginnings.
        before: places of padding before the first.
    """
    starts = np.arange(out) * stride - before
    return np.minimum(starts + window, size) - np.maximum(starts, 0)


def _check_last(layer: HeadLayer) -> None:
    if layer.kind != "dense":
        raise ModelError(f"the last head layer {layer.name!r} is {layer.kind}", expected="dense: its outputs are the logits")
    if layer.activation != "none":
        raise ModelError(f"the last head layer {layer.name!r} has activation {layer.activation!r}", expected="none: the loss takes logits")


def _checked_shape(layer: HeadLayer, inputs: Sequence[Shape]) -> Shape:
    """Check one layer against the shapes that it reads; return the shape that it gives."""
    if not layer.name:
        raise ModelError("a head layer has no name", expected="a name for each")
    words = (("kind", layer.kind, KINDS), ("activation", layer.activation, ACTIVATIONS), ("trains", layer.trains, TRAINS))
    for name, value, known in words:
        if value not in known:
            raise ModelError(f"head layer {layer.name!r} has {name} {value!r}", expected=", ".join(known))
    if layer.activation != "none" and layer.kind not in ACTIVATED:
        raise ModelError(f"head layer {layer.name!r} of kind {layer.kind} has activation {layer.activation!r}", expected="none")
    if not 0 <= layer.rate < 1 or (layer.rate and layer.kind != "dropout"):
        raise ModelError(
            f"head layer {layer.name!r} of kind {layer.kind} has rate {layer.rate}", expected="0 or more, less than 1, of a dropout"
        )
    _check_arrays(layer)
    if layer.kind in WINDOWED:
        return _windowed_shape(layer, inputs[0])
    if layer.kind == "dense":
        _agree(layer, layer.weights.shape[1], prod(inputs[0]))  # type: ignore[union-attr]
        return 1, 1, int(layer.weights.shape[0])  # type: ignore[union-attr]
    if layer.kind == "scale":
        _agree(layer, layer.weights.shape[0], inputs[0][2])  # type: ignore[union-attr]
    if layer.kind == "add" and inputs[0] != inputs[1]:
        raise ModelError(f"head layer {layer.name!r} adds {inputs[0]} and {inputs[1]}", expected="equal shapes")
    if layer.kind == "concatenate":
        if inputs[0][:2] != inputs[1][:2]:
            raise ModelError(f"head layer {layer.name!r} joins {inputs[0]} and {inputs[1]}", expected="equal heights and widths")
        return *inputs[0][:2], inputs[0][2] + inputs[1][2]
    return inputs[0]


def _windowed_shape(layer: HeadLayer, shape: Shape) -> Shape:
    top, bottom, left, right = layer.padding
    if min(*layer.window, *layer.stride) < 1 or min(layer.padding) < 0 or max(*layer.window, *layer.stride, *layer.padding) > MAX_SIDE:
        raise ModelError(
            f"head layer {layer.name!r} has window {layer.window}, stride {layer.stride}, padding {layer.padding}",
            expected=f"windows and strides of 1 to {MAX_SIDE}, padding of 0 to {MAX_SIDE}",
        )
    if max(top, bottom) >= layer.window[0] or max(left, right) >= layer.window[1]:
        raise ModelError(f"head layer {layer.name!r} has padding {layer.padding}", expected=f"less than its window {layer.window}")
    height, width = (
        (size + padded - window) // stride + 1
        for size, padded, window, stride in zip(shape, (top + bottom, left + right), layer.window, layer.stride, strict=False)
    )
    if min(height, width) < 1:
        raise ModelError(f"head layer {layer.name!r} has a window of {layer.window} on {shape[:2]}", expected="a window inside its input")
    if layer.kind == "max_pool" and prod(layer.window) > 256:
        raise ModelError(f"head layer {layer.name!r} takes the largest of {prod(layer.window)}", expected="at most 256")
    if layer.kind == "conv_2d":
        _agree(layer, layer.weights.shape[3], shape[2])  # type: ignore[union-attr]
        return height, width, int(layer.weights.shape[0])  # type: ignore[union-attr]
    if layer.kind == "depthwise_conv_2d":
        _agree(layer, layer.weights.shape[2], shape[2])  # type: ignore[union-attr]
    return height, width, shape[2]


def _check_arrays(layer: HeadLayer) -> None:
    rank = RANKS.get(layer.kind)
    if rank is None:
        if layer.weights is not None or layer.bias is not None:
            raise ModelError(f"head layer {layer.name!r} of kind {layer.kind} has weights or a bias", expected="none")
        return
    for name, array, dimensions in (("weights", layer.weights, rank), ("bias", layer.bias, 1)):
        if array is None or array.dtype != np.float32 or array.ndim != dimensions or array.size == 0:
            fault = "are missing" if array is None else f"have shape {array.shape} and type {array.dtype}"
            raise ModelError(f"the {name} of head layer {layer.name!r} {fault}", expected=f"float32 of rank {dimensions}, not empty")
        if not np.isfinite(array).all():
            raise ModelError(f"head layer {layer.name!r} holds NaN or infinity", expected="finite weights")
    shape = layer.weights.shape  # type: ignore[union-attr]
    outputs = shape[-1] if layer.kind == "depthwise_conv_2d" else shape[0]
    if layer.bias.shape != (outputs,):  # type: ignore[union-attr]
        raise ModelError(f"bias of head layer {layer.name!r} is {layer.bias.shape}", expected=str((outputs,)))  # type: ignore[union-attr]
    window = {"conv_2d": shape[1:3], "depthwise_conv_2d": shape[:2]}.get(layer.kind, layer.window)
    if tuple(window) != layer.window:
        raise ModelError(f"the weights of head layer {layer.name!r} are for a window of {window}", expected=str(layer.window))


def _agree(layer: HeadLayer, takes: int, given: int) -> None:
    if takes != given:
        raise ModelError(f"head layer {layer.name!r} takes {takes} numbers", expected=f"{given}, what comes before it")
