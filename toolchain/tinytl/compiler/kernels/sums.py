# SPDX-License-Identifier: Apache-2.0
"""The sums of a convolution or fully connected layer as a matrix: rows of weights, true biases, which sums can occur, and the output that
TFLite makes of each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of

Rescaling = Callable[[np.ndarray], np.ndarray]
"""Sums (channels, n) int64 → outputs (channels, n) int64, clamped."""
_INT32 = 2**31


def wraps(low: np.ndarray, high: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    """Tell, channel by channel, whether sum × 2^shift can leave int32, where TFLite's reference wraps and the output no longer grows with
    the sum.

    Args:
        low, high: (channels,) int64: smallest and largest sum. shift: (channels,), counted where positive; None: no shift to the left.
    """
    left = np.int64(0) if shift is None else np.maximum(shift, 0)
    return ((low << left) < -_INT32) | ((high << left) >= _INT32)


@dataclass(frozen=True)
class Reference:
    """What is to be reproduced.

    Attributes:
        rescale: sums (channels, n) int64 → outputs (channels, n) int64, clamped; grows with the sum where `monotonic`.
        factor: (channels,) float64: output per sum, about.
        low, high: (channels,) int64: smallest and largest sum that can occur.
        zero_point, act_min, act_max: of the output.
        multiplier, shift: (channels,) int64, or None where the reference does not rescale in fixed point.
    """

    rescale: Rescaling
    factor: np.ndarray
    low: np.ndarray
    high: np.ndarray
    zero_point: int
    act_min: int
    act_max: int
    multiplier: np.ndarray | None = None
    shift: np.ndarray | None = None

    @property
    def monotonic(self) -> bool:
        """Whether no sum that can occur wraps in any channel, so that `rescale` is the reference and grows with the sum."""
        return not wraps(self.low, self.high, self.shift).any()


def fixed_point(multiplier: np.ndarray, shift: np.ndarray, zero_point: int, act_min: int, act_max: int) -> Rescaling:
    """Return TFLite's per-channel rescaling in fixed point, for sums (channels, n) that do not wrap.

    Args:
        multiplier: (channels,) int64: mantissas, 0 or within (2^29, 2^31). shift: (channels,) int64, positive to the left.
        zero_point, act_min, act_max: of the output.
    """
    left, right = np.maximum(shift, 0)[:, None], np.maximum(-shift, 0)[:, None]
    factor = multiplier[:, None]

    def rescale(sums: np.ndarray) -> np.ndarray:
        high = ((sums << left) * factor + (1 << 30)) >> 31
        half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
        rounded = (high + half - (high < 0) * (right > 0)) >> right
        return np.clip(rounded + zero_point, act_min, act_max)

    return rescale


def wide(high: np.ndarray, low: np.ndarray, shift: np.ndarray, zero_point: int, act_min: int, act_max: int) -> Rescaling:
    """Return the fully connected layer's rescaling (SPEC.md section 2.4), for sums (channels, n) within int32.

    Args:
        high, low: (channels,) int64: upper and lower 31 bits of the mantissas. shift: (channels,) int64, positive to the left, 31 at most.
        zero_point, act_min, act_max: of the output.
    """
    bits = (31 - shift)[:, None]

    def rescale(sums: np.ndarray) -> np.ndarray:
        magnitude = np.abs(sums)
        product = magnitude * high[:, None] + ((magnitude * low[:, None]) >> 31)
        half = np.where(bits > 0, np.int64(1) << np.clip(bits - 1, 0, 61), 0)
        rounded = np.where(sums < 0, -1, 1) * ((product + half) >> np.minimum(bits, 62))
        return np.clip(rounded + zero_point, act_min, act_max)

    return rescale


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


def extremes(weights: np.ndarray, biases: np.ndarray, zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest sum of each channel over all int8 inputs, (channels,) int64.

    Args:
        weights: (channels, K) int64. biases: (channels,) int64. zero_point: of the input.
    """
    low, high = weights * (-128 - zero_point), weights * (127 - zero_point)
    return biases + np.minimum(low, high).sum(1), biases + np.maximum(low, high).sum(1)


def sums_of(program: Program, operator: ProgramOperator, weights: np.ndarray) -> Sums:
    """Collect the sums of an operator whose operands are input, weights, bias, multiplier, shift (, multiplier_low).

    Args:
        program: lowered. operator: of it, with portable parameters. weights: (channels, K) int64, taken apart by the caller.
    """
    biases, multiplier, shift = (constant_data(program, operator, position) for position in (2, 3, 4))
    output = program.tensors[operator.outputs[0]]
    parameters = parameters_of(operator)
    act = parameters["act_min"], parameters["act_max"]
    zero_point = operand(program, operator, 0).zero_point
    low, high = extremes(weights, biases, zero_point)
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
