# SPDX-License-Identifier: Apache-2.0
"""Counts of a Keras model by its shapes, cut by a freeze plan or whole.

In: a built Keras model and a plan's name. Out: `LayerWork` rows. What trains is the head that the plan cuts, where the learner has all its
layers. Where it has not (a silu behind the last convolution, say) it is counted by the same rules from shapes. What is frozen counts as the
converter makes it: int8 weights, twelve bytes a channel for bias and rescaling, batch-norm and ReLU folded into the layer before.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from tinytl.cutting.head_layers import kind_of
from tinytl.cutting.keras_cut import KerasCut, cut_graph
from tinytl.cutting.macs import layer_macs
from tinytl.cutting.plan_names import FreezePlan, parse_plan, trained_calls
from tinytl.errors import ModelError
from tinytl.keras_graph import Call, Graph, flatten
from tinytl_bench.energy.counts import head_layers, with_pooling_in_front
from tinytl_bench.energy.layers import NOTHING, LayerWork

_CHANNEL_BYTES = 12
_FOLDED = ("BatchNormalization", "ReLU")
_FREE = ("Flatten", "Reshape", "Softmax", "Dropout")
_AVERAGES = ("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D")


def keras_layers(model: Any, plan: str | None) -> tuple[tuple[LayerWork, ...], bool]:
    """Return a row a layer of a model.

    Args:
        model: functional or sequential keras.Model, built. plan: name of a freeze plan; None: nothing trains.

    Returns:
        The rows, and whether the learner has all layers that train.

    Raises:
        ModelError: another kind of model, a plan that there is not or that does not suit the model; a plan for a part of a convolution's
            channels where the learner does not have the layers behind it.
    """
    graph = flatten(model)
    if plan is None:
        return tuple(_frozen(graph, graph.calls)), True
    freeze_plan = parse_plan(plan)
    trained = trained_calls(graph, freeze_plan)
    try:
        parts = cut_graph(graph, freeze_plan)
    except ModelError:
        if freeze_plan.percent is not None:
            raise
        return _by_shapes(graph, trained, freeze_plan), False
    return (*_in_front(graph, parts), *head_layers(parts.head)), True


def _in_front(graph: Graph, parts: KerasCut) -> list[LayerWork]:
    """Rows of the frozen part of a cut; of a convolution that is cut by channels its frozen half."""
    frozen = [call for call in graph.calls if call.layer.name in parts.frozen_layers]
    rows = _counted_pooling(_frozen(graph, frozen), frozen)
    rest = parts.frozen_macs - sum(row.work.frozen_macs for row in rows)
    if parts.channels is not None and rest:
        half = next(name for name in parts.frozen_layers if name not in {call.layer.name for call in frozen})
        rows.append(LayerWork(half, "frozen channels", False, replace(NOTHING, frozen_macs=rest)))
    return rows


def _by_shapes(graph: Graph, trained: Sequence[Call], plan: FreezePlan) -> tuple[LayerWork, ...]:
    first = {id(call.output) for call in trained}
    reached: set[int] = set()
    for call in graph.calls:
        if id(call.output) in first or any(id(source) in reached for source in call.inputs):
            reached.add(id(call.output))
    frozen = [call for call in graph.calls if id(call.output) not in reached]
    trains = [_trained(graph, call, plan, reached, is_last=call is trained[-1]) for call in graph.calls if id(call.output) in reached]
    return (*_counted_pooling(_frozen(graph, frozen), frozen), *trains)


def _counted_pooling(rows: Sequence[LayerWork], calls: Sequence[Call]) -> list[LayerWork]:
    return with_pooling_in_front(rows, [kind_of(call) for call in calls], _AVERAGES, _FREE)


def _frozen(graph: Graph, calls: Sequence[Call]) -> list[LayerWork]:
    rows = []
    for call in calls:
        work = NOTHING if kind_of(call) in _FREE or _is_folded(graph, call) else replace(
            NOTHING, frozen_macs=_macs(call), constant_bytes=_constant_bytes(call),
            activation_bytes=sum(_size(tensor) for tensor in call.inputs) + _size(call.output),
        )  # fmt: skip
        rows.append(LayerWork(call.layer.name, type(call.layer).__name__, False, work, additions=_additions(call)))
    return rows


def _trained(graph: Graph, call: Call, plan: FreezePlan, reached: set[int], *, is_last: bool) -> LayerWork:
    """Count a layer of the part that trains: float32 numbers, a batch-norm folded into the layer before."""
    kernel = _kernel_size(call)
    channels = int(call.output.shape[-1])
    folded = _is_folded(graph, call)
    scales = kind_of(call) == "BatchNormalization" and not folded
    weights = kernel or channels * scales
    macs = _macs(call) if kernel else _size(call.output) * scales
    handed_on = any(id(source) in reached for source in call.inputs)
    all_train = (plan.last_trains if is_last else plan.trains) == "all"
    biases = channels if weights else 0
    work = replace(
        NOTHING, trainable_macs=macs, gradient_macs=macs * (all_train + handed_on), parameters=weights + biases,
        trained=weights * all_train + biases,
    )  # fmt: skip
    return LayerWork(call.layer.name, type(call.layer).__name__, True, work, additions=_additions(call), counts_in_thesis=True)


def _macs(call: Call) -> int:
    return layer_macs(call.layer, call.inputs[0].shape, call.output.shape)


def _kernel_size(call: Call) -> int:
    kernel = getattr(call.layer, "kernel", None)
    return 0 if kernel is None else prod(kernel.shape)


def _constant_bytes(call: Call) -> int:
    kernel = _kernel_size(call)
    return kernel + _CHANNEL_BYTES * int(call.output.shape[-1]) if kernel or kind_of(call) == "BatchNormalization" else 0


def _is_folded(graph: Graph, call: Call) -> bool:
    """Tell whether the converter folds a layer into a convolution or Dense before it that nothing else reads."""
    maker = graph.producer(call.inputs[0]) if call.inputs else None
    while maker is not None and kind_of(call) in _FOLDED and len(graph.readers(call.inputs[0])) == 1:
        if _kernel_size(maker):
            return True
        if not maker.inputs:
            break
        call, maker = maker, graph.producer(maker.inputs[0])
    return False


def _additions(call: Call) -> int:
    """Sums of an average pooling: one for each element that a window takes."""
    kind = kind_of(call)
    if kind.startswith("Global"):
        return _size(call.inputs[0]) if kind in _AVERAGES else 0
    return _size(call.output) * prod(call.layer.pool_size) if kind in _AVERAGES else 0


def _size(tensor: Any) -> int:
    return prod(int(side or 1) for side in tensor.shape[1:])
