# SPDX-License-Identifier: Apache-2.0
"""`--logits`: a .tflite whose graph ends before its softmax.

In: the bytes of a .tflite file. Out: as many bytes, in which what read the softmax's output (the graph's outputs, or a DEQUANTIZE before
them) reads its input; nobody reads the SOFTMAX then, so the compiler drops it. LiteRT runs the result too: its answers are the logits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tinytl.errors import ModelError
from tinytl.tflite.patching import GRAPH_OUTPUTS, OPERATOR_INPUTS, vector_start, write_number
from tinytl.tflite.signature import BROKEN, bounded, operator_names


@dataclass(frozen=True)
class _Operator:
    """One operator: table is its accessor."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any


def without_softmax(data: bytes) -> bytes:
    """Return the file with its graph's outputs taken before each SOFTMAX that they are the outputs of.

    Outputs that no softmax computes stay as they are, and so does a softmax whose input is an output already. A DEQUANTIZE behind the
    softmax stays and turns logits into floats; a QUANTIZE goes with it, because its scale is one of probabilities.

    Args:
        data: a file that `read_signature` takes.

    Raises:
        ModelError: no output is that of a SOFTMAX which nothing else reads; a damaged file.
    """
    try:
        return _patched(data)
    except BROKEN as error:
        raise ModelError(f"the .tflite file is damaged: {type(error).__name__}", expected="a complete file") from error


def _patched(data: bytes) -> bytes:
    import tflite

    changed = bytearray(data)
    model = tflite.Model.GetRootAs(changed, 0)
    graph = model.Subgraphs(0)
    operators = list(_operators(graph, operator_names(model)))
    writers = {number: operator for operator in operators for number in operator.outputs}
    outputs = [graph.Outputs(place) for place in range(bounded(graph.OutputsLength()))]
    read = [number for operator in operators for number in operator.inputs] + outputs
    moved = 0
    for place, output in enumerate(outputs):
        last, logits = writers.get(output), _logits(output, writers, read)
        if last is None or logits is None or logits in outputs:
            continue
        behind = last.name == "DEQUANTIZE"
        start = vector_start(last.table, OPERATOR_INPUTS) if behind else vector_start(graph, GRAPH_OUTPUTS) + 4 * place
        write_number(changed, start, logits)
        moved += 1
    if not moved:
        raise _refusal(graph, outputs, writers)
    return bytes(changed)


def _operators(graph: Any, names: list[str]) -> Iterator[_Operator]:
    for number in range(bounded(graph.OperatorsLength())):
        table = graph.Operators(number)
        inputs = tuple(table.Inputs(place) for place in range(bounded(table.InputsLength())))
        outputs = tuple(table.Outputs(place) for place in range(bounded(table.OutputsLength())))
        yield _Operator(names[table.OpcodeIndex()], inputs, outputs, table)


def _logits(output: int, writers: dict[int, _Operator], read: list[int]) -> int | None:
    """Return the tensor before the softmax that a graph output comes from; None where there is none, or what it computes is read twice.

    read: every tensor as often as it is read; a graph output is read by its user.
    """
    number = output
    if number in writers and writers[number].name in ("DEQUANTIZE", "QUANTIZE") and read.count(number) == 1:
        number = writers[number].inputs[0]
    softmax = writers.get(number)
    if softmax is None or softmax.name != "SOFTMAX" or read.count(number) != 1:
        return None
    logits = softmax.inputs[0]
    return logits if logits in writers else None


def _refusal(graph: Any, outputs: list[int], writers: dict[int, _Operator]) -> ModelError:
    def told(number: int) -> str:
        name = (graph.Tensors(number).Name() or b"").decode(errors="replace")
        return f"output {name!r} comes from {writers[number].name if number in writers else 'no operator'}"

    return ModelError(
        f"--logits: no softmax to leave out: {', '.join(told(number) for number in outputs)}",
        expected="a graph that ends with a SOFTMAX (a DEQUANTIZE or QUANTIZE may follow) whose output nothing else reads",
        hint="leave --logits out",
    )
