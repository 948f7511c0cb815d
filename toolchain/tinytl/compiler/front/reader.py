# SPDX-License-Identifier: Apache-2.0
"""First stage: the bytes of a .tflite file → `Graph`. Without TensorFlow; nothing of the file is trusted.

Refused here, by name: files that are no TFLite model or are cut short, operators and versions that the compiler does
not know, tensor types it cannot hold, inputs with an open side other than the batch (which becomes 1). Shapes inside
the graph are inferred later. Schema: TensorFlow's `schema.fbs`, version 3.
"""

import struct
from math import prod
from typing import Any

import numpy as np
import tflite

from tinytl.compiler.dtypes import ELEMENT_BYTES
from tinytl.compiler.front.foreign_models import refuse_foreign
from tinytl.compiler.graph import ABSENT, Graph, Node, Quantization, Tensor
from tinytl.compiler.operators import RULES, supported_list
from tinytl.compiler.options import READERS, Options
from tinytl.compiler.program import MAX_RANK
from tinytl.errors import CompileError, UnsupportedOperator

SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
MAX_INPUT_ELEMENTS = 2**24
EDGE_DTYPES = ("int8", "uint8", "float32")

_DTYPES = {number: name.lower() for name, number in vars(tflite.TensorType).items() if isinstance(number, int)}
_OPERATORS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_TABLES = {number: name for name, number in vars(tflite.BuiltinOptions).items() if isinstance(number, int)}
_BROKEN = (struct.error, IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError)
_EXPORT_HINT = "export it again with tf.lite.TFLiteConverter"
_BATCH_HINT = "build the model with batch_size=1, or without one (keras.Input(shape)), and convert it again"


def read(data: bytes) -> Graph:
    """Parse and check a .tflite file.

    Args:
        data: the whole file.

    Returns:
        The graph as the file tells it, batch 1.

    Raises:
        CompileError: see the module's docstring.
    """
    if data[4:8] != IDENTIFIER:
        raise CompileError(f"the file is no TFLite model: bytes 4 to 7 are {data[4:8]!r}", expected=repr(IDENTIFIER), hint=_EXPORT_HINT)
    try:
        return _Reader(bytes(data)).graph()
    except _BROKEN as error:
        raise CompileError(
            f"the TFLite file of {len(data)} bytes is cut short or damaged ({type(error).__name__} while reading)",
            expected="a whole file",
            hint=_EXPORT_HINT,
        ) from error


