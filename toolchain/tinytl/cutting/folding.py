# SPDX-License-Identifier: Apache-2.0
"""From the Keras calls behind the cut to the head's layers.

In: the calls that train or come behind what trains, and the tensors they start from. Out: `HeadLayer`s with float32 weights, in
the order of execution, such that head(features) = the model's logits. What has no work of its own goes into its neighbours: zero
padding into the convolution behind it, batch-norm and activations into the layer before them where nothing else reads that, a
batch-norm behind an activation into the Dense behind it. A softmax at the end is dropped: the loss computes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinytl.cutting.head_layers import (
    CONVOLUTIONS,
    PADDINGS,
    RESHAPES,
    Padding,
    activation_of,
    head_layer,
    keeps_order,
    kind_of,
    refused,
    shape_of,
    zero_padding,
)  # fmt: skip
from tinytl.errors import ModelError
from tinytl.head.layers import ACTIVATED, HeadLayer, Shape
from tinytl.keras_graph import Call, free_name

FOLLOWERS = ("activation", "scale", "add", "concatenate", "dropout", "average_pool", "max_pool")
"""Stand right behind what they read: a device runs such layers pixel by pixel and stores nothing between them."""
_NO_PADDING = (0, 0, 0, 0)
_ELEMENTWISE = ("activation", "dropout")


def fold_head(
    calls: Sequence[Call], features: Sequence[Any], output: Any, *, trains: str = "all", last_trains: str = "all"
) -> tuple[HeadLayer, ...]:
    """Turn calls into the layers of a head.

    Args:
        calls: in the order of execution; each reads features and what calls before it give.
        features: Keras tensors; they get the first value numbers.
        output: the tensor that holds the logits, or their softmax.
        trains: "all" or "bias", of every layer with weights. last_trains: of the last one.

    Raises:
        ModelError: a layer that has no place in a head, by name.
    """
    builder = _Builder(features)
    for call in calls:
        builder.take(call)
    drafts = _Drafts(builder.drafts, [shape_of(tensor) for tensor in features], builder.value_of(output))
    drafts.fold()
    return drafts.finished(trains, last_trains)


@dataclass
class _Draft:
    """One layer to be: what it reads, by value numbers, and the shapes in which its call reads and gives them."""

    call: Call
    layer: HeadLayer
    inputs: list[int]
    reads: list[Shape]
    gives: Shape


@dataclass(frozen=True)
class _Value:
    """What a Keras tensor is in the head: a value, zeros that are still to be laid around it, whether a softmax has been dropped."""

    number: int
    padding: Padding = _NO_PADDING
    softmax: bool = False


class _Builder:
    """Takes calls in order; each becomes a draft, or another name for a value that is there."""

    def __init__(self, features: Sequence[Any]) -> None:
        self.drafts: dict[int, _Draft] = {}
        self._features = len(features)
        self._values = {id(tensor): _Value(number) for number, tensor in enumerate(features)}

    def value_of(self, tensor: Any) -> int:
        """Return the number of a tensor's value."""
        return self._values[id(tensor)].number

    def take(self, call: Call) -> None:
        """Add one call."""
        inputs = [self._values[id(tensor)] for tensor in call.inputs]
        kind = kind_of(call)
        if any(value.softmax for value in inputs) and kind not in RESHAPES:
            raise refused(call, "it comes after a softmax")
        if kind in PADDINGS:
            self._values[id(call.output)] = _padded(inputs[0], zero_padding(call))
        elif kind in RESHAPES:
            self._reshape(call, inputs[0])
        else:
            self._layer(call, inputs)

    def _reshape(self, call: Call, value: _Value) -> None:
        if value.padding != _NO_PADDING:
            raise _unpaddable(call)
        if not keeps_order(call):
            raise refused(call, "its data_format is channels_first", expected="channels_last")
        self._values[id(call.output)] = value

    def _layer(self, call: Call, inputs: list[_Value]) -> None:
        layer, activation = head_layer(call), activation_of(call)
        self._refuse_second_call(call, layer)
        if layer.kind == "activation" and activation in ("none", "softmax"):
            self._values[id(call.output)] = replace(inputs[0], softmax=activation == "softmax")
            return
        if any(value.padding != _NO_PADDING for value in inputs):
            layer = self._with_padding(call, layer, inputs[0])
        if activation != "softmax":
            layer = replace(layer, activation=activation)
        numbers = [value.number for value in inputs]
        reads = [_without(value.padding, shape_of(tensor)) for value, tensor in zip(inputs, call.inputs, strict=True)]
        for place, number in enumerate(numbers[1:-1], start=1):
            part = replace(layer, name=f"{layer.name}/{place}", activation="none")
            height, width, channels = reads[place]
            gives = (height, width, channels + (reads[place - 1][2] if layer.kind == "concatenate" else 0))
            numbers[place] = self._append(_Draft(call, part, [numbers[place - 1], number], reads[place - 1 : place + 1], gives))
            reads[place] = gives
        output = self._append(_Draft(call, layer, numbers[-2:], reads[-2:], shape_of(call.output)))
        self._values[id(call.output)] = _Value(output, softmax=activation == "softmax")

    def _append(self, draft: _Draft) -> int:
        number = self._features + len(self.drafts)
        self.drafts[number] = draft
        return number

    def _refuse_second_call(self, call: Call, layer: HeadLayer) -> None:
        if layer.weights is not None and any(draft.call.layer is call.layer for draft in self.drafts.values()):
            raise refused(call, "it is called more than once", expected="weights that one call has for itself")

    def _with_padding(self, call: Call, layer: HeadLayer, value: _Value) -> HeadLayer:
        """Zeros around a max-pool take part in it: they are as good as none only behind an activation that gives no less."""
        before = self.drafts.get(value.number)
        clamped = before is not None and before.layer.activation in ("relu", "relu6")
        if layer.kind not in ("conv_2d", "depthwise_conv_2d") and not (layer.kind == "max_pool" and clamped):
            raise _unpaddable(call)
        top, bottom, left, right = (one + other for one, other in zip(layer.padding, value.padding, strict=True))
        return replace(layer, padding=(top, bottom, left, right))


