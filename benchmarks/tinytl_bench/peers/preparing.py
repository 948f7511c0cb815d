# SPDX-License-Identifier: Apache-2.0
"""A published .tflite made into one that a stricter importer takes, byte patch by byte patch; what it computes stays.

In: a file with an open batch. Out: the file with batch 1, options on every RESHAPE, version 3 on every CONV_2D (the int8 one: same
arithmetic), and, where it ends in one, without its SOFTMAX. The caller compares the answers of both files.
"""

import struct
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import tflite

from tinytl.tflite.litert_compatibility import readable_by_litert
from tinytl.tflite.patching import (
    CODE_VERSION,
    GRAPH_OPERATORS,
    GRAPH_OUTPUTS,
    TENSOR_SHAPE_SIGNATURE,
    number_place,
    vector_start,
    write_number,
)

_ALIGNMENT = 16


@dataclass(frozen=True)
class Prepared:
    """tflite: the file. without_softmax: its last operator was one, and is gone."""

    tflite: bytes
    without_softmax: bool


def prepare(data: bytes) -> Prepared:
    """Return the file as a strict importer of fixed shapes and no SOFTMAX takes it."""
    changed = bytearray(readable_by_litert(data))
    _fix_batch(changed)
    _raise_versions(changed)
    _give_options(changed)
    without_softmax = _cut_softmax(changed)
    return Prepared(bytes(changed), without_softmax)


def _fix_batch(data: bytearray) -> None:
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        for side in range(tensor.ShapeSignatureLength()):
            if tensor.ShapeSignature(side) == -1:
                write_number(data, vector_start(tensor, TENSOR_SHAPE_SIGNATURE) + 4 * side, tensor.Shape(side))


def _raise_versions(data: bytearray) -> None:
    model = tflite.Model.GetRootAs(data, 0)
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        place = number_place(code, CODE_VERSION)
        if _builtin(code) == tflite.BuiltinOperator.CONV_2D and code.Version() == 2 and place is not None:
            write_number(data, place, 3)


def _give_options(data: bytearray) -> None:
    """Append a RESHAPE with options for each one without, and let the graph point there: offsets only reach forward."""
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    places = vector_start(graph, GRAPH_OPERATORS)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        if _builtin(model.OperatorCodes(operator.OpcodeIndex())) != tflite.BuiltinOperator.RESHAPE or operator.BuiltinOptionsType():
            continue
        table = _reshape(operator, graph.Tensors(operator.Outputs(0)).ShapeAsNumpy())
        data += bytes(-len(data) % _ALIGNMENT)
        target = len(data) + struct.unpack_from("<I", table)[0]
        data += table
        write_number(data, places + 4 * number, target - (places + 4 * number))


def _reshape(operator: Any, shape: np.ndarray) -> bytes:
    builder = flatbuffers.Builder(256)
    new_shape, inputs, outputs = (
        builder.CreateNumpyVector(np.asarray(values, np.int32)) for values in (shape, operator.InputsAsNumpy(), operator.OutputsAsNumpy())
    )
    tflite.ReshapeOptionsStart(builder)
    tflite.ReshapeOptionsAddNewShape(builder, new_shape)
    options = tflite.ReshapeOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, operator.OpcodeIndex())
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.ReshapeOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    builder.Finish(tflite.OperatorEnd(builder))
    return bytes(builder.Output())


def _cut_softmax(data: bytearray) -> bool:
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    count = graph.OperatorsLength()
    last = graph.Operators(count - 1)
    softmax = _builtin(model.OperatorCodes(last.OpcodeIndex())) == tflite.BuiltinOperator.SOFTMAX
    if not softmax or graph.OutputsLength() != 1 or graph.Outputs(0) != last.Outputs(0):
        return False
    write_number(data, vector_start(graph, GRAPH_OUTPUTS), last.Inputs(0))
    write_number(data, vector_start(graph, GRAPH_OPERATORS) - 4, count - 1)
    return True


def _builtin(code: Any) -> int:
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
