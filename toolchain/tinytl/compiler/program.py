# SPDX-License-Identifier: Apache-2.0
"""The program: what an image holds, before it has addresses. Lowering fills a `Builder`, which turns into a `Program`.

Tensors are views of storages; a storage is one run of bytes in the arena, which several views (aliases of a reshape)
may share. Constants have data and no storage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from tinytl.compiler.arithmetic.multipliers import DOMAINS
from tinytl.compiler.dtypes import ELEMENT_BYTES
from tinytl.compiler.graph import Graph, Node, Tensor
from tinytl.compiler.kinds import OperatorKind
from tinytl.compiler.naming import layer_name
from tinytl.compiler.variants import VARIANTS
from tinytl.errors import CompileError

MAX_RANK = 4
MAX_MACS = 2**32 - 1
MAX_SCALE = 3e38
CONSTANT = -1
"""Storage of a tensor that lies in the image."""


@dataclass(frozen=True)
class ProgramTensor:
    """One tensor record to be.

    storage_offset: bytes from its storage's beginning, a multiple of 16. data: of a constant, C-contiguous, of `dtype` and `dims`.
    """

    name: str
    dtype: str
    dims: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0
    storage: int = CONSTANT
    data: np.ndarray | None = None
    storage_offset: int = 0

    @property
    def bytes(self) -> int:
        return prod(self.dims) * ELEMENT_BYTES[self.dtype]


@dataclass(frozen=True)
class ProgramOperator:
    """One operator record to be.

    inputs, outputs: tensor numbers; parameters: int32, in the order of its kernel. kernel: its number, 0 for the
    portable one; kernel_name and instructions (expected, Cortex-M4; 0: not known) are for reports. origin: its number
    before its stage was cut into strips.
    """

    kind: OperatorKind
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: tuple[int, ...]
    macs: int
    scratch_bytes: int = 0
    kernel: int = 0
    kernel_name: str = "portable"
    instructions: int = 0
    origin: int = -1


@dataclass(frozen=True)
class Program:
    """Tensors, operators in order, graph inputs and outputs (tensor numbers).

    distances: (storage written, storage read) of strips → least bytes between their beginnings with which they may overlap.
    """

    tensors: tuple[ProgramTensor, ...]
    operators: tuple[ProgramOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    distances: Mapping[tuple[int, int], int] = field(default_factory=dict)


def parameters_of(operator: ProgramOperator) -> dict[str, int]:
    """Return the parameters of an operator by name, as its kernel has them."""
    names = VARIANTS[operator.kind.code, operator.kernel].parameters if operator.kernel else operator.kind.parameters
    return dict(zip(names, operator.parameters, strict=True))


def operand(program: Program, operator: ProgramOperator, position: int) -> ProgramTensor:
    """Return the tensor of an input.

    Args:
        program: that holds the operator. operator: of it. position: of the input.
    """
    return program.tensors[operator.inputs[position]]


def constant_data(program: Program, operator: ProgramOperator, position: int) -> np.ndarray:
    """Return a constant input as int64.

    Args:
        program, operator, position: as for `operand`.

    Raises:
        ValueError: the input is no constant: lowering never makes that.
    """
    data = operand(program, operator, position).data
    if data is None:
        raise ValueError(f"input {position} of {operator.name} is no constant")
    return data.astype(np.int64)


def compacted(program: Program) -> Program:
    """Drop tensors that no operator names, and number the others anew."""
    used = {number for operator in program.operators for number in (*operator.inputs, *operator.outputs)}
    used |= {*program.inputs, *program.outputs}
    numbers = {old: new for new, old in enumerate(sorted(used))}

    def renumbered(old: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(numbers[number] for number in old)

    return replace(
        program,
        tensors=tuple(program.tensors[number] for number in numbers),
        operators=tuple(
            replace(operator, inputs=renumbered(operator.inputs), outputs=renumbered(operator.outputs)) for operator in program.operators
        ),
        inputs=renumbered(program.inputs),
        outputs=renumbered(program.outputs),
    )


def _meaning(tensor: Tensor) -> tuple[float, int]:
    """Return scale and zero point of an 8-bit tensor, zeros for others.

    Raises:
        CompileError: a scale that is negative or not finite, or a zero point outside the type.
    """
    if tensor.dtype not in DOMAINS or tensor.quantization is None:
        return 0.0, 0
    low, high = DOMAINS[tensor.dtype]
    if not 0 <= float(tensor.scale) < MAX_SCALE or not low <= tensor.zero_point <= high:
        raise CompileError(
            f"tensor {tensor.name!r} has scale {float(tensor.scale):g} and zero point {tensor.zero_point}",
            expected=f"a finite scale ≥ 0 and {low} to {high}",
        )
    return float(tensor.scale), tensor.zero_point


@dataclass
class Builder:
    """Collects a program while rules lower the nodes of `graph`; the only mutable state of the compiler."""

    graph: Graph
    tensors: list[ProgramTensor] = field(default_factory=list)
    operators: list[ProgramOperator] = field(default_factory=list)
    _numbers: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)

    def tensor(self, number: int, dims: tuple[int, ...] | None = None) -> int:
        """Return the program's number of a graph tensor, seen with other dims (of as many elements) if given."""
        source = self.graph.tensors[number]
        shape = source.shape if dims is None else dims
        if 0 in shape or len(shape) > MAX_RANK:
            expected = "no empty side" if 0 in shape else f"at most {MAX_RANK} dimensions"
            raise CompileError(f"tensor {source.name!r} has shape {list(shape)}", expected=expected)
        if (number, shape) not in self._numbers:
            stored = self.graph.tensors[self.graph.storage(number)].data  # a constant's alias is one too
            data = None if stored is None else np.ascontiguousarray(stored).reshape(shape)
            storage = CONSTANT if data is not None else self.graph.storage(number)
            scale, zero_point = _meaning(source)
            self._numbers[number, shape] = self._append(ProgramTensor(source.name, source.dtype, shape, scale, zero_point, storage, data))
        return self._numbers[number, shape]

    def temporary(self, number: int, dims: tuple[int, ...]) -> int:
        """Add an activation that the file does not have, of a graph tensor's meaning."""
        source = self.graph.tensors[number]
        storage = len(self.graph.tensors) + len(self.tensors)  # graph tensors have the numbers below
        return self._append(ProgramTensor(source.name, source.dtype, dims, *_meaning(source), storage))

    def constant(self, name: str, data: np.ndarray, dtype: str) -> int:
        """Add a constant that the compiler computed, and return its number.

        Args:
            name: for reports. data: any shape. dtype: that it is stored as, one of `ELEMENT_BYTES`.
        """
        array = np.ascontiguousarray(data, dtype=np.dtype(dtype))
        return self._append(ProgramTensor(name, dtype, tuple(array.shape), data=array))

    def emit(
        self,
        node: Node,
        kind: OperatorKind,
        inputs: tuple[int, ...],
        parameters: tuple[int, ...] = (),
        *,
        macs: int = 0,
        scratch_bytes: int = 0,
        output: int | None = None,
    ) -> None:
        """Append the image operator that computes a node's output, or the program's tensor `output`.

        Args:
            node: whose name the operator gets. kind: of the image. inputs: tensor numbers of the program.
            parameters: as many as the kind has, int32.
            macs: multiply-accumulates, `MAX_MACS` at most. scratch_bytes: that it needs while it runs.
            output: tensor number of the program; None: the node's own output.

        Raises:
            CompileError: more multiply-accumulates, or a parameter beyond int32. ValueError: another number of parameters.
        """
        if len(parameters) != len(kind.parameters):
            raise ValueError(f"{kind.name} takes {len(kind.parameters)} parameters, not {len(parameters)}")
        if macs > MAX_MACS:
            raise node.refuse(f"takes {macs:,} multiply-accumulates", expected=f"at most {MAX_MACS:,}")
        if any(not -(2**31) <= value < 2**31 for value in parameters):
            raise node.refuse(f"a parameter of {parameters} does not fit", expected="32-bit integers")
        outputs = (self.tensor(node.outputs[0]) if output is None else output,)
        name = layer_name(node.name) or kind.name
        self.operators.append(ProgramOperator(kind, name, inputs, outputs, parameters, macs, scratch_bytes))

    def program(self) -> Program:
        """Close the program.

        Raises:
            CompileError: an output became a constant when passes dropped what only copies.
        """
        inputs = tuple(self.tensor(number) for number in self.graph.inputs)
        outputs = tuple(self.tensor(number) for number in self.graph.outputs)
        for number in outputs:
            if self.tensors[number].storage == CONSTANT:
                raise CompileError(f"graph output {self.tensors[number].name!r} is a constant", expected="outputs that depend on the input")
        return Program(tuple(self.tensors), tuple(self.operators), inputs, outputs)

    def _append(self, tensor: ProgramTensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1
