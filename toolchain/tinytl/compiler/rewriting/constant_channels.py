# SPDX-License-Identifier: Apache-2.0
"""Between lowering and kernel selection: `Program` → `Program` without channels that are constant or that nobody reads.

A channel is constant if its output byte is the same for every sum that can occur: interval analysis over the weights, with
the exact rescaling, from what is known of the input's channels; of a sum that may wrap nothing is known but the clamp.
A layer that reads it adds w · (value − zero point) to its bias instead. Where the window reaches over the input's edge, that is
exact only for a value equal to the zero point, since the places outside add nothing. Pruned models have many such channels: a third
of the published visual wake words model.

Bounds, front to back, then what may go, back to front; then every layer is cut once. A channel count stays a multiple of
`multiple`, which fast kernels need.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from tinytl.compiler.kernels.sums import fixed_point, wide, wraps
from tinytl.compiler.kinds import AVERAGE_POOL_2D, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MEAN, RESHAPE
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor, constant_data, operand, parameters_of

MULTIPLE = 4
_WEIGHTED = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED)
_POOLED = (AVERAGE_POOL_2D, MEAN, RESHAPE)
_SPATIAL = 0b0110
"""Axes mask of a mean over height and width."""


@dataclass(frozen=True)
class Bounds:
    """Per channel of a storage: smallest and largest byte that can occur, int64."""

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        return self.low == self.high


@dataclass
class _Analysis:
    """What is known of a program: bounds by storage, and which channels go."""

    program: Program
    bounds: dict[int, Bounds] = field(default_factory=dict)
    gone: dict[int, np.ndarray] = field(default_factory=dict)


def fold_constant_channels(program: Program, multiple: int = MULTIPLE) -> Program:
    """Return the program without constant and unread channels; the same object where there are none.

    Args:
        multiple: channel counts stay multiples of it, as far as they were at least that.
    """
    analysis = _Analysis(program)
    for operator in program.operators:
        storage = program.tensors[operator.outputs[0]].storage
        analysis.bounds[storage] = _output_bounds(analysis, operator)
    for operator in reversed(program.operators):
        storage = program.tensors[operator.outputs[0]].storage
        analysis.gone[storage] = _removable(analysis, operator, multiple)
    while _settle(analysis, multiple):
        pass
    if not any(mask.any() for mask in analysis.gone.values()):
        return program
    return _cut(analysis)


# ---- bounds


def _channels(tensor: ProgramTensor) -> int:
    return tensor.dims[-1] if tensor.dims else 1


def _known(analysis: _Analysis, tensor: ProgramTensor) -> Bounds:
    """Return the bounds of a tensor's channels, the whole type where nothing is known or a view has other channels."""
    channels = _channels(tensor)
    known = analysis.bounds.get(tensor.storage)
    if known is not None and len(known.low) == channels:
        return known
    return Bounds(np.full(channels, -128), np.full(channels, 127))


def _output_bounds(analysis: _Analysis, operator: ProgramOperator) -> Bounds:
    output = analysis.program.tensors[operator.outputs[0]]
    everything = Bounds(np.full(_channels(output), -128), np.full(_channels(output), 127))
    if output.dtype != "int8" or operator.kernel:
        return everything
    if operator.kind in _WEIGHTED:
        return _weighted_bounds(analysis, operator)
    source = operand(analysis.program, operator, 0)
    if operator.kind is AVERAGE_POOL_2D and source.dtype == "int8":
        named, known = parameters_of(operator), _known(analysis, source)
        return Bounds(*(np.clip(end, named["act_min"], named["act_max"]) for end in (known.low, known.high)))
    return everything


def _weighted_bounds(analysis: _Analysis, operator: ProgramOperator) -> Bounds:
    program = analysis.program
    source, weights = operand(program, operator, 0), constant_data(program, operator, 1)
    biases = constant_data(program, operator, 2)
    if not _readable(operator, source, weights):
        known = Bounds(np.full(_depth(operator, weights), -128), np.full(_depth(operator, weights), 127))
    else:
        known = _known(analysis, source)
    low, high = known.low - source.zero_point, known.high - source.zero_point
    if _padded(program, operator, weights):
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    if operator.kind is DEPTHWISE_CONV_2D:
        repeats = weights.shape[3] // len(low)
        ends = np.repeat(low, repeats), np.repeat(high, repeats)
        products = [weights * end for end in ends]
        axes: tuple[int, ...] = (0, 1, 2)
    else:
        products = [weights * end for end in (low, high)]
        axes = tuple(range(1, weights.ndim))
    least = biases + np.minimum(*products).sum(axes)
    most = biases + np.maximum(*products).sum(axes)
    unknown = wraps(least, most, None if operator.kind is FULLY_CONNECTED else constant_data(program, operator, 4))
    rescale, named = _rescale(program, operator), parameters_of(operator)
    known_ends = (rescale(np.where(unknown, 0, end)[:, None])[:, 0] for end in (least, most))
    low, high = (np.where(unknown, named[clamp], end) for end, clamp in zip(known_ends, ("act_min", "act_max"), strict=True))
    return Bounds(low, high)


