# SPDX-License-Identifier: Apache-2.0
"""Addition by tables: `add_tables`.

The output is a function of two bytes. The reference computes round((x(a) + y(b)) · M) in fixed point; the kernel,
(A[a] + B[b]) >> 20. The tables start from the real-valued shares and are then moved until all 65,536 pairs agree: the
bounds lower ≤ A[a] + B[b] ≤ upper are difference constraints, so alternating between the tables finds a solution where
there is one nearby. Without one the kernel is not offered.
"""

import numpy as np

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp import cost
from tinytl.compiler.program import Program, ProgramOperator, operand, parameters_of
from tinytl.compiler.variants import ADD_TABLES

_FRACTION_BITS = 20
_LIMIT = 1 << 30
_ROUNDS = 50
_BYTES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
"""What the byte at a table's place means."""


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the table kernel where both inputs have the output's dims."""
    first, second = operand(program, operator, 0), operand(program, operator, 1)
    out = program.tensors[operator.outputs[0]]
    if not first.dims == second.dims == out.dims:
        return []
    tables = find_tables(parameters_of(operator))
    if tables is None:
        return []
    named = parameters_of(operator)
    clamped = (named["act_min"], named["act_max"]) != (-128, 127)
    return [
        Candidate(
            variant=ADD_TABLES,
            inputs=operator.inputs[:2],
            constants=(Constant("tables", tables, "int32"),),
            parameters=(named["act_min"], named["act_max"]),
            scratch_bytes=0,
            instructions=cost.add_tables(out.bytes) + (cost.clamping(out.bytes) if clamped else 0),
            weight_bytes=tables.nbytes,
        )
    ]


def _scaled(values: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """TFLite's fixed-point product of any int64 within int32."""
    left, right = max(shift, 0), max(-shift, 0)
    high = ((values << left) * multiplier + (1 << 30)) >> 31
    half = (1 << (right - 1)) if right else 0
    return (high + half - ((high < 0) & (right > 0))) >> right


def _reference(named: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x(a), y(b) (256,) and the outputs of all pairs (256, 256)."""
    shares = [
        _scaled((_BYTES + named[f"{side}_offset"]) << named["left_shift"], named[f"{side}_multiplier"], named[f"{side}_shift"])
        for side in ("a", "b")
    ]
    total = shares[0][:, None] + shares[1][None, :]
    result = _scaled(total, named["out_multiplier"], named["out_shift"]) + named["out_offset"]
    return shares[0], shares[1], np.clip(result, named["act_min"], named["act_max"])


def find_tables(named: dict[str, int]) -> np.ndarray | None:
    """Return (2, 256) int32 tables that give the reference's output for every pair of bytes, or None.

    Args:
        named: parameters of the portable addition.
    """
    x, y, outputs = _reference(named)
    factor = named["out_multiplier"] * 2.0 ** (named["out_shift"] - 31 + _FRACTION_BITS)
    first = np.rint(x * factor + (named["out_offset"] + 0.5) * 2.0**_FRACTION_BITS)
    second = np.rint(y * factor)
    if max(np.abs(first).max(), np.abs(second).max()) >= _LIMIT:
        return None
    tables = [first.astype(np.int64), second.astype(np.int64)]
    lower = np.where(outputs > named["act_min"], outputs << _FRACTION_BITS, -(2**40))
    upper = np.where(outputs < named["act_max"], ((outputs + 1) << _FRACTION_BITS) - 1, 2**40)
    for turn in range(_ROUNDS):
        total = tables[0][:, None] + tables[1][None, :]
        if np.all((lower <= total) & (total <= upper)):
            return np.stack(tables).astype(np.int32)
        mine = turn % 2
        other = tables[1 - mine][None, :] if mine == 0 else tables[1 - mine][:, None]
        least, most = (lower - other).max(1 - mine), (upper - other).min(1 - mine)
        moved = np.clip(tables[mine], least, np.maximum(least, most))
        tables[mine] = np.where(least <= most, moved, (least + most) >> 1)
    return None
