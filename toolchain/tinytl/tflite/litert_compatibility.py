# SPDX-License-Identifier: Apache-2.0
"""What .tflite files say that LiteRT's interpreter refuses, put right without changing what the model computes.

In: the bytes of a .tflite file. Out: as many bytes, which the interpreter of today takes.
"""

import tflite

from tinytl.tflite.patching import CODE_VERSION, QUANTIZED_DIMENSION, number_place, write_number

_NEWER = (tflite.BuiltinOperator.TILE, tflite.BuiltinOperator.REVERSE_V2)


def readable_by_litert(data: bytes) -> bytes:
    """Return the file in a form that LiteRT's reference kernels take; nothing else changes.

    Quantized dimensions of one-dimensional tensors become 0: person_detect says 3 for its biases, which LiteRT refuses since 2.20; it
    means nothing there. TILE and REVERSE_V2 of version 3, which adds types, become version 2, the last one that the reference kernels of
    every LiteRT are registered for.
    """
    changed = bytearray(data)
    model = tflite.Model.GetRootAs(changed, 0)
    _zero_quantized_dimensions(model.Subgraphs(0), changed)
    _lower_versions(model, changed)
    return bytes(changed)


def _zero_quantized_dimensions(graph: tflite.SubGraph, changed: bytearray) -> None:
    for number in range(graph.TensorsLength()):
        table = graph.Tensors(number).Quantization()
        if table is not None and graph.Tensors(number).ShapeLength() == 1 and table.QuantizedDimension():
            place = number_place(table, QUANTIZED_DIMENSION)
            if place is not None:
                write_number(changed, place, 0)


def _lower_versions(model: tflite.Model, changed: bytearray) -> None:
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        place = number_place(code, CODE_VERSION)
        if code.BuiltinCode() in _NEWER and code.Version() == 3 and place is not None:
            write_number(changed, place, 2)
