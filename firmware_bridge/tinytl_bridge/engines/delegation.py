# SPDX-License-Identifier: Apache-2.0
"""How much of a graph a LiteRT delegate has taken, told by the interpreter's own list of operators.

In: an interpreter with its tensors allocated. Out: a `Delegation`. A delegate's partition stands in the list as an operator DELEGATE beside
those that it replaced; what still runs is found from the outputs back, where a tensor that a partition writes comes from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_DELEGATE = "DELEGATE"
_BIASED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_BIAS, _ABSENT = 2, -1


@dataclass(frozen=True)
class Delegation:
    """What runs in a delegate.

    Attributes:
        partitions: operators DELEGATE that run. taken: operators of the graph in them. left: names of those that LiteRT's own kernels run.
        without_bias: names of those of the left ones that have a place for a bias and none there.
    """

    partitions: int
    taken: int
    left: tuple[str, ...]
    without_bias: tuple[str, ...] = ()


def delegation_of(interpreter: Any) -> Delegation:
    """Find which operators of an interpreter run in a delegate.

    Args:
        interpreter: a LiteRT `Interpreter` behind `allocate_tensors`.
    """
    operators = interpreter._get_ops_details()
    writers = {int(number): operator for operator in _delegates_last(operators) for number in operator["outputs"]}
    running: dict[int, dict[str, Any]] = {}
    pending = [int(detail["index"]) for detail in interpreter.get_output_details()]
    while pending:
        operator = writers.get(pending.pop())
        if operator is not None and operator["index"] not in running:
            running[operator["index"]] = operator
            pending += [int(number) for number in operator["inputs"]]
    left = [operator for operator in sorted(running.values(), key=_place) if operator["op_name"] != _DELEGATE]
    graph = [operator for operator in operators if operator["op_name"] != _DELEGATE]
    return Delegation(len(running) - len(left), len(graph) - len(left), _names(left), _names(filter(_lacks_bias, left)))


def _names(operators: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(operator["op_name"] for operator in operators)


def _lacks_bias(operator: dict[str, Any]) -> bool:
    numbers = [int(number) for number in operator["inputs"]]
    return operator["op_name"] in _BIASED and (len(numbers) <= _BIAS or numbers[_BIAS] == _ABSENT)


def _delegates_last(operators: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(operators, key=lambda operator: operator["op_name"] == _DELEGATE)


def _place(operator: dict[str, Any]) -> int:
    return int(operator["index"])
