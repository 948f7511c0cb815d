# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files for tests, tensor by tensor: what a converter would make, and what none would.

Needs no TensorFlow. `ModelWriter` collects tensors and nodes; `bytes` serializes them. Scales may be one float or one a
channel.
"""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

DTYPES = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int32": np.int32,
    "int64": np.int64,
    "float32": np.float32,
    "int16": np.int16,
}


@dataclass
class ModelWriter:
    """One model under construction."""

    version: int = 3
    subgraphs: int = 1
    tensors: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "int8",
        scale: float | list[float] | None = 0.05,
        zero_point: int | list[int] = 0,
        data: Any = None,
        dimension: int = 0,
        signature: tuple[int, ...] | None = None,
        variable: bool = False,
        sparse: bool = False,
    ) -> int:
        """Add a tensor and return its number. scale None: not quantized. data: constant content."""
        self.tensors.append(
            {
                **{"name": name, "shape": shape, "dtype": dtype, "scale": scale, "zero_point": zero_point},
                **{"dimension": dimension, "signature": signature, "variable": variable, "sparse": sparse},
                "data": None if data is None else np.array(data, DTYPES[dtype]).reshape(shape),
            }
        )
        return len(self.tensors) - 1

    def constant(self, name: str, data: Any, dtype: str = "int32") -> int:
        """Add an unquantized constant."""
        array = np.array(data, DTYPES[dtype])
        return self.tensor(name, array.shape, dtype, None, data=array)

    def node(
        self,
        operator: str,
        inputs: list[int],
        output: int | list[int],
        version: int = 1,
        schema: str = "",
        *,
        intermediates: tuple[int, ...] = (),
        **fields: Any,
    ) -> None:
        """Add a node. fields: options by their schema names, such as StrideH."""
        outputs = [output] if isinstance(output, int) else output
        self.nodes.append(
            {
                "operator": operator,
                "inputs": inputs,
                "outputs": outputs,
                "version": version,
                "schema": schema,
                "fields": fields,
                "intermediates": intermediates,
            }
        )

    def bytes(self, inputs: list[int], outputs: list[int]) -> bytes:
        """Serialize."""
        builder = flatbuffers.Builder(4096)
        buffers = [self._buffer(builder, None)] + [self._buffer(builder, tensor["data"]) for tensor in self.tensors]
        tensors = [self._tensor(builder, number + 1, tensor) for number, tensor in enumerate(self.tensors)]
        codes = [self._code(builder, node) for node in self.nodes]
        nodes = [self._node(builder, number, node) for number, node in enumerate(self.nodes)]
        subgraphs = [self._subgraph(builder, tensors, nodes, inputs, outputs) for _ in range(self.subgraphs)]
        tables = [_offsets(builder, each) for each in (codes, subgraphs, buffers)]
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, self.version)
        tflite.ModelAddOperatorCodes(builder, tables[0])
        tflite.ModelAddSubgraphs(builder, tables[1])
        tflite.ModelAddBuffers(builder, tables[2])
        builder.Finish(tflite.ModelEnd(builder), b"TFL3")
        return bytes(builder.Output())

    def _subgraph(self, builder: flatbuffers.Builder, tensors: list[int], nodes: list[int], inputs: list[int], outputs: list[int]) -> int:
        vectors = [
            _offsets(builder, tensors),
            _ints(builder, inputs),
            _ints(builder, outputs),
            _offsets(builder, nodes),
        ]
        tflite.SubGraphStart(builder)
        tflite.SubGraphAddTensors(builder, vectors[0])
        tflite.SubGraphAddInputs(builder, vectors[1])
        tflite.SubGraphAddOutputs(builder, vectors[2])
        tflite.SubGraphAddOperators(builder, vectors[3])
        return int(tflite.SubGraphEnd(builder))

    def _buffer(self, builder: flatbuffers.Builder, data: np.ndarray | None) -> int:
        content = None if data is None else builder.CreateByteVector(data.tobytes())
        tflite.BufferStart(builder)
        if content is not None:
            tflite.BufferAddData(builder, content)
        return int(tflite.BufferEnd(builder))

    def _tensor(self, builder: flatbuffers.Builder, buffer: int, tensor: dict[str, Any]) -> int:
        name, shape = builder.CreateString(tensor["name"]), _ints(builder, tensor["shape"])
        signature = None if tensor["signature"] is None else _ints(builder, tensor["signature"])
        quantization = self._quantization(builder, tensor)
        sparsity = _empty(builder, "SparsityParameters") if tensor["sparse"] else None
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, shape)
        tflite.TensorAddType(builder, getattr(tflite.TensorType, tensor["dtype"].upper()))
        tflite.TensorAddBuffer(builder, buffer)
        tflite.TensorAddName(builder, name)
        tflite.TensorAddIsVariable(builder, tensor["variable"])
        for add, value in ((tflite.TensorAddQuantization, quantization), (tflite.TensorAddSparsity, sparsity)):
            if value is not None:
                add(builder, value)
        if signature is not None:
            tflite.TensorAddShapeSignature(builder, signature)
        return int(tflite.TensorEnd(builder))

    def _quantization(self, builder: flatbuffers.Builder, tensor: dict[str, Any]) -> int | None:
        if tensor["scale"] is None:
            return None
        scales = np.atleast_1d(np.array(tensor["scale"], np.float32))
        points = np.atleast_1d(np.array(tensor["zero_point"], np.int64))
        if len(points) == 1:
            points = np.repeat(points, len(scales))
        vectors = builder.CreateNumpyVector(scales), builder.CreateNumpyVector(points)
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, vectors[0])
        tflite.QuantizationParametersAddZeroPoint(builder, vectors[1])
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor["dimension"])
        return int(tflite.QuantizationParametersEnd(builder))

    def _code(self, builder: flatbuffers.Builder, node: dict[str, Any]) -> int:
        operator, custom = node["operator"], None
        if operator.startswith("CUSTOM "):
            operator, custom = "CUSTOM", builder.CreateString(operator.removeprefix("CUSTOM "))
        number = getattr(tflite.BuiltinOperator, operator)
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(builder, number)
        tflite.OperatorCodeAddVersion(builder, node["version"])
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(builder, custom)
        return int(tflite.OperatorCodeEnd(builder))

    def _node(self, builder: flatbuffers.Builder, number: int, node: dict[str, Any]) -> int:
        inputs, outputs = _ints(builder, node["inputs"]), _ints(builder, node["outputs"])
        intermediates = _ints(builder, node["intermediates"]) if node["intermediates"] else None
        schema, options = node["schema"], None
        if schema:
            fields = {name: _ints(builder, value) if isinstance(value, (list, tuple)) else value for name, value in node["fields"].items()}
            getattr(tflite, f"{schema}Start")(builder)
            for name, value in fields.items():
                getattr(tflite, f"{schema}Add{name}")(builder, value)
            options = getattr(tflite, f"{schema}End")(builder)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, number)
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        if intermediates is not None:
            tflite.OperatorAddIntermediates(builder, intermediates)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, schema))
            tflite.OperatorAddBuiltinOptions(builder, options)
        return int(tflite.OperatorEnd(builder))


def _ints(builder: flatbuffers.Builder, values: Any) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _empty(builder: flatbuffers.Builder, table: str) -> int:
    getattr(tflite, f"{table}Start")(builder)
    return int(getattr(tflite, f"{table}End")(builder))


def _offsets(builder: flatbuffers.Builder, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())