class _Drafts:
    """Drafts by the number of the value they give, while they are folded into one another and put in order."""

    def __init__(self, drafts: dict[int, _Draft], features: Sequence[Shape], output: int) -> None:
        self._drafts = drafts
        self._features = features
        self._output = output

    def fold(self) -> None:
        """Let neighbours take in what has no work of its own."""
        for number in list(self._drafts):
            self._fold_back(number)
        for number in reversed(list(self._drafts)):
            self._fold_ahead(number)

    def finished(self, trains: str, last_trains: str) -> tuple[HeadLayer, ...]:
        """Return the layers in order, with the values they read numbered in that order."""
        self._check_end()
        self._check_shapes()
        order = self._order()
        numbers = {number: number for number in range(len(self._features))}
        names: set[str] = set()
        layers = []
        for place, old in enumerate(order):
            draft = self._drafts[old]
            inputs = tuple(numbers[number] for number in draft.inputs)
            numbers[old] = len(self._features) + place
            default = (numbers[order[place - 1]] if place else 0,)
            layer = replace(draft.layer, name=free_name(draft.layer.name, names), inputs=None if inputs == default else inputs)
            layers.append(_trained(layer, last_trains if old == self._output else trains))
        return tuple(layers)

    def _readers(self, number: int) -> list[_Draft]:
        return [draft for draft in self._drafts.values() if number in draft.inputs]

    def _replace(self, number: int, by: int) -> None:
        """Drop a draft; who read it reads another value."""
        del self._drafts[number]
        for draft in self._drafts.values():
            draft.inputs = [by if source == number else source for source in draft.inputs]
        if self._output == number:
            self._output = by

    def _fold_back(self, number: int) -> None:
        """Fold an activation or a batch-norm into the layer before it."""
        draft = self._drafts[number]
        before = self._drafts.get(draft.inputs[0])
        if before is None or len(self._readers(draft.inputs[0])) > 1:
            return
        folded = _with_activation(before, draft) if draft.layer.kind == "activation" else _with_scale(before, draft)
        if folded is not None:
            before.layer = folded
            self._replace(number, draft.inputs[0])

    def _fold_ahead(self, number: int) -> None:
        """Fold a batch-norm into every Dense that reads it, where nothing else does."""
        draft = self._drafts[number]
        readers = self._readers(number)
        if draft.layer.kind != "scale" or draft.layer.activation != "none" or not readers:
            return
        if any(reader.layer.kind != "dense" for reader in readers):
            return
        scale, shift = _arrays(draft.layer)
        for reader in readers:
            weights, bias = _arrays(reader.layer)
            places = weights.shape[1] // len(scale)
            bias = bias + weights @ np.tile(shift, places)
            reader.layer = replace(reader.layer, weights=weights * np.tile(scale, places), bias=bias)
        self._replace(number, draft.inputs[0])

    def _check_end(self) -> None:
        last = self._drafts.get(self._output)
        if last is None or last.layer.kind != "dense" or last.layer.activation != "none":
            call = last.call if last else next(iter(self._drafts.values())).call
            raise refused(call, "no Dense comes after it", expected="logits or a softmax at the end")

    def _check_shapes(self) -> None:
        """Refuse what reads a value in another shape than it is made in; element by element and for a Dense it does not matter."""
        gives = dict(enumerate(self._features))
        for number, draft in self._drafts.items():
            shapes = [gives[source] for source in draft.inputs]
            gives[number] = shapes[0] if draft.layer.kind in _ELEMENTWISE else draft.gives
            if draft.layer.kind not in (*_ELEMENTWISE, "dense") and shapes != draft.reads:
                raise refused(draft.call, "it reads a reshaped tensor", expected="a Dense behind Flatten and Reshape")

    def _order(self) -> list[int]:
        order: list[int] = []
        for number in self._drafts:
            self._emit(number, order)
        return order

    def _emit(self, number: int, order: list[int]) -> None:
        """Put a layer next, then the followers that can run now."""
        if number in order:
            return
        order.append(number)
        for candidate, draft in self._drafts.items():
            ready = all(value in order for value in draft.inputs if value >= len(self._features))
            if number in draft.inputs and draft.layer.kind in FOLLOWERS and ready:
                self._emit(candidate, order)


