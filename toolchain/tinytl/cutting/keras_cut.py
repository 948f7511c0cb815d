# SPDX-License-Identifier: Apache-2.0
"""The freeze plan: where a trained model is cut into a frozen extractor and a trainable head.

In: a Keras model and a plan's name. Out: a `KerasCut`: the extractor as a Keras model (input → feature tensors), the head as data, and
what each costs. Invariant: head(extractor(x)) equals the model's logits. What trains and all that comes behind it is the head; the
tensors that cross are the features. Flatten, Reshape and zero padding at the cut go with the head where it can take them in. Where a part
of a convolution's channels trains, the model is cut in two by channels first (`channel_split`), and then as any other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinytl.cutting.channel_split import split_channels
from tinytl.cutting.cut import TrainedChannels
from tinytl.cutting.folding import fold_head
from tinytl.cutting.head_layers import ACTIVATORS, CONVOLUTIONS, PADDINGS, RESHAPES, keeps_order, kind_of, shape_of, zero_padding
from tinytl.cutting.macs import layer_macs
from tinytl.cutting.plan_names import PART_OF_CHANNELS, FreezePlan, convolutions, dense_part, nearby, parse_plan, trained_calls
from tinytl.errors import ModelError
from tinytl.head.layers import Head
from tinytl.keras_graph import Call, Graph, flatten
from tinytl.keras_models import require_keras

LISTED_CONVOLUTIONS = 8
"""`list_plans` goes back to `fc+conv8`; further ones can be asked for by name."""


@dataclass(frozen=True)
class KerasCut:
    """A model in two parts.

    Attributes:
        plan: name of the freeze plan.
        extractor: keras.Model, float32 (N, *input) → one tensor for each feature of the head, (N, *feature shape); frozen from here on.
        head: trainable layers, batch-norm folded; its logits are the model's.
        frozen_macs, trainable_macs: multiply-accumulates of one forward pass of one sample.
        frozen_layers, trainable_layers: names of the model's layers in each part.
        channels: which ones of a convolution train, where the plan trains a part of them; its frozen half is layer `<name>_frozen`.
    """

    plan: str
    extractor: Any
    head: Head
    frozen_macs: int
    trainable_macs: int
    frozen_layers: tuple[str, ...]
    trainable_layers: tuple[str, ...]
    channels: TrainedChannels | None = None


@dataclass(frozen=True)
class Undivided:
    """A model cut where a plan says, while its first convolution still is whole: what channels are chosen by.

    Attributes:
        graph: the model. convolution: the call in it of which a part is to train.
        head: as if all of its channels trained, with default learning.
    """

    graph: Graph
    convolution: Call
    head: Head


ChannelEnergy = Callable[[Undivided], np.ndarray]
"""Says how much each output channel of the convolution has to learn: (C,) finite numbers."""


@dataclass(frozen=True)
class _Split:
    """The graph that is cut, the features in the order in which they are made, the calls that train or come behind, and their head."""

    graph: Graph
    features: tuple[Any, ...]
    trainable: tuple[Call, ...]
    head: Head
    channels: TrainedChannels | None = None


def list_plans(model: Any) -> tuple[str, ...]:
    """Return the plans that work for a model, cheapest first: those that train whole layers, then those of biases.

    A plan that trains what one before it does is left out, and so is a large N of `fc+convN`; `fc+conv1:25%` stands for all percentages.

    Raises:
        ModelError: `model` is no functional or sequential Keras model with one input and one output.
    """
    graph = flatten(model)
    count = min(len(convolutions(graph)), LISTED_CONVOLUTIONS)
    numbered = [f"fc+conv{number}" for number in range(1, count + 1)]
    names = ["last-dense", "fc", PART_OF_CHANNELS, *numbered, "all", "bias-only", "bias+last-dense"]
    plans: dict[str, tuple[Any, ...]] = {}
    for plan in map(parse_plan, names):
        split = _split_or_none(graph, plan)
        trained = split and (_names(split.trainable), split.channels, plan.trains, plan.last_trains)
        if trained and trained not in plans.values():
            plans[plan.name] = trained
    return tuple(plans)


def cut(model: Any, plan: str, *, dropout: bool = False, channel_energy: np.ndarray | ChannelEnergy | None = None) -> KerasCut:
    """Cut a model by a freeze plan.

    Args:
        model: built functional or sequential keras.Model, others may be nested in it; it stays as it is.
        plan: "last-dense": the last Dense trains. "fc": all Dense at the end. "fc+convN": those, the last N convolutions and what
            comes behind them. "fc+conv1:P%": of the last convolution P % of its output channels, rounded down, the others stay frozen.
            "all": everything. "bias-only", "bias-only:N": biases from the Nth last convolution on, by default the
            second last. "bias+last-dense", "bias+last-dense:N": the same and the whole last Dense.
        dropout: keep the Dropout layers of the head.
        channel_energy: (C,), for each output channel of that convolution how much it has to learn, or what computes that once the model
            is cut; those with the most train, of equal ones the first: `tinytl.cutting.channel_energy` measures it on samples. None: the
            norm of the channel's weights with batch-norm folded in, which knows nothing of a task.

    Raises:
        ModelError: an unknown plan, or a model that it cannot cut; names the layer and the nearest plan that works. Energies that are
            not one finite number for each channel, or of a plan that has no use for them.
    """
    freeze_plan = parse_plan(plan)
    return cut_graph(flatten(model, dropout=dropout), freeze_plan, channel_energy)


def cut_graph(graph: Graph, plan: FreezePlan, channel_energy: np.ndarray | ChannelEnergy | None = None) -> KerasCut:
    """Do the same with a model that is flat already.

    Args:
        graph: the model; its layers become those of the extractor. plan, channel_energy: as for `cut`.

    Raises:
        ModelError: as for `cut`.
    """
    if channel_energy is not None and plan.percent is None:
        raise ModelError(f"plan {plan.name!r} trains all channels and got energies to choose some by", expected="a plan like fc+conv1:25%")
    with _told_of_plan(graph, plan):
        trained = trained_calls(graph, plan)
        split = _split_at(graph, trained, plan)
    if plan.percent is not None:
        split = _divided(split, trained, plan, channel_energy)
    keras = require_keras()
    frozen = _frozen(split.graph, split.features)
    features = split.features[0] if len(split.features) == 1 else list(split.features)
    return KerasCut(
        plan=plan.name,
        extractor=keras.Model(split.graph.input, features, name="extractor"),
        head=split.head,
        frozen_macs=sum(layer_macs(call.layer, call.inputs[0].shape, call.output.shape) for call in frozen),
        trainable_macs=split.head.macs,
        frozen_layers=_names(frozen),
        trainable_layers=_names(split.trainable),
        channels=split.channels,
    )


def undivided(model: Any, plan: str) -> Undivided:
    """Cut a model by a plan that trains a part of a convolution's channels, and leave that convolution whole.

    Args:
        model: as for `cut`. plan: "fc+conv1:P%".

    Raises:
        ModelError: a plan that trains all channels or does not work for the model.
    """
    freeze_plan = parse_plan(plan)
    if freeze_plan.percent is None:
        raise ModelError(f"plan {plan!r} trains all channels", expected="a plan like fc+conv1:25%")
    graph = flatten(model)
    with _told_of_plan(graph, freeze_plan):
        trained = trained_calls(graph, freeze_plan)
        return _undivided(_split_at(graph, trained, freeze_plan), trained)


@contextmanager
def _told_of_plan(graph: Graph, plan: FreezePlan) -> Iterator[None]:
    """Have a refusal name plan and model, and the nearest plan that works."""
    try:
        yield
    except ModelError as error:
        what, hint = f"plan {plan.name!r} cannot cut model {graph.name!r}: {error.what}", error.hint or _nearest(graph, plan)
        raise ModelError(what, expected=error.expected, hint=hint) from error


def _nearest(graph: Graph, plan: FreezePlan) -> str:
    for other in nearby(plan, len(convolutions(graph))):
        if _split_or_none(graph, other):
            return f"nearest plan that works: {other.name}"
    return "no plan of this version works for this model"


def _split_or_none(graph: Graph, plan: FreezePlan) -> _Split | None:
    try:
        trained = trained_calls(graph, plan)
        split = _split_at(graph, trained, plan)
        return split if plan.percent is None else _by_channels(split, trained, plan, _weight_norms(_undivided(split, trained)))
    except ModelError:
        return None


def _undivided(whole: _Split, trained: Sequence[Call]) -> Undivided:
    return Undivided(whole.graph, trained[0], whole.head)


def _divided(whole: _Split, trained: Sequence[Call], plan: FreezePlan, energy: np.ndarray | ChannelEnergy | None) -> _Split:
    """Cut the convolution of a split in two. What measures energies is asked once, and its own refusals are left as they are."""
    with _told_of_plan(whole.graph, plan):
        _count(trained[0], plan)
    measure = _weight_norms if energy is None else energy
    measured = measure(_undivided(whole, trained)) if callable(measure) else measure
    with _told_of_plan(whole.graph, plan):
        return _by_channels(whole, trained, plan, measured)


def _by_channels(whole: _Split, trained: Sequence[Call], plan: FreezePlan, energy: np.ndarray) -> _Split:
    channels = _chosen(trained[0], plan, energy)
    graph, part = split_channels(whole.graph, trained[0], channels.numbers)
    dense = [call for call in dense_part(graph) if call.layer.name in _names(trained)]
    return replace(_split_at(graph, (part, *dense), plan), channels=channels)


def _count(convolution: Call, plan: FreezePlan) -> int:
    """Return how many channels of a convolution a plan trains: at least one."""
    channels, percent = int(convolution.output.shape[-1]), plan.percent or 100
    if channels * percent < 100:
        raise ModelError(
            f"{percent} % of the {channels} channels of layer {convolution.name} is none",
            expected=f"{-(-100 // channels)} % or more for this plan",
        )
    return channels * percent // 100


def _chosen(convolution: Call, plan: FreezePlan, energy: np.ndarray) -> TrainedChannels:
    """Return the channels with the most energy."""
    channels = int(convolution.output.shape[-1])
    energy = np.asarray(energy, np.float64)
    if energy.shape != (channels,) or not np.isfinite(energy).all():
        flaw = f"of shape {energy.shape}" if energy.shape != (channels,) else "with NaN or infinity"
        raise ModelError(
            f"channel energies {flaw}",
            expected=f"{channels} finite numbers, one for each channel of layer {convolution.name}",
            hint="tinytl.cutting.channel_energy.gradient_energy computes them",
        )
    strongest = np.argsort(-energy, kind="stable")[: _count(convolution, plan)]
    return TrainedChannels(convolution.layer.name, channels, tuple(sorted(int(number) for number in strongest)))


def _weight_norms(whole: Undivided) -> np.ndarray:
    """Return the Euclidean norm of each channel's weights."""
    layer = next(layer for layer in whole.head.layers if layer.name == whole.convolution.layer.name)
    weights = np.asarray(layer.weights, np.float64)
    channel = weights.ndim - 1 if layer.kind == "depthwise_conv_2d" else 0
    return np.sqrt(np.square(weights).sum(axis=tuple(axis for axis in range(weights.ndim) if axis != channel)))


