# SPDX-License-Identifier: Apache-2.0
"""What published .tflite files say that no reader but an older LiteRT forgives, put right without changing what the model computes.

In: the bytes of a .tflite file. Out: as many bytes, which the interpreter of today takes.
"""

import tflite


def readable_by_litert(data: bytes) -> bytes:
    """Return the file with the quantized dimension of one-dimensional tensors set to 0.

    person_detect says 3 for its biases, which LiteRT refuses since 2.20; the field means nothing there.
    """
    changed = bytearray(data)
    graph = tflite.Model.GetRootAs(changed, 0).Subgraphs(0)
    for number in range(graph.TensorsLength()):
        table = graph.Tensors(number).Quantization()
        if table is not None and graph.Tensors(number).ShapeLength() == 1 and table.QuantizedDimension():
            place = table._tab.Pos + table._tab.Offset(16)
            changed[place : place + 4] = bytes(4)
    return bytes(changed)
