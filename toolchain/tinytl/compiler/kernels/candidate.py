# SPDX-License-Identifier: Apache-2.0
"""A way to run an operator: which kernel, with which constants, parameters and scratch, at what cost."""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.kernels.timing import NO_INNER_LOOPS, InnerLoops
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
        inner: those of the instructions that are loops over weights in flash.
    """

    variant: Variant
    inputs: tuple[int, ...]
    constants: tuple[Constant, ...]
    parameters: tuple[int, ...]
    scratch_bytes: int
    instructions: int
    weight_bytes: int
    inner: InnerLoops = NO_INNER_LOOPS

    @property
    def constant_bytes(self) -> int:
        return sum(constant.data.nbytes for constant in self.constants)