def _split_at(graph: Graph, trained: Sequence[Call], plan: FreezePlan) -> _Split:
    head = downstream = _downstream(graph, trained)
    features = _features(graph, head)
    while absorbed := {id(call) for call in map(graph.producer, features) if call and _absorbable(graph, call, head)}:
        head = head | absorbed
        features = _features(graph, head)
    if plan.base in ("last-dense", "fc", "fc+conv") and not _frozen(graph, features):
        first = next(call for call in graph.calls if id(call) in head)
        raise ModelError(
            f"nothing is left to freeze before layer {first.name}", expected="layers before the first trained one, or plan 'all'"
        )
    calls = tuple(call for call in graph.calls if id(call) in head)
    layers = fold_head(calls, features, graph.output, trains=plan.trains, last_trains=plan.last_trains)
    trainable = tuple(call for call in calls if id(call) in downstream)
    return _Split(graph, features, trainable, Head(layers, features=tuple(shape_of(tensor) for tensor in features)))


def _downstream(graph: Graph, trained: Sequence[Call]) -> set[int]:
    """Return the ids of the calls that train or depend on one that does."""
    head = {id(call) for call in trained}
    outputs = set()
    for call in graph.calls:
        if id(call) in head or any(id(tensor) in outputs for tensor in call.inputs):
            head.add(id(call))
            outputs.add(id(call.output))
    return head


