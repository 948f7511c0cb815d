# SPDX-License-Identifier: Apache-2.0
"""The sums of a convolution or fully connected layer as a matrix: rows of weights, true biases, and what can occur."""

from dataclasses import dataclass

import numpy as np

from tinytl.compiler.dsp.candidate import constant_data, operand
from tinytl.compiler.dsp.rescaling import Reference, fixed_point, wide
from tinytl.compiler.program import Program, ProgramOperator, parameters_of


@dataclass(frozen=True)
class Sums:
    """sum = biases + Σ weights · (input − input_zero_point).

    Attributes:
        weights: (channels, K) int64, in the order of the window's bytes.
        biases: (channels,) int64.
        reference: how a sum becomes an output, and which sums can occur.
    """

    weights: np.ndarray
    biases: np.ndarray
    input_zero_point: int
    reference: Reference

    @property
    def folded(self) -> np.ndarray:
        """The biases of a sum over raw inputs: the zero point's part is in them."""
        return self.biases - self.input_zero_point * self.weights.sum(1)


def _extremes(weights: np.ndarray, biases: np.ndarray, zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = weights * (-128 - zero_point), weights * (127 - zero_point)
    return biases + np.minimum(low, high).sum(1), biases + np.maximum(low, high).sum(1)


def sums_of(program: Program, operator: ProgramOperator, weights: np.ndarray) -> Sums:
    """Collect the sums of an operator whose operands are input, weights, bias, multiplier, shift (, multiplier_low).

    Args:
        weights: (channels, K) int64, taken apart by the caller.
    """
    biases, multiplier, shift = (constant_data(program, operator, position) for position in (2, 3, 4))
    output = program.tensors[operator.outputs[0]]
    parameters = parameters_of(operator)
    act = parameters["act_min"], parameters["act_max"]
    zero_point = operand(program, operator, 0).zero_point
    low, high = _extremes(weights, biases, zero_point)
    factor = np.ldexp(multiplier.astype(np.float64), (shift - 31).astype(np.int32))
    if len(operator.inputs) > 5:
        words = constant_data(program, operator, 5)
        factor = factor + np.ldexp(words.astype(np.float64), (shift - 62).astype(np.int32))
        rescale = wide(multiplier, words, shift, output.zero_point, *act)
        reference = Reference(rescale, factor, low, high, output.zero_point, *act)
    else:
        rescale = fixed_point(multiplier, shift, output.zero_point, *act)
        reference = Reference(rescale, factor, low, high, output.zero_point, *act, multiplier, shift)
    return Sums(weights, biases, zero_point, reference)
