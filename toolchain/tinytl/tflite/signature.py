# SPDX-License-Identifier: Apache-2.0
"""What a .tflite file says about itself: inputs, outputs, operators. Read without an interpreter.

In: bytes that may come from anywhere. Out: a `Signature`, or a `ModelError`; counts are bounded before anything loops
over them.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinytl.errors import ModelError

_MAX_ENTRIES = 100_000
BROKEN = (struct.error, IndexError, AttributeError, TypeError, ValueError, OverflowError)
"""What flatbuffers raises on bytes that are no flatbuffer."""
_DTYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. shape with batch, −1 where open; scale 0.0 where it is not quantized per tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Signature:
    """What the main graph takes, answers and does.

    Attributes:
        inputs, outputs: its ends.
        operators: their names in order, as in the schema ("CONV_2D").
        computed: numbers of the tensors that operators write; the others are inputs and constants.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[str, ...]
    computed: frozenset[int]


def read_signature(tflite: bytes) -> Signature:
    """Read inputs, outputs and operators of a .tflite file. Raises ModelError where it is none."""
    if tflite[4:8] != b"TFL3":
        raise ModelError("the model is no .tflite file", expected="the mark TFL3 at byte 4")
    try:
        return _read(tflite)
    except BROKEN as error:
        raise ModelError(f"the .tflite file is damaged: {type(error).__name__}", expected="a complete file") from error


def _read(data: bytes) -> Signature:
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    bounded(model.SubgraphsLength())
    graph = model.Subgraphs(0)
    bounded(graph.OperatorsLength())
    names = operator_names(model)
    operators = [graph.Operators(place) for place in range(graph.OperatorsLength())]
    written = [operator.Outputs(place) for operator in operators for place in range(bounded(operator.OutputsLength()))]
    return Signature(
        inputs=tuple(_spec(graph.Tensors(graph.Inputs(place))) for place in range(bounded(graph.InputsLength()))),
        outputs=tuple(_spec(graph.Tensors(graph.Outputs(place))) for place in range(bounded(graph.OutputsLength()))),
        operators=tuple(names[operator.OpcodeIndex()] for operator in operators),
        computed=frozenset(int(number) for number in written),
    )


def operator_names(model: Any) -> list[str]:
    """Return the name of each operator code of a model, as in the schema ("CONV_2D"); "CUSTOM" for what it does not list."""
    import tflite

    names = {value: name for name, value in vars(tflite.BuiltinOperator).items() if not name.startswith("_")}
    codes = [_code(model.OperatorCodes(place)) for place in range(bounded(model.OperatorCodesLength()))]
    return [names.get(code, "CUSTOM") for code in codes]


def _code(code: Any) -> int:
    """Old files have the number in the 8-bit field, new ones in the wide one."""
    return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))


def _spec(tensor: Any) -> TensorSpec:
    shape = [tensor.Shape(place) for place in range(bounded(tensor.ShapeLength()))]
    if tensor.ShapeSignatureLength() == len(shape):
        shape = [tensor.ShapeSignature(place) for place in range(len(shape))]
    quantization = tensor.Quantization()
    single = quantization is not None and quantization.ScaleLength() == 1
    return TensorSpec(
        name=(tensor.Name() or b"").decode(errors="replace"),
        shape=tuple(int(side) for side in shape),
        dtype=_DTYPES.get(tensor.Type(), f"type {tensor.Type()}"),
        scale=float(np.float32(quantization.Scale(0))) if single else 0.0,
        zero_point=int(quantization.ZeroPoint(0)) if single and quantization.ZeroPointLength() else 0,
    )


def bounded(count: int) -> int:
    """Return a count that something is to loop over. Raises ValueError where it is absurd."""
    if not 0 <= count <= _MAX_ENTRIES:
        raise ValueError(count)
    return int(count)
