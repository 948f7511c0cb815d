# SPDX-License-Identifier: Apache-2.0
"""Freeze plans by name: what a name says trains, and which calls of a model that is.

In: a plan's name and a flat `Graph`. Out: the calls that train; everything behind them is the head's too. The last N convolutions are
the N deepest, by the longest path from the input: of a residual block those of the main path come before that of the shortcut.
`bias-only` after TinyTL, Cai et al. 2020, arXiv:2007.11622; a part of a convolution's channels after the sparse update of Lin et al. 2022,
arXiv:2206.15472.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tinytl.cutting.head_layers import CONVOLUTIONS, kind_of
from tinytl.errors import ModelError
from tinytl.keras_graph import Call, Graph

NAMES = ("last-dense", "fc", "fc+convN", "fc+conv1:P%", "all", "bias-only[:N]", "bias+last-dense[:N]")
PART_OF_CHANNELS = "fc+conv1:25%"
"""Stands for all plans that train a part of a convolution's channels, where plans are listed."""
_BIAS_CONVOLUTIONS = 2
"""How many convolutions a plan of biases reaches back where it does not say."""
_NUMBERED = re.compile(r"(?P<base>fc\+conv|bias-only:?|bias\+last-dense:?)(?P<count>[1-9]\d*)?(:(?P<percent>0|[1-9]\d{0,8})%)?")


@dataclass(frozen=True)
class FreezePlan:
    """What a plan's name says.

    Attributes:
        name: the plan's. base: "last-dense", "fc", "fc+conv", "all", "bias-only" or "bias+last-dense".
        count: convolutions from the end that are in the head; None where the name does not say.
        percent: of the convolution's output channels that train, 1 … 99; None: all of them.
    """

    name: str
    base: str
    count: int | None = None
    percent: int | None = None

    @property
    def trains(self) -> str:
        """What of each layer trains: "all" or "bias"."""
        return "bias" if self.base in ("bias-only", "bias+last-dense") else "all"

    @property
    def last_trains(self) -> str:
        """What of the last Dense trains."""
        return "bias" if self.base == "bias-only" else "all"


def parse_plan(name: str) -> FreezePlan:
    """Read a plan's name. Raises ModelError where there is no such plan."""
    if name in ("last-dense", "fc", "all", "bias-only", "bias+last-dense"):
        return FreezePlan(name, name)
    match = _NUMBERED.fullmatch(name)
    if match and match["count"] and match["base"].endswith(("conv", ":")):
        if match["percent"] is None:
            return FreezePlan(name, match["base"].rstrip(":"), int(match["count"]))
        if match["base"] == "fc+conv":
            return _part_of_channels(FreezePlan(name, "fc+conv", int(match["count"]), int(match["percent"])))
    raise ModelError(f"plan {name!r}", expected=f"one of {', '.join(NAMES)}", hint="tinytl plans RUN lists what a model can be cut by")


def _part_of_channels(plan: FreezePlan) -> FreezePlan:
    """Check a plan that trains a part of a convolution's channels."""
    if plan.count != 1:
        raise ModelError(
            f"plan {plan.name!r} trains a part of the channels in front of a convolution that trains whole",
            expected="fc+conv1:P%, a part of the last convolution's",
            hint=f"plan fc+conv{plan.count} trains all channels of {plan.count} convolutions",
        )
    if not plan.percent or plan.percent > 99:
        raise ModelError(
            f"plan {plan.name!r} trains {plan.percent} % of a convolution's channels",
            expected="1 to 99 %",
            hint="plan fc+conv1 trains all of them, plan fc none",
        )
    return plan


def trained_calls(graph: Graph, plan: FreezePlan) -> tuple[Call, ...]:
    """Return the calls that a plan trains, those in front at least; all behind them belongs to the head.

    Raises:
        ModelError: the model has not so many convolutions, or does not end in a Dense.
    """
    dense = dense_part(graph)
    if not dense:
        last = graph.producer(graph.output)
        raise ModelError(
            f"it ends in layer {last.name}" if last else "it has no layers",
            expected="a Dense with linear or softmax activation at its end",
        )
    if plan.base == "last-dense":
        return dense[-1:]
    if plan.base == "all":
        return tuple(call for call in graph.calls if getattr(call.layer, "trainable_weights", ()))
    calls = convolutions(graph)
    count = plan.count if plan.count is not None else 0 if plan.base == "fc" else min(_BIAS_CONVOLUTIONS, len(calls))
    if count > len(calls):
        raise ModelError(f"it has {_counted(len(calls))}", expected=f"{count} or more for this plan")
    return (*calls[:count], *dense)


def convolutions(graph: Graph) -> tuple[Call, ...]:
    """Return the convolutions, the deepest first; of equally deep ones that on the longer path to the output, then the later call."""
    depths = graph.depths()
    calls = [call for call in reversed(graph.calls) if kind_of(call) in CONVOLUTIONS]
    return tuple(sorted(calls, key=lambda call: depths[id(call)], reverse=True))


def nearby(plan: FreezePlan, count: int) -> Iterator[FreezePlan]:
    """Give the plans to offer where one does not work, the nearest first. count: convolutions of the model."""
    reach = plan.count or _BIAS_CONVOLUTIONS + 1
    highest = count if plan.base == "all" else min(count, reach if plan.percent else reach - 1)
    base = {"all": "fc+conv", "fc+conv": "fc+conv", "bias-only": "bias-only:", "bias+last-dense": "bias+last-dense:"}.get(plan.base)
    names = [f"{base}{number}" for number in range(highest, 0, -1)] if base else []
    parts = [PART_OF_CHANNELS] if plan.percent else []
    for name in (*parts, *names, "fc", "last-dense", "all"):
        if name != plan.name:
            yield parse_plan(name)


def dense_part(graph: Graph) -> tuple[Call, ...]:
    """Return the Dense calls at the model's end, in order: those with nothing but vectors between them and the output."""
    reached, open_tensors = {id(graph.output)}, [graph.output]
    dense_ids = set()
    while open_tensors:
        call = graph.producer(open_tensors.pop())
        if call is None or len(call.output.shape) != 2:
            continue
        if kind_of(call) == "Dense":
            dense_ids.add(id(call))
        for tensor in call.inputs:
            if len(tensor.shape) == 2 and id(tensor) not in reached:
                reached.add(id(tensor))
                open_tensors.append(tensor)
    return tuple(call for call in graph.calls if id(call) in dense_ids)


def _counted(count: int) -> str:
    return f"{count or 'no'} convolution{'s' * (count != 1)}"