class _Reader:
    """Walks the flatbuffer once. Flatbuffers has no verifier in Python: counts are bounded by the file's size here."""

    def __init__(self, data: bytes) -> None:
        self._limit = len(data)
        self._model = tflite.Model.GetRootAs(data, 0)
        version = self._model.Version()
        if version != SCHEMA_VERSION:
            raise CompileError(f"TFLite schema version {version}", expected=str(SCHEMA_VERSION), hint=_EXPORT_HINT)
        self._subgraph = self._model.Subgraphs(0)
        self._unusual: dict[int, str] = {}  # number of a tensor → what it is, if not a dense constant or activation

    def graph(self) -> Graph:
        tensors = [self._tensor(i) for i in range(self._count(self._subgraph.TensorsLength()))]
        refuse_foreign(self._model.SubgraphsLength(), self._kinds(tensors))
        inputs = self._numbers(self._subgraph, "Inputs", len(tensors))
        outputs = self._numbers(self._subgraph, "Outputs", len(tensors))
        for number in inputs:
            tensors[number] = _fixed_batch(tensors[number], self._signature(number))
        operators = range(self._count(self._subgraph.OperatorsLength()))
        nodes = [node for i in operators for node in self._nodes(i, tensors)]
        graph = Graph(tuple(tensors), tuple(nodes), inputs, outputs)
        _check_flow(graph)
        return graph

    def _kinds(self, tensors: list[Tensor]) -> list[tuple[str, list[str]]]:
        """Return name and input types of each operator."""
        tables = [self._subgraph.Operators(i) for i in range(self._count(self._subgraph.OperatorsLength()))]
        numbers = [self._numbers(table, "Inputs", len(tensors), optional=True) for table in tables]
        dtypes = [["" if number == ABSENT else tensors[number].dtype for number in inputs] for inputs in numbers]
        return [(self._operator(table)[0], input_types) for table, input_types in zip(tables, dtypes, strict=True)]

    def _count(self, length: int) -> int:
        if not 0 <= length <= self._limit:
            raise ValueError(f"a count of {length} in {self._limit} bytes")
        return length

    def _numbers(self, table: Any, name: str, limit: int, *, optional: bool = False) -> tuple[int, ...]:
        """Return a vector of tensor numbers, each in range."""
        read_one = getattr(table, name)
        numbers = tuple(int(read_one(i)) for i in range(self._count(getattr(table, f"{name}Length")())))
        for number in numbers:
            if not (0 <= number < limit or (optional and number == ABSENT)):
                raise ValueError(f"tensor number {number} of {limit}")
        return numbers

    def _signature(self, number: int) -> tuple[int, ...]:
        table = self._subgraph.Tensors(number)
        return tuple(int(table.ShapeSignature(i)) for i in range(self._count(table.ShapeSignatureLength())))

    def _tensor(self, number: int) -> Tensor:
        table = self._subgraph.Tensors(number)
        name = (table.Name() or b"").decode("utf-8", "replace")
        dtype = _DTYPES.get(table.Type(), f"type number {table.Type()}")
        shape = tuple(int(table.Shape(i)) for i in range(self._count(table.ShapeLength())))
        if table.Sparsity() is not None or table.IsVariable():
            self._unusual[number] = "sparse" if table.Sparsity() is not None else "a variable"
        return Tensor(name, shape, dtype, self._quantization(table.Quantization()), self._data(table, name, dtype, shape))

    def _quantization(self, table: Any) -> Quantization | None:
        if table is None or not self._count(table.ScaleLength()):
            return None
        scales = tuple(np.float32(table.Scale(i)) for i in range(table.ScaleLength()))
        points = tuple(int(table.ZeroPoint(i)) for i in range(self._count(table.ZeroPointLength()))) or (0,)
        if len(points) not in (1, len(scales)):
            raise ValueError(f"{len(points)} zero points for {len(scales)} scales")
        return Quantization(scales, points, int(table.QuantizedDimension()))

    def _data(self, table: Any, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return a constant's content, None for what the graph computes or for types that no operator here takes."""
        if dtype not in ELEMENT_BYTES:
            return None
        if any(side < 0 for side in shape):
            return None  # of an activation with an open side; a constant is missed where it is read
        if 0 in shape:
            return np.zeros(shape, dtype)
        buffer = self._model.Buffers(table.Buffer())
        if buffer.Offset() > 1:
            raise CompileError(f"tensor {name!r} is stored outside the flatbuffer", expected="a file under 2 GB")
        if not buffer.DataLength():
            return None
        content = np.array(buffer.DataAsNumpy(), np.uint8)
        return content.view(np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)

    def _nodes(self, index: int, tensors: list[Tensor]) -> list[Node]:
        """Return an operator's node, or one for each output."""
        table = self._subgraph.Operators(index)
        inputs = self._numbers(table, "Inputs", len(tensors), optional=True)
        outputs = self._numbers(table, "Outputs", len(tensors))
        operator, version = self._operator(table)
        name = tensors[outputs[0]].name if outputs else ""
        node = Node(index, operator, version, name, inputs, outputs)
        if operator not in RULES or version > RULES[operator].versions:
            raise UnsupportedOperator(
                f"{node.place} is not supported",
                expected=f"one of {supported_list()}",
                hint="replace the layer in the model it was converted from",
            )
        if (len(outputs) != 1 and not (outputs and RULES[operator].many)) or not inputs:
            raise node.refuse(f"{len(inputs)} inputs and {len(outputs)} outputs", expected="inputs and one output")
        _check_dtypes(node, tensors)
        self._check_kinds(node, tensors)
        options = self._options(node, table)
        intermediates = self._numbers(table, "Intermediates", len(tensors), optional=True)
        return [
            Node(index, operator, version, tensors[number].name, inputs, (number,), options, part, len(outputs), intermediates)
            for part, number in enumerate(outputs)
        ]

    def _check_kinds(self, node: Node, tensors: list[Tensor]) -> None:
        """Refuse sparse tensors, and variables but where the operator keeps a state."""
        for position, number in enumerate((*node.inputs, *node.outputs)):
            if number == ABSENT:
                continue
            kind = self._unusual.get(number, "dense")
            requirement = "a variable" if position in RULES[node.operator].states else "dense"
            if kind != requirement:
                expected = "dense constants and activations" if requirement == "dense" else "a variable, the operator's state"
                raise node.refuse(f"tensor {tensors[number].name!r} is {kind}", expected=expected)

    def _operator(self, table: Any) -> tuple[str, int]:
        code = self._model.OperatorCodes(table.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == tflite.BuiltinOperator.CUSTOM:
            return f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', 'replace')}", code.Version()
        return _OPERATORS.get(number, f"number {number}"), code.Version()

    def _options(self, node: Node, table: Any) -> Options:
        rule = RULES[node.operator]
        schema, content = _TABLES.get(table.BuiltinOptionsType(), "?"), table.BuiltinOptions()
        if not rule.schema or schema == "NONE" or content is None:
            return rule.options
        if schema != rule.schema:
            raise node.refuse(f"carries {schema}", expected=rule.schema)
        options = getattr(tflite, rule.schema)()
        options.Init(content.Bytes, content.Pos)
        return READERS[rule.schema](options)


def _check_dtypes(node: Node, tensors: list[Tensor]) -> None:
    for position, number in enumerate((*node.inputs, *node.outputs)):
        if number != ABSENT and tensors[number].dtype not in ELEMENT_BYTES:
            role = f"input {position}" if position < len(node.inputs) else "the output"
            raise node.refuse(f"{role} is {tensors[number].dtype}", expected=", ".join(ELEMENT_BYTES))


def _fixed_batch(tensor: Tensor, signature: tuple[int, ...]) -> Tensor:
    """Return an input with batch 1 where the file leaves the batch open."""
    sides = signature or tensor.shape
    shape = tuple(1 if position == 0 and side == -1 else side for position, side in enumerate(sides))
    if any(side < 1 for side in shape):
        raise CompileError(
            f"graph input {tensor.name!r} has shape {list(sides)}",
            expected="fixed sides; only the batch (the first) may be open",
            hint="set the input shape before the conversion",
        )
    if len(shape) > MAX_RANK or prod(shape) > MAX_INPUT_ELEMENTS:
        raise CompileError(
            f"graph input {tensor.name!r} has shape {list(shape)}",
            expected=f"at most {MAX_RANK} dimensions and {MAX_INPUT_ELEMENTS:,} values",
        )
    if len(shape) > 1 and shape[0] != 1:
        raise CompileError(f"graph input {tensor.name!r} has a batch of {shape[0]}", expected="1", hint=_BATCH_HINT)
    if tensor.dtype not in EDGE_DTYPES:
        raise CompileError(f"graph input {tensor.name!r} is {tensor.dtype}", expected=", ".join(EDGE_DTYPES))
    return Tensor(tensor.name, shape, tensor.dtype, tensor.quantization)


def _check_flow(graph: Graph) -> None:
    """Refuse a graph whose operators do not stand in the order of their data."""
    known = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None} | set(graph.inputs)
    for node in graph.nodes:
        for position in RULES[node.operator].states:
            number = node.inputs[position] if position < len(node.inputs) else ABSENT
            if number in known:
                fault = f"its state {graph.tensors[number].name!r} is not its own"
                raise node.refuse(fault, expected="a variable that nothing else writes")
            known.add(number)
        for number in node.inputs:
            if number != ABSENT and number not in known:
                raise node.refuse(f"input {graph.tensors[number].name!r} is computed by no earlier operator")
        if node.outputs[0] in known:
            raise node.refuse("the output is written twice")
        known.add(node.outputs[0])
    if not graph.inputs or not graph.outputs:
        raise CompileError(f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs", expected="both")
    for number in graph.outputs:
        if number not in known:
            raise CompileError(f"graph output {graph.tensors[number].name!r} is computed by no operator")