def _depth(operator: ProgramOperator, weights: np.ndarray) -> int:
    """Input channels that one weight row sees: all of them, or one each."""
    if operator.kind is DEPTHWISE_CONV_2D:
        return int(weights.shape[3]) // parameters_of(operator)["depth_multiplier"]
    return int(weights.shape[-1])


def _readable(operator: ProgramOperator, source: ProgramTensor, weights: np.ndarray) -> bool:
    """Tell whether the channels of the input are those of the weights: no groups, no flattened image."""
    return source.dtype == "int8" and _channels(source) == _depth(operator, weights)


def _rescale(program: Program, operator: ProgramOperator) -> Callable[[np.ndarray], np.ndarray]:
    named, output = parameters_of(operator), program.tensors[operator.outputs[0]]
    multiplier, shift = constant_data(program, operator, 3), constant_data(program, operator, 4)
    ends = output.zero_point, named["act_min"], named["act_max"]
    if operator.kind is FULLY_CONNECTED:
        return wide(multiplier, constant_data(program, operator, 5), shift, *ends)
    return fixed_point(multiplier, shift, *ends)


def _padded(program: Program, operator: ProgramOperator, weights: np.ndarray) -> bool:
    """Tell whether any window reaches beside the input."""
    if operator.kind is FULLY_CONNECTED:
        return False
    named = parameters_of(operator)
    source, output = operand(program, operator, 0), program.tensors[operator.outputs[0]]
    for side, axis in (("h", 1), ("w", 2)):
        pad = named["pad_top" if side == "h" else "pad_left"]
        reach = (weights.shape[axis] - 1) * named[f"dilation_{side}"] + 1
        last = (output.dims[axis] - 1) * named[f"stride_{side}"] - pad + reach
        if pad or last > source.dims[axis]:
            return True
    return False


# ---- what may go


def _removable(analysis: _Analysis, operator: ProgramOperator, multiple: int) -> np.ndarray:
    """Return a mask of the output's channels: those that every reader can do without."""
    program = analysis.program
    output = program.tensors[operator.outputs[0]]
    nothing = np.zeros(_channels(output), bool)
    outputs = {program.tensors[number].storage for number in program.outputs}
    producible = operator.kind in (*_WEIGHTED, AVERAGE_POOL_2D, MEAN)
    if not producible or output.storage in outputs or operator.kernel or _grouped(program, operator):
        return nothing
    if operator.kind in _POOLED and not _pools_channels(program, operator):
        return nothing
    mask = ~nothing
    for reader in program.operators:
        for position, number in enumerate(reader.inputs):
            if program.tensors[number].storage == output.storage:
                mask &= _spared(analysis, reader, position, len(nothing))
    return _rounded(mask, multiple)


def _settle(analysis: _Analysis, multiple: int) -> bool:
    """Let what keeps channels apart lose the same ones on both sides; return whether anything changed."""
    changed = False
    for operator in analysis.program.operators:
        if operator.kind is not DEPTHWISE_CONV_2D and operator.kind not in _POOLED:
            continue
        source, output = operand(analysis.program, operator, 0), analysis.program.tensors[operator.outputs[0]]
        if not analysis.gone[output.storage].any():
            continue
        common = _rounded(analysis.gone[output.storage] & _gone(analysis, source), multiple)
        changed |= bool((common != analysis.gone[output.storage]).any())
        analysis.gone[output.storage] = common
        mask = analysis.gone.get(source.storage)
        if mask is not None and len(mask) == len(common):  # else a view with other channels, whose storage keeps all of its own
            changed |= bool((common != mask).any())
            analysis.gone[source.storage] = common
    return changed


def _grouped(program: Program, operator: ProgramOperator) -> bool:
    if operator.kind is CONV_2D:
        return constant_data(program, operator, 1).shape[3] != _channels(operand(program, operator, 0))
    return operator.kind is DEPTHWISE_CONV_2D and parameters_of(operator)["depth_multiplier"] != 1


