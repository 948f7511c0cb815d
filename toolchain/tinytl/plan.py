# SPDX-License-Identifier: Apache-2.0
"""The freeze plan: where a trained model is cut into a frozen extractor and a trainable head.

In: a Keras model and a plan's name. Out: a `Cut`: the extractor as a Keras model (input → feature tensor), the head
as data, and what each costs. Invariant: head(extractor(x)) equals the model's logits. `last-dense` trains the last
Dense, `fc` every Dense behind the last convolution or pooling; Flatten at the cut disappears, since features are one
contiguous tensor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinytl.errors import ModelError
from tinytl.folding import fold_head
from tinytl.head import Head
from tinytl.keras_graph import Call, Graph, flatten, require_keras
from tinytl.macs import layer_macs

PLANS = ("last-dense", "fc")
MAX_HEAD_LAYERS = 8  # SPEC.md section 2.5

_LATER = {
    r"fc\+conv[1-9]\d*": "trains convolutions, which this version's learner does not",
    r"all": "trains every layer, which this version's learner does not",
    r"bias-only": "trains biases of frozen layers, which this version's learner does not",
}
_RESHAPES = ("Flatten", "Reshape")


@dataclass(frozen=True)
class Cut:
    """A model in two parts.

    Attributes:
        plan: name of the freeze plan.
        extractor: keras.Model, float32 (N, *input) → features (N, *feature shape); frozen from here on.
        head: trainable layers, batch-norm folded; its logits are the model's.
        frozen_macs, trainable_macs: multiply-accumulates of one forward pass of one sample.
        frozen_layers, trainable_layers: names of the model's layers in each part.
    """

    plan: str
    extractor: Any
    head: Head
    frozen_macs: int
    trainable_macs: int
    frozen_layers: tuple[str, ...]
    trainable_layers: tuple[str, ...]


def list_plans(model: Any) -> tuple[str, ...]:
    """Return the plans that work for a model, cheapest first; `fc` only where it trains more than `last-dense`.

    Raises:
        ModelError: `model` is no functional or sequential Keras model with one input and one output.
    """
    return _working(flatten(model))


def cut(model: Any, plan: str) -> Cut:
    """Cut a model by a freeze plan.

    Args:
        model: built functional or sequential keras.Model, others may be nested in it; it stays as it is.
        plan: "last-dense" or "fc".

    Raises:
        ModelError: an unknown plan, or a model that it cannot cut; names the layer and the nearest plan that works.
    """
    known = _check_word(plan)
    graph = flatten(model)
    if not known:
        reason = next(reason for pattern, reason in _LATER.items() if re.fullmatch(pattern, plan))
        raise ModelError(
            f"plan {plan!r} of model {graph.name!r} {reason}", expected=" or ".join(PLANS), hint=_nearest(graph)
        )
    try:
        return _cut(graph, plan)
    except ModelError as error:
        raise ModelError(
            f"plan {plan!r} cannot cut model {graph.name!r}: {error.what}",
            expected=error.expected,
            hint=_nearest(graph),
        ) from error


def _check_word(plan: str) -> bool:
    """Tell whether this version has the plan; refuse words that are none."""
    if plan in PLANS:
        return True
    if not any(re.fullmatch(pattern, plan) for pattern in _LATER):
        raise ModelError(
            f"plan {plan!r}",
            expected=f"one of {', '.join(PLANS)}",
            hint="tinytl plans RUN lists what a model can be cut by",
        )
    return False


def _working(graph: Graph) -> tuple[str, ...]:
    found: dict[str, tuple[str, ...]] = {}
    for plan in PLANS:
        try:
            trainable = tuple(call.layer.name for call in _split(graph, plan)[1])
        except ModelError:
            continue
        if trainable not in found.values():
            found[plan] = trainable
    return tuple(found)


def _nearest(graph: Graph) -> str:
    working = _working(graph)
    return f"nearest plan that works: {working[-1]}" if working else "no plan of this version works for this model"


def _cut(graph: Graph, plan: str) -> Cut:
    keras = require_keras()
    features, trainable = _split(graph, plan)
    frozen = graph.ancestors(features)
    head = Head(fold_head(trainable))
    return Cut(
        plan=plan,
        extractor=keras.Model(graph.input, features, name="extractor"),
        head=head,
        frozen_macs=sum(_call_macs(call) for call in frozen),
        trainable_macs=head.macs,
        frozen_layers=_names(frozen),
        trainable_layers=_names(trainable),
    )


def _split(graph: Graph, plan: str) -> tuple[Any, tuple[Call, ...]]:
    """Return the feature tensor and the calls behind it. Raises ModelError where the plan does not work."""
    behind = _vector_part(graph)
    dense = [position for position, call in enumerate(behind) if _is_dense(call)]
    if not dense:
        last = behind[-1] if behind else graph.producer(graph.output)
        raise ModelError(
            f"it ends in layer {last.name}" if last else "it has no layers",
            expected="a Dense with linear or softmax activation at its end",
        )
    if plan == "fc":
        _refuse_branch(graph, behind[0])
    trainable = tuple(behind[dense[-1] if plan == "last-dense" else dense[0] :])
    layers = fold_head(trainable)
    if len(layers) > MAX_HEAD_LAYERS:
        raise ModelError(f"its head would have {len(layers)} dense layers", expected=f"at most {MAX_HEAD_LAYERS}")
    features = _before_reshapes(graph, trainable[0].inputs[0])
    if features is graph.input:
        raise ModelError(
            f"nothing is left to freeze before layer {trainable[0].name}",
            expected="layers before the first trained Dense",
        )
    return features, trainable


def _vector_part(graph: Graph) -> list[Call]:
    """Return the calls at the end of the model, in order, as long as each maps one vector (rank 2) to one vector."""
    part: list[Call] = []
    tensor = graph.output
    while (call := graph.producer(tensor)) is not None:
        if len(call.inputs) != 1 or len(call.output.shape) != 2 or len(call.inputs[0].shape) != 2:
            break
        part.append(call)
        tensor = call.inputs[0]
    return part[::-1]


def _refuse_branch(graph: Graph, first: Call) -> None:
    """Refuse where several paths with a Dense meet in a vector before `first`: those would be trained too."""
    merge = graph.producer(first.inputs[0])
    if merge is None or len(merge.inputs) < 2:
        return
    open_calls = [merge]
    while open_calls:
        call = open_calls.pop()
        if _is_dense(call):
            raise ModelError(
                f"paths with Dense layers meet in layer {merge.name} before the output (one holds {call.name})",
                expected="one path of Dense",
            )
        vectors = [tensor for tensor in call.inputs if len(tensor.shape) == 2]
        open_calls += [each for tensor in vectors if (each := graph.producer(tensor)) is not None]


def _before_reshapes(graph: Graph, tensor: Any) -> Any:
    """Walk back over layers that only rename the shape: the elements keep their row-major order."""
    while (call := graph.producer(tensor)) is not None:
        if (
            type(call.layer).__name__ not in _RESHAPES
            or getattr(call.layer, "data_format", "channels_last") != "channels_last"
        ):
            break
        tensor = call.inputs[0]
    return tensor


def _is_dense(call: Call) -> bool:
    return type(call.layer).__name__ == "Dense"


def _call_macs(call: Call) -> int:
    return layer_macs(call.layer, call.inputs[0].shape, call.output.shape)


def _names(calls: Sequence[Call]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.layer.name for call in calls))
