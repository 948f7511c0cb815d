# SPDX-License-Identifier: Apache-2.0
"""Numbers of a .tflite are found and changed where they stand; the rest of the file keeps its bytes."""

import tflite
from tflite_classifiers import HIDDEN, WIDTH, classifier

from tinytl.tflite.patching import (
    CODE_VERSION,
    GRAPH_OUTPUTS,
    QUANTIZED_DIMENSION,
    TENSOR_SHAPE,
    number_place,
    vector_start,
    write_number,
)
from tinytl.tflite.signature import read_signature


def test_a_number_is_changed_where_it_stands() -> None:
    data = classifier()
    changed = bytearray(data)
    graph = tflite.Model.GetRootAs(changed, 0).Subgraphs(0)
    output, start = graph.Outputs(0), vector_start(graph, GRAPH_OUTPUTS)
    write_number(changed, start, output - 1)
    assert graph.Outputs(0) == output - 1
    assert [place for place in range(len(data)) if data[place] != changed[place]] == [start]
    assert read_signature(bytes(changed)).outputs != read_signature(data).outputs


def test_a_vectors_elements_stand_one_after_another() -> None:
    data = classifier()
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    first = next(each for each in map(graph.Tensors, range(graph.TensorsLength())) if each.Name() == b"first")
    start = vector_start(first, TENSOR_SHAPE)
    sides = [int.from_bytes(data[start + 4 * place : start + 4 * place + 4], "little") for place in range(-1, 2)]
    assert sides == [2, HIDDEN, WIDTH], "the length, then the sides"


def test_a_number_that_is_left_out_has_no_place() -> None:
    """What is the default stands in no file."""
    data = bytearray(classifier(rows=True))
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    quantized = [each.Quantization() for each in map(graph.Tensors, range(graph.TensorsLength())) if each.Quantization()]
    assert None in [number_place(each, QUANTIZED_DIMENSION) for each in quantized if not each.QuantizedDimension()]
    codes = list(map(model.OperatorCodes, range(model.OperatorCodesLength())))
    versioned = [(code.Version(), number_place(code, CODE_VERSION)) for code in codes]
    assert all(place is None or int.from_bytes(data[place : place + 4], "little") == version for version, place in versioned)
