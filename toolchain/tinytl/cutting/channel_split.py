# SPDX-License-Identifier: Apache-2.0
"""One convolution cut in two by its output channels: those that stay frozen, and those that train.

In: a flat `Graph` whose head the learner has, one of its convolutions, the channels that train. Out: a graph with the same answers in
which the convolution is two; what works channel by channel behind it (batch-norm, activations, additions, pooling, zero padding) is two
as well, so that frozen channels are pooled before they cross. Then one Concatenate joins them, frozen ones first, and weights behind
it are put into that order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinytl.cutting.head_layers import ACTIVATORS, CONVOLUTIONS, PADDINGS, POOLS, RESHAPES, activation_of, head_layer, kind_of
from tinytl.errors import ModelError
from tinytl.keras_graph import Call, Graph, free_name
from tinytl.keras_models import require_keras

_MIXING = ("Conv1D", "Conv2D")
"""Each output channel of them reads all input channels."""
_ONE_INPUT = ("BatchNormalization", *ACTIVATORS, *POOLS, *PADDINGS)
_ORDERLESS = (*ACTIVATORS, *POOLS, *PADDINGS, "Dropout")
"""Do the same to each channel, or a softmax over all of them, in whatever order they stand."""


def split_channels(graph: Graph, convolution: Call, trained: Sequence[int]) -> tuple[Graph, Call]:
    """Cut a convolution in two.

    Args:
        graph: everything behind the convolution is what `fold_head` takes.
        convolution: a call of it, with no other convolution behind.
        trained: its output channels that train, ascending; not all of them.

    Returns:
        The new graph, and in it the convolution of the trained channels, under its old name.

    Raises:
        ModelError: a layer behind it that takes channels as one and cannot have them in another order.
    """
    splitter = _Splitter(graph, convolution, trained)
    for call in graph.calls:
        splitter.take(call)
    return splitter.finished()


@dataclass(frozen=True)
class _Halves:
    """A tensor by channels."""

    frozen: Any
    trained: Any


@dataclass(frozen=True)
class _Joined:
    """A tensor whose last axis is in another order: place i holds what was at place order[i]."""

    tensor: Any
    order: np.ndarray


@dataclass
class _Splitter:
    """Takes a graph's calls in order, and makes new ones for the convolution and what is behind it."""

    graph: Graph
    convolution: Call
    trained: Sequence[int]
    _calls: list[Call] = field(default_factory=list)
    _values: dict[int, Any] = field(default_factory=dict)
    _part: Call | None = None

    def __post_init__(self) -> None:
        self._keras = require_keras()
        self._names = {call.layer.name for call in self.graph.calls}
        channels = set(range(self.convolution.output.shape[-1]))
        self.frozen = sorted(channels - set(self.trained))
        self.order = np.array([*self.frozen, *self.trained])

    def take(self, call: Call) -> None:
        """Put one call, or what it becomes, into the new graph."""
        values = [self._values.get(id(tensor), tensor) for tensor in call.inputs]
        if call is self.convolution:
            halves = self._halves(call, values)
            self._part = self._calls[-1]
            self._values[id(call.output)] = halves
        elif all(value is tensor for value, tensor in zip(values, call.inputs, strict=True)):
            self._calls.append(call)
        elif self._divides(call, values):
            self._values[id(call.output)] = self._halves(call, values)
        else:
            self._values[id(call.output)] = self._behind(call, [self._joined(call, value) for value in values])

    def finished(self) -> tuple[Graph, Call]:
        """Return the new graph and the part that trains."""
        output = self._values[id(self.graph.output)]
        graph = Graph(self.graph.name, self.graph.input, output, tuple(self._calls))
        return replace(graph, calls=graph.ancestors(output)), self._part  # type: ignore[return-value]

    def _halves(self, call: Call, values: Sequence[Any]) -> _Halves:
        """Call a layer for either half of its channels; the trained one is the last call."""
        frozen = self._half(call, values, self.frozen, free_name(f"{call.layer.name}_frozen", self._names))
        return _Halves(frozen, self._half(call, values, self.trained, call.layer.name))

    def _half(self, call: Call, values: Sequence[Any], channels: Sequence[int], name: str) -> Any:
        if kind_of(call) in _MIXING:
            return self._made(call, values, channels, name)
        inputs = []
        for value in values:
            if isinstance(value, _Halves):
                inputs.append(value.frozen if channels is self.frozen else value.trained)
            else:
                inputs.append(self._selected(value, channels, call))
        return self._made(call, inputs, channels, name)

    def _divides(self, call: Call, values: Sequence[Any]) -> bool:
        """Tell whether a layer works channel by channel, on halves and on frozen tensors."""
        if kind_of(call) not in (*_ONE_INPUT, "Add") or activation_of(call) == "softmax":
            return False
        pairs = zip(values, call.inputs, strict=True)
        return all(isinstance(value, _Halves) or id(tensor) not in self._values for value, tensor in pairs)

    def _selected(self, tensor: Any, channels: Sequence[int], reader: Call) -> Any:
        """Return some channels of a frozen tensor: made by a smaller layer where nothing else reads it, else picked by a 1×1."""
        made_by = self.graph.producer(tensor)
        if made_by is None or self.graph.readers(tensor) != (reader,) or not _divisible(made_by):
            return self._picked(tensor, channels, reader)
        name = f"{made_by.layer.name}_{'frozen' if channels is self.frozen else 'trained'}"
        return self._half(made_by, made_by.inputs, channels, free_name(name, self._names))

    def _picked(self, tensor: Any, channels: Sequence[int], reader: Call) -> Any:
        layers, count, rank = self._keras.layers, len(channels), len(tensor.shape)
        name = free_name(f"{reader.layer.name}_picks", self._names)
        if rank == 2:
            layer = layers.Dense(count, use_bias=False, name=name)
        else:
            layer = (layers.Conv1D if rank == 3 else layers.Conv2D)(count, 1, use_bias=False, name=name)
        picked = self._called(layer, [tensor])
        layer.set_weights([np.eye(tensor.shape[-1], dtype=np.float32)[:, channels].reshape(layer.kernel.shape)])
        return picked

    def _made(self, call: Call, inputs: Sequence[Any], channels: Sequence[int], name: str) -> Any:
        """Call a layer like that of a call, with the weights of some channels."""
        if kind_of(call) == "Add":
            return self._called(self._keras.layers.Add(name=name), inputs)
        config = call.layer.get_config() | {"name": name}
        if kind_of(call) in _MIXING:
            config["filters"] = len(channels)
        layer = type(call.layer).from_config(config)
        output = self._called(layer, inputs)
        layer.set_weights([_of_channels(call, weights, channels) for weights in call.layer.get_weights()])
        return output

    def _joined(self, call: Call, value: Any) -> Any:
        if not isinstance(value, _Halves):
            return value
        name = free_name(f"{self.convolution.layer.name}_joined", self._names)
        joined = _Joined(self._called(self._keras.layers.Concatenate(name=name), [value.frozen, value.trained]), self.order)
        for key, known in self._values.items():
            if known is value:
                self._values[key] = joined
        return joined

    def _behind(self, call: Call, values: Sequence[Any]) -> Any:
        """Call a layer on tensors of which some are in another order."""
        kind = kind_of(call)
        if kind == "Add":
            return self._sum(call, values)
        tensors = [value.tensor if isinstance(value, _Joined) else value for value in values]
        if kind == "Concatenate":
            orders = [value.order if isinstance(value, _Joined) else np.arange(value.shape[-1]) for value in values]
            starts = np.cumsum([0, *(len(order) for order in orders)])
            order = np.concatenate([start + order for start, order in zip(starts, orders, strict=False)])
            return _Joined(self._called(call.layer, tensors), order)
        if not isinstance(values[0], _Joined):
            return self._called(call.layer, tensors)
        order = values[0].order
        if kind in ("Dense", "BatchNormalization"):
            output = self._reordered(call, tensors[0], order)
            return output if kind == "Dense" else _Joined(output, order)
        if kind in RESHAPES:
            order = _reshaped(call, order)
        elif kind not in _ORDERLESS:
            raise _refused(call)
        return _Joined(self._called(call.layer, tensors), order)

    def _sum(self, call: Call, values: Sequence[Any]) -> Any:
        orders = [value.order for value in values if isinstance(value, _Joined)]
        if not orders:
            return self._called(self._keras.layers.Add(name=call.layer.name), values)
        frozen = {id(tensor) for tensor in call.inputs if id(tensor) not in self._values}
        tensors = []
        for value in values:
            if isinstance(value, _Joined) and np.array_equal(value.order, orders[0]):
                tensors.append(value.tensor)
            elif id(value) in frozen:
                tensors.append(self._picked(value, [int(place) for place in orders[0]], call))
            else:
                raise _refused(call)
        return _Joined(self._called(self._keras.layers.Add(name=call.layer.name), tensors), orders[0])

    def _reordered(self, call: Call, tensor: Any, order: np.ndarray) -> Any:
        """Call a Dense or a batch-norm with its weights in the order of what it reads."""
        layer = type(call.layer).from_config(call.layer.get_config())
        output = self._called(layer, [tensor])
        first, *others = call.layer.get_weights()
        dense = kind_of(call) == "Dense"
        layer.set_weights([first[order], *(others if dense else [array[order] for array in others])])
        return output

    def _called(self, layer: Any, inputs: Sequence[Any]) -> Any:
        output = layer(list(inputs) if len(inputs) > 1 else inputs[0])
        self._calls.append(Call(layer, tuple(inputs), output))
        return output


def _divisible(call: Call) -> bool:
    """Tell whether a frozen layer can be made for some of its channels alone."""
    if kind_of(call) not in (*_ONE_INPUT, *CONVOLUTIONS):
        return False
    if kind_of(call) in PADDINGS:
        return True
    try:
        head_layer(call)
        return activation_of(call) != "softmax"
    except ModelError:
        return False


def _of_channels(call: Call, weights: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """Return the weights of some output channels, which are the last axis but in kernels of depthwise convolutions."""
    depthwise = kind_of(call).startswith("Depthwise") and weights.ndim > 1
    return np.take(weights, channels, axis=-2 if depthwise else -1)


def _reshaped(call: Call, order: np.ndarray) -> np.ndarray:
    """Return the order of the last axis behind a Reshape or Flatten: it has to hold whole rows of channels."""
    rows, rest = divmod(int(call.output.shape[-1]), len(order))
    if rest:
        raise _refused(call)
    return (len(order) * np.arange(rows)[:, None] + order).ravel()


def _refused(call: Call) -> ModelError:
    return ModelError(
        f"layer {call.name} takes channels together, those that train and those that do not",
        expected="layers that work channel by channel (batch-norm, activations, additions, pooling), then Flatten or Dense",
    )
