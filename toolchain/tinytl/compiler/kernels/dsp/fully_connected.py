# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers, four outputs at a time: `fully_connected_panels_s16` and `fully_connected_panels_s8`.

TFLite's reference rescales this layer in double; its thresholds are found and met like any other's.
"""

from math import prod

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.kernels.dsp.conv_2d import ALL_BITS, S8_BITS
from tinytl.compiler.kernels.dsp.panels import bias_words, grouped, padded, wrapped
from tinytl.compiler.kernels.dsp.rescaling import Rescaling, find_shifted
from tinytl.compiler.kernels.sums import sums_of
from tinytl.compiler.program import Program, ProgramOperator, constant_data, operand, parameters_of
from tinytl.compiler.variants import FULLY_CONNECTED_PANELS_S8, FULLY_CONNECTED_PANELS_S16, Variant

_AT_ONCE = 4


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the kernels for a layer of four outputs or more."""
    weights = constant_data(program, operator, 1)
    if len(weights) < _AT_ONCE:
        return []
    sums = sums_of(program, operator, weights)
    kernels = []
    rescaling = find_shifted(sums.reference, ALL_BITS)
    if rescaling:
        packed = _pack_s16(weights << rescaling.scale_bits[:, None])
        kernels.append(_candidate(program, operator, FULLY_CONNECTED_PANELS_S16, packed, sums.folded, rescaling))
    narrow = find_shifted(sums.reference, (S8_BITS,))
    if narrow and np.abs(weights).max() <= 127:
        folded = sums.folded + 127 * weights[:, 1::2].sum(1)  # inputs at odd places come as x − 127
        kernels.append(_candidate(program, operator, FULLY_CONNECTED_PANELS_S8, _pack_s8(weights), folded, narrow))
    return kernels


def _quads(channels: int) -> np.ndarray:
    """Return (quads, 4) channel numbers; a count that is no multiple of 4 ends with the last four."""
    whole = np.arange(channels // _AT_ONCE * _AT_ONCE).reshape(-1, _AT_ONCE)
    return np.vstack([whole, np.arange(channels - _AT_ONCE, channels)]) if channels % _AT_ONCE else whole


def _pack_s16(weights: np.ndarray) -> np.ndarray:
    """(channels, K) → (quads, 4 K): group by group (k, k+2) of four channels, then (k+1, k+3)."""
    quads = grouped(weights)[_quads(len(weights))]  # quads, 4, groups, 4
    halves = quads.reshape(len(quads), _AT_ONCE, -1, 2, 2)
    return np.ascontiguousarray(halves.transpose(0, 2, 4, 1, 3).reshape(len(quads), -1), np.int16)


def _pack_s8(weights: np.ndarray) -> np.ndarray:
    """(channels, K) → (quads, 2 K): group by group the numbers w[k] + 256 · w[k+1] of four channels."""
    both = grouped(weights)[..., 0::2] + 256 * grouped(weights)[..., 1::2]
    quads = both[_quads(len(weights))]
    return np.ascontiguousarray(quads.transpose(0, 2, 1, 3).reshape(len(quads), -1), np.int16)


def _table(biases: np.ndarray, found: Rescaling) -> np.ndarray:
    quads = _quads(len(biases))
    words = wrapped(found.words)[quads].reshape(len(quads), -1)
    return np.ascontiguousarray(np.hstack([biases[quads], words]))


def _candidate(
    program: Program,
    operator: ProgramOperator,
    variant: Variant,
    packed: np.ndarray,
    folded: np.ndarray,
    found: Rescaling,
) -> Candidate:
    named = parameters_of(operator)
    depth = int(constant_data(program, operator, 1).shape[1])
    out = prod(program.tensors[operator.outputs[0]].dims)
    clamped = (named["act_min"], named["act_max"]) != (-128, 127)
    rows = operand(program, operator, 0).bytes // depth
    s8 = variant is FULLY_CONNECTED_PANELS_S8
    instructions = rows * cost.vector(quads=len(packed), depth=depth, odd=(out // rows) % _AT_ONCE != 0, s8=s8)
    return Candidate(
        variant=variant,
        inputs=operator.inputs[:1],
        constants=(
            Constant("panels", packed, "int16"),
            Constant("channels", _table(bias_words(folded, found), found), "int32"),
        ),
        parameters=(depth, named["act_min"], named["act_max"]),
        scratch_bytes=(3 if depth % 4 else 2) * padded(depth),
        instructions=instructions + (cost.clamping(out) if clamped else 0),
        weight_bytes=packed.nbytes,
        inner=cost.vector_loops(quads=len(packed), depth=depth, s8=s8) * rows,
    )
