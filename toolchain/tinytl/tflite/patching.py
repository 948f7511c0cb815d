# SPDX-License-Identifier: Apache-2.0
"""Numbers of a .tflite file changed where they stand: the file keeps its length, and everything else its bytes.

In: a table of the package `tflite` (its `_tab` tells where it lies), and the bytes that it was read from. Out: places in these bytes, and
bytes changed there. A field is named by its place in the table's vtable, 4 + 2 × its number in the schema.
"""

from collections.abc import Sequence
from typing import Any

GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS = 6, 8, 10
"""Vectors of a SubGraph."""
TENSOR_SHAPE, TENSOR_SHAPE_SIGNATURE = 4, 18
"""Vectors of a Tensor."""
OPERATOR_INPUTS = 6
"""Vector of an Operator."""
QUANTIZED_DIMENSION, CODE_VERSION = 16, 8
"""Numbers that a QuantizationParameters and an OperatorCode hold themselves."""


def vector_start(table: Any, field: int) -> int:
    """Return where the first element of a table's vector lies; the length stands in the four bytes before.

    Args:
        table: accessor of the package `tflite`. field: one that the table has.
    """
    return int(table._tab.Vector(table._tab.Offset(field)))


def number_place(table: Any, field: int) -> int | None:
    """Return where a number lies that a table holds itself; None where the file leaves the default out.

    Args:
        table: accessor of the package `tflite`. field: of the table.
    """
    offset = table._tab.Offset(field)
    return int(table._tab.Pos + offset) if offset else None


def write_number(changed: bytearray, place: int, number: int) -> None:
    """Put a number 0 … 2^32 - 1 into the four bytes from `place` on.

    Args:
        changed: bytes of the file. place: of the lowest byte. number: what they hold then, unsigned.
    """
    changed[place : place + 4] = number.to_bytes(4, "little")


def outputs_in_order(data: bytes, places: Sequence[int]) -> bytes:
    """Return a .tflite file whose outputs are those of another in a new order.

    Args:
        data: the other file. places: for each output, where it stood.
    """
    import tflite

    changed = bytearray(data)
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    start = vector_start(graph, GRAPH_OUTPUTS)
    for place, old in enumerate(places):
        write_number(changed, start + 4 * place, int(graph.Outputs(old)))
    return bytes(changed)
