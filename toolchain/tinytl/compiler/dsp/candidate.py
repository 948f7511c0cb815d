# SPDX-License-Identifier: Apache-2.0
"""A way to run an operator: which kernel, with which constants, parameters and scratch, at what cost."""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.program import Program, ProgramOperator, ProgramTensor
from tinytl.compiler.variants import Variant


@dataclass(frozen=True)
class Constant:
    """A packed constant. name: its part of the tensor's name."""

    name: str
    data: np.ndarray
    dtype: str


@dataclass(frozen=True)
class Candidate:
    """One kernel for one operator.

    Attributes:
        variant: the kernel.
        inputs: tensor numbers of the operator that the kernel reads in the arena.
        constants: packed; follow the inputs in the operand list.
        parameters: int32, in the kernel's order.
        scratch_bytes: in the arena while it runs.
        instructions: expected on a Cortex-M4, of one inference.
        weight_bytes: of what stands for the int8 weights; tables of biases and multipliers are not in it.
    """

    variant: Variant
    inputs: tuple[int, ...]
    constants: tuple[Constant, ...]
    parameters: tuple[int, ...]
    scratch_bytes: int
    instructions: int
    weight_bytes: int

    @property
    def constant_bytes(self) -> int:
        return sum(each.data.nbytes for each in self.constants)


def operand(program: Program, operator: ProgramOperator, position: int) -> ProgramTensor:
    """Return the tensor of an input."""
    return program.tensors[operator.inputs[position]]


def constant_data(program: Program, operator: ProgramOperator, position: int) -> np.ndarray:
    """Return a constant input as int64.

    Raises:
        ValueError: the input is no constant: lowering never makes that.
    """
    data = operand(program, operator, position).data
    if data is None:
        raise ValueError(f"input {position} of {operator.name} is no constant")
    return data.astype(np.int64)