def _pools_channels(program: Program, operator: ProgramOperator) -> bool:
    """Tell whether a pooling keeps channels apart: an average over windows, a mean over height and width."""
    source = operand(program, operator, 0)
    if source.dtype != "int8" or source.storage == CONSTANT:
        return False
    return operator.kind is AVERAGE_POOL_2D or (
        operator.kind is MEAN and parameters_of(operator)["axes_mask"] == _SPATIAL and len(source.dims) == 4
    )


def _spared(analysis: _Analysis, reader: ProgramOperator, position: int, channels: int) -> np.ndarray:
    """Return the channels of an input that a reader can do without."""
    program, nothing = analysis.program, np.zeros(channels, bool)
    source = operand(program, reader, position)
    if position or reader.kernel or _channels(source) != channels or source.dtype != "int8":
        return nothing
    output = program.tensors[reader.outputs[0]].storage
    if reader.kind in (AVERAGE_POOL_2D, MEAN):
        return analysis.gone[output] if _pools_channels(program, reader) else nothing
    if reader.kind not in _WEIGHTED or _grouped(program, reader):
        return nothing
    weights = constant_data(program, reader, 1)
    if reader.kind is DEPTHWISE_CONV_2D:
        return analysis.gone[output]
    if not _readable(reader, source, weights):
        return nothing
    known = _known(analysis, source)
    foldable = known.constant
    if _padded(program, reader, weights):
        foldable = foldable & (known.low == source.zero_point)
    unread = ~weights.any(axis=tuple(range(weights.ndim - 1)))
    return foldable | unread


def _rounded(mask: np.ndarray, multiple: int) -> np.ndarray:
    """Keep some of the channels that could go, so that a multiple stays."""
    kept = int((~mask).sum())
    goal = min(len(mask), max(-(-kept // multiple), 1) * multiple)
    back = np.flatnonzero(mask)[: goal - kept]
    rounded = mask.copy()
    rounded[back] = False
    return rounded


# ---- the cut


def _cut(analysis: _Analysis) -> Program:
    program = analysis.program
    tensors = [_narrowed(analysis, tensor) for tensor in program.tensors]
    operators = []
    for operator in program.operators:
        operators.append(_cut_operator(analysis, operator, tensors))
    return replace(program, tensors=tuple(tensors), operators=tuple(operators))


def _gone(analysis: _Analysis, tensor: ProgramTensor) -> np.ndarray:
    mask = analysis.gone.get(tensor.storage)
    if mask is None or tensor.storage == CONSTANT or len(mask) != _channels(tensor):
        return np.zeros(_channels(tensor), bool)
    return mask


def _narrowed(analysis: _Analysis, tensor: ProgramTensor) -> ProgramTensor:
    mask = _gone(analysis, tensor)
    return replace(tensor, dims=(*tensor.dims[:-1], int((~mask).sum()))) if mask.any() else tensor


def _cut_operator(analysis: _Analysis, operator: ProgramOperator, tensors: list[ProgramTensor]) -> ProgramOperator:
    """Take the channels that are gone out of an operator's constants."""
    if operator.kind not in _WEIGHTED or operator.kernel:
        return operator
    program = analysis.program
    source, output = operand(program, operator, 0), program.tensors[operator.outputs[0]]
    weights = constant_data(program, operator, 1)
    kept = ~_gone(analysis, output)
    lost = _gone(analysis, source) if _readable(operator, source, weights) else np.zeros(weights.shape[-1], bool)
    if kept.all() and not lost.any():
        return operator
    biases = constant_data(program, operator, 2)
    if operator.kind is DEPTHWISE_CONV_2D:
        narrow = weights[..., kept]
    else:
        values = _known(analysis, source).low if len(lost) == _channels(source) else np.zeros(len(lost), np.int64)
        share = np.where(lost, values - source.zero_point, 0)
        biases = biases + (weights * share).reshape(len(weights), -1).sum(1)
        narrow = weights[kept][..., ~lost]
    arrays = [narrow, biases[kept], *(constant_data(program, operator, i)[kept] for i in range(3, len(operator.inputs)))]
    inputs = [operator.inputs[0]]
    for number, array in zip(operator.inputs[1:], arrays, strict=True):
        old = program.tensors[number]
        inputs.append(len(tensors))
        tensors.append(replace(old, dims=tuple(array.shape), data=np.ascontiguousarray(array, np.dtype(old.dtype))))
    places = prod(output.dims[:-1])
    return replace(operator, inputs=tuple(inputs), macs=places * narrow.size)