def _padded(value: _Value, padding: Padding) -> _Value:
    top, bottom, left, right = (one + other for one, other in zip(value.padding, padding, strict=True))
    return replace(value, padding=(top, bottom, left, right))


def _without(padding: Padding, shape: Shape) -> Shape:
    return shape[0] - padding[0] - padding[1], shape[1] - padding[2] - padding[3], shape[2]


def _unpaddable(call: Call) -> ModelError:
    return refused(call, "zero padding stands before it", expected=f"zero padding before one of {', '.join(CONVOLUTIONS)}")


def _with_activation(before: _Draft, draft: _Draft) -> HeadLayer | None:
    """Return the layer before with the activation, or None where it cannot have it: of two, the narrower one is both."""
    if before.layer.kind not in ACTIVATED:
        return None
    both = {before.layer.activation, draft.layer.activation} - {"none"}
    return replace(before.layer, activation="relu6" if "relu6" in both else "relu")


def _with_scale(before: _Draft, draft: _Draft) -> HeadLayer | None:
    """Return the layer before with its outputs scaled and shifted, or None where that is not its last step."""
    layer = before.layer
    if draft.layer.kind != "scale" or layer.weights is None or layer.activation != "none" or before.gives != draft.reads[0]:
        return None
    scale, shift = _arrays(draft.layer)
    weights, bias = _arrays(layer)
    outputs_last = layer.kind in ("scale", "depthwise_conv_2d")
    weights = weights * (scale if outputs_last else scale.reshape(-1, *[1] * (weights.ndim - 1)))
    return replace(layer, weights=weights, bias=bias * scale + shift)


def _trained(layer: HeadLayer, trains: str) -> HeadLayer:
    if layer.weights is None or layer.bias is None:
        return layer
    weights, bias = (np.ascontiguousarray(array, np.float32) for array in (layer.weights, layer.bias))
    return replace(layer, weights=weights, bias=bias, trains=trains)


def _arrays(layer: HeadLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and bias of a layer that has them, in float64."""
    return np.asarray(layer.weights, np.float64), np.asarray(layer.bias, np.float64)