def _features(graph: Graph, head: set[int]) -> tuple[Any, ...]:
    """Return the tensors that cross into the head, each once, in the order in which they are made."""
    read = {id(tensor) for call in graph.calls if id(call) in head for tensor in call.inputs}
    tensors = [graph.input, *(call.output for call in graph.calls if id(call) not in head)]
    return tuple(tensor for tensor in tensors if id(tensor) in read)


def _frozen(graph: Graph, features: Sequence[Any]) -> tuple[Call, ...]:
    ancestors = {id(call) for tensor in features for call in graph.ancestors(tensor)}
    return tuple(call for call in graph.calls if id(call) in ancestors)


def _absorbable(graph: Graph, call: Call, head: set[int]) -> bool:
    """Tell whether a layer right before the head costs nothing in it."""
    readers = [reader for reader in graph.readers(call.output) if id(reader) in head]
    kind = kind_of(call)
    if kind in PADDINGS:
        return all(_takes_padding(reader, call) for reader in readers)
    if kind in RESHAPES:
        return len(call.inputs[0].shape) <= 4 and keeps_order(call) and all(_takes_flat(graph, reader, call.output) for reader in readers)
    return kind == "Dropout"


def _takes_padding(reader: Call, padding: Call) -> bool:
    if kind_of(reader) not in CONVOLUTIONS:
        return False
    height, width = (1, *reader.layer.kernel_size)[-2:]
    top, bottom, left, right = zero_padding(padding)
    return reader.layer.padding == "valid" and max(top, bottom) < height and max(left, right) < width


def _takes_flat(graph: Graph, reader: Call, tensor: Any) -> bool:
    """Tell whether a layer does not mind in which shape it reads the elements."""
    if kind_of(reader) == "Dense":
        return len(tensor.shape) == 2
    if kind_of(reader) not in (*RESHAPES, *ACTIVATORS, "Dropout"):
        return False
    behind = graph.readers(reader.output)
    return bool(behind) and all(_takes_flat(graph, successor, reader.output) for successor in behind)


def _names(calls: Sequence[Call]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.layer.name for call in calls))
