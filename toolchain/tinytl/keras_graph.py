# SPDX-License-Identifier: Apache-2.0
"""A Keras model as a flat list of calls, for the stages that cut and convert it.

In: a functional or sequential model, with others nested in it to any depth. Out: a `Graph` of fresh copies of its
layers, in which nothing is nested, a separable convolution is the two that it consists of, and nothing is left that only
acts during training (dropout, augmentation). The model itself is not touched.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tinytl.errors import ModelError
from tinytl.keras_models import require_keras

# Layers that pass their input through unchanged outside of training.
_TRAINING_ONLY = (
    "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom",
    "RandomTranslation", "RandomContrast", "RandomBrightness", "RandomShear", "RandomErasing",
)  # fmt: skip
_WAYS_TO_ONE = {
    "inputs": "a sample is one array: give the model one input that it takes apart itself",
    "outputs": "build a keras.Model with one of the outputs",
}


@dataclass(frozen=True)
class Call:
    """One use of a layer: Keras tensors in, one Keras tensor out."""

    layer: Any
    inputs: tuple[Any, ...]
    output: Any

    @property
    def name(self) -> str:
        """How errors and reports call it: «'conv1' (Conv2D)»."""
        return f"{self.layer.name!r} ({type(self.layer).__name__})"


@dataclass(frozen=True)
class Graph:
    """A flat model: calls in the order of execution, from `input` to `output` (Keras tensors, batch first)."""

    name: str
    input: Any
    output: Any
    calls: tuple[Call, ...]

    def producer(self, tensor: Any) -> Call | None:
        """Return the call that makes a tensor; None for the input."""
        return next((call for call in self.calls if call.output is tensor), None)

    def readers(self, tensor: Any) -> tuple[Call, ...]:
        """Return the calls that take a tensor, in order."""
        return tuple(call for call in self.calls if any(source is tensor for source in call.inputs))

    def depths(self) -> dict[int, tuple[int, int]]:
        """Return, by the id of each call, how many calls the longest paths have: from the input to it, and from it to the output."""
        before: dict[int, int] = {}
        for call in self.calls:
            before[id(call.output)] = 1 + max((before.get(id(source), 0) for source in call.inputs), default=0)
        behind: dict[int, int] = {}
        for call in reversed(self.calls):
            for source in call.inputs:
                behind[id(source)] = max(behind.get(id(source), 0), 1 + behind.get(id(call.output), 0))
        return {id(call): (before[id(call.output)], behind.get(id(call.output), 0)) for call in self.calls}

    def ancestors(self, tensor: Any) -> tuple[Call, ...]:
        """Return the calls that a tensor depends on, in order."""
        ids, calls = {id(tensor)}, []
        for call in reversed(self.calls):
            if id(call.output) in ids:
                ids.update(id(source) for source in call.inputs)
                calls.append(call)
        return tuple(reversed(calls))


def check_ends(model: Any) -> tuple[int, ...]:
    """Return the shape of a model's one input, without batch.

    Raises:
        ModelError: neither functional nor sequential, not built, an open shape, several inputs or outputs.
    """
    keras = require_keras()
    if not isinstance(model, keras.Sequential) and not hasattr(model, "_run_through_graph"):
        raise ModelError(f"model {model.name!r} is a subclass of keras.Model", expected="a functional or sequential model")
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(f"model {model.name!r} has no input shape yet", expected="a built model", hint="begin it with keras.Input")
    for direction, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise ModelError(f"model {model.name!r} has {len(tensors)} {direction}", expected="one", hint=_WAYS_TO_ONE[direction])
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise ModelError(f"input of model {model.name!r} has the open shape {shape}", expected="a fixed height, width and channels")
    return shape


def flatten(model: Any, *, dropout: bool = False) -> Graph:
    """Copy a model into a flat graph for inference.

    Args:
        model: keras.Model, functional or sequential, built, one input with a fixed shape and one output.
        dropout: keep its Dropout layers.

    Raises:
        ModelError: another kind of model, or a layer that cannot be copied.
    """
    shape = check_ends(model)
    keras = require_keras()
    start = keras.Input(shape=shape, dtype=model.inputs[0].dtype, name="input")
    copier = _Copier(keras, dropout=dropout)
    output = keras.tree.flatten(copier.replay(model, start))[0]
    graph = Graph(model.name, start, output, tuple(copier.calls))
    return replace(graph, calls=graph.ancestors(output))


class _Copier:
    """Replays models on new tensors with copies of their layers; keeps the list of calls."""

    def __init__(self, keras: Any, *, dropout: bool) -> None:
        self._keras = keras
        skipped = [name for name in _TRAINING_ONLY if not (dropout and name == "Dropout")]
        self._skipped = tuple(getattr(keras.layers, name) for name in skipped if hasattr(keras.layers, name))
        self._copies: dict[int, Any] = {}
        self._separated: dict[int, tuple[Any, Any]] = {}
        self._names: set[str] = set()
        self.calls: list[Call] = []

    def replay(self, model: Any, tensor: Any) -> Any:
        """Call the copies of a model's layers on a tensor; return what the model returns, a tensor or a list of one."""
        if isinstance(model, self._keras.Sequential):
            for layer in model.layers:
                tensor = self._applied(layer)(tensor)
            return tensor
        return model._run_through_graph(self._keras.tree.pack_sequence_as(model._inputs_struct, [tensor]), self._applied)

    def _applied(self, layer: Any) -> Callable[..., Any]:
        """Return what takes the layer's place: a call of its copy, a replay of a nested model, or nothing."""

        def call(*args: Any, **kwargs: Any) -> Any:
            inputs = tuple(
                argument for argument in self._keras.tree.flatten((args, kwargs)) if isinstance(argument, self._keras.KerasTensor)
            )
            if isinstance(layer, self._keras.Model) and len(inputs) == 1 and self._replayable(layer):
                return self.replay(layer, inputs[0])
            if type(layer) in self._skipped:
                return inputs[0]
            if type(layer) in (self._keras.layers.SeparableConv1D, self._keras.layers.SeparableConv2D):
                return self._apart(layer, inputs[0])
            copy = self._copy(layer)
            output = copy(*args, **kwargs)
            if copy is not layer:
                take_weights(copy, layer)
            for tensor in self._keras.tree.flatten(output):
                self.calls.append(Call(copy, inputs, tensor))
            return output

        return call

    def _apart(self, layer: Any, tensor: Any) -> Any:
        """Call the depthwise and the pointwise convolution that a SeparableConv consists of."""
        if id(layer) not in self._separated:
            self._separated[id(layer)] = self._separate(layer)
        depthwise, pointwise = self._separated[id(layer)]
        for part in (depthwise, pointwise):
            output = part(tensor)
            self.calls.append(Call(part, (tensor,), output))
            tensor = output
        weights = layer.get_weights()
        depthwise.set_weights(weights[:1])
        pointwise.set_weights(weights[1:])
        return tensor

    def _separate(self, layer: Any) -> tuple[Any, Any]:
        layers, shared = self._keras.layers, {"data_format": layer.data_format}
        flat = type(layer) is layers.SeparableConv1D
        depthwise, pointwise = (layers.DepthwiseConv1D, layers.Conv1D) if flat else (layers.DepthwiseConv2D, layers.Conv2D)
        first = depthwise(
            layer.kernel_size, strides=layer.strides, padding=layer.padding, depth_multiplier=layer.depth_multiplier,
            dilation_rate=layer.dilation_rate, use_bias=False, name=free_name(f"{layer.name}_depthwise", self._names), **shared,
        )  # fmt: skip
        name = free_name(layer.name, self._names)
        return first, pointwise(layer.filters, 1, use_bias=layer.use_bias, activation=layer.activation, name=name, **shared)

    def _replayable(self, model: Any) -> bool:
        single = len(getattr(model, "inputs", None) or ()) == 1 and len(model.outputs) == 1
        return single and (isinstance(model, self._keras.Sequential) or hasattr(model, "_run_through_graph"))

    def _copy(self, layer: Any) -> Any:
        if not isinstance(layer, self._keras.Layer):
            return layer  # an operation such as `a + b`: it has no weights
        if id(layer) not in self._copies:
            config = layer.get_config()
            config["name"] = free_name(layer.name, self._names)
            try:
                self._copies[id(layer)] = type(layer).from_config(config)
            except Exception as error:  # a custom layer's own from_config may raise anything
                kind = type(layer).__name__
                raise ModelError(
                    f"layer {layer.name!r} ({kind}) cannot be copied: {error}",
                    expected="get_config() with all arguments of its constructor",
                ) from error
        return self._copies[id(layer)]


def take_weights(copy: Any, source: Any) -> None:
    """Give a copy of a layer or model the weights of its source, and what Normalization computes of them when they are loaded."""
    copy.set_weights(source.get_weights())
    for layer in copy._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def free_name(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, with a number at its end where it has to be, and take it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
