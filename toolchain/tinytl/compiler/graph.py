# SPDX-License-Identifier: Apache-2.0
"""The graph as TFLite tells it: tensors, nodes with typed options, inputs and outputs. Every stage takes and returns
one.

Tensors are numbered as in the file; a pass never renumbers them. `aliases` names tensors whose bytes are another
tensor's (a reshape that moves nothing). Invariant: nodes stand in an order in which every input is known before it is
used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

import numpy as np

from tinytl.compiler.dtypes import ELEMENT_BYTES
from tinytl.compiler.options import NoOptions, Options
from tinytl.errors import CompileError

ABSENT = -1
"""Number of an optional input that is not there (TFLite writes a missing bias so)."""


@dataclass(frozen=True)
class Quantization:
    """real = scale × (q − zero_point), one pair for the tensor or one for each index of `dimension`."""

    scales: tuple[np.float32, ...]
    zero_points: tuple[int, ...]
    dimension: int = 0


@dataclass(frozen=True)
class Tensor:
    """One tensor. data: constant content of `shape` and `dtype`; None where an operator or the user writes it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: np.ndarray | None = None

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * ELEMENT_BYTES[self.dtype]

    @property
    def scale(self) -> np.float32:
        """Scale of the whole tensor; 0 where it is not quantized."""
        return self.quantization.scales[0] if self.quantization else np.float32(0)

    @property
    def zero_point(self) -> int:
        return self.quantization.zero_points[0] if self.quantization else 0


@dataclass(frozen=True)
class Node:
    """One TFLite operator. index: its place in the file; name: its first output's name.

    An operator of several outputs (SPLIT, UNPACK) becomes as many nodes of one output; part: which one, of `parts`.
    intermediates: tensors that only tell how a value inside the operator is quantized.
    """

    index: int
    operator: str
    version: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options = field(default_factory=NoOptions)
    part: int = 0
    parts: int = 1
    intermediates: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """Where it stands, as every refusal begins."""
        return f"operator {self.index}, {self.operator} version {self.version} (output {self.name!r})"

    def refuse(self, problem: str, *, expected: str = "", hint: str = "") -> CompileError:
        """Return the refusal of this node.

        Args:
            problem: what is wrong, with its value; the node's place is put before it. expected: what the compiler takes.
            hint: what to do next.
        """
        return CompileError(f"{self.place}: {problem}", expected=expected, hint=hint)


@dataclass(frozen=True)
class Graph:
    """A whole model. aliases: tensor number → number of the tensor whose bytes it shares."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    aliases: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def input(self, node: Node, position: int) -> Tensor:
        """Return a node's input tensor. Raises CompileError where the file leaves it out."""
        number = node.inputs[position] if position < len(node.inputs) else ABSENT
        if number == ABSENT:
            raise node.refuse(f"input {position} is missing")
        return self.tensors[number]

    def optional_input(self, node: Node, position: int) -> Tensor | None:
        """Return a node's input tensor, or None where the file leaves it out."""
        number = node.inputs[position] if position < len(node.inputs) else ABSENT
        return None if number == ABSENT else self.tensors[number]

    def output(self, node: Node) -> Tensor:
        return self.tensors[node.outputs[0]]

    def storage(self, number: int) -> int:
        """Return the tensor whose bytes a tensor's are."""
        while number in self.aliases:
            number = self.aliases[number]
        return number
