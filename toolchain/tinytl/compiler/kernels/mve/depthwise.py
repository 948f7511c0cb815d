# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution over 16 lanes: `mve_depthwise_pixels` and `mve_depthwise_flat` (runtime: kernels/mve/depthwise.h)."""

from math import prod

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp.conv_2d import window_parameters
from tinytl.compiler.kernels.mve import cost
from tinytl.compiler.kernels.mve.packing import BLOCK, DEPTHWISE_ORDER, in_blocks, table
from tinytl.compiler.kernels.mve.rescaling import SIGNED, Doubled, find_doubled
from tinytl.compiler.kernels.mve.ring import ring_of
from tinytl.compiler.kernels.sums import sums_of
from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.compiler.variants import MVE_DEPTHWISE_FLAT, MVE_DEPTHWISE_PIXELS

_ALL_BYTES = 255


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernel for a depthwise convolution of multiplier 1 without a weight of −128."""
    weights = constant_data(program, operator, 1)[0]  # taps_h, taps_w, channels
    taps_h, taps_w, channels = weights.shape
    source = operand(program, operator, 0)
    if source.dims[-1] != channels or weights.min() < -127:
        return []
    rescaling = find_doubled(sums_of(program, operator, weights.reshape(-1, channels).T))
    if rescaling is None:
        return []
    named = parameters_of(operator)
    out = program.tensors[operator.outputs[0]].dims
    flat = BLOCK % channels == 0 and named["stride_w"] == 1
    copies = BLOCK // channels if flat else 1  # of the channels, side by side in a block
    ring = ring_of(named, (taps_h, taps_w), 1, out[2], source.dims)
    packed = _weights(np.tile(weights, copies))
    lanes = out[2] * channels if flat else channels
    instructions = cost.depthwise(
        *(out[1], 1 if flat else out[2], -(-lanes // BLOCK), (taps_h, taps_w), ring),
        signed=rescaling.mode == SIGNED,
        narrow=named["act_max"] - named["act_min"] < _ALL_BYTES,
    )
    return [
        Candidate(
            variant=MVE_DEPTHWISE_FLAT if flat else MVE_DEPTHWISE_PIXELS,
            inputs=operator.inputs[:1],
            constants=(Constant("blocks", packed, "int8"), Constant("channels", _table(rescaling, copies), "int32")),
            parameters=window_parameters(operator, (taps_h, taps_w), rescaling.mode),
            scratch_bytes=ring.bytes,
            instructions=instructions,
            weight_bytes=prod(packed.shape),
        )
    ]


def _weights(weights: np.ndarray) -> np.ndarray:
    """(taps_h, taps_w, lanes) → (blocks, taps · 16) int8, filled up with zeros."""
    lanes = weights.shape[2]
    filled = np.zeros((prod(weights.shape[:2]), in_blocks(lanes)), np.int8)
    filled[:, :lanes] = weights.reshape(-1, lanes)
    taps = len(filled)
    return np.ascontiguousarray(filled.reshape(taps, -1, BLOCK).transpose(1, 0, 2).reshape(-1, taps * BLOCK))


def _table(found: Doubled, copies: int) -> np.ndarray:
    columns = [np.tile(column, copies) for column in (found.biases, found.multipliers, found.shifts)]
    words = table(columns, BLOCK).reshape(-1, len(columns), BLOCK)
    return np.ascontiguousarray(words[:, :, DEPTHWISE_ORDER].reshape(len(words), -1))
