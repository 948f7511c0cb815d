# SPDX-License-Identifier: Apache-2.0
"""`Program` → `Program` whose operators clamp as a RELU behind them did.

A RELU between tensors of one scale and one zero point is a clamp, and two clamps in a row are one. Exact: the RELU's answer
to each of the 256 bytes is compared with the clamp before it goes.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from tinytl.compiler.kinds import RELU
from tinytl.compiler.program import CONSTANT, Program, ProgramOperator, ProgramTensor, compacted, parameters_of
from tinytl.compiler.rewriting.table_chains import values_by_byte


def fuse_clamps(program: Program) -> Program:
    """Join every RELU that only clamps with the operator in front of it, if nobody else reads what that one writes."""
    tensors, kept = list(program.tensors), list[ProgramOperator]()
    storages = Counter(program.tensors[number].storage for reader in program.operators for number in reader.inputs)
    storages += Counter(program.tensors[number].storage for number in program.outputs)
    for operator in program.operators:
        before = kept[-1] if kept else None
        fused = None if before is None else _fused(tensors, before, operator)
        if before is None or fused is None or storages[tensors[operator.inputs[0]].storage] != 1:
            kept.append(operator)
            continue
        written = tensors[before.outputs[0]]
        tensors.append(replace(written, name=tensors[operator.outputs[0]].name, storage=tensors[operator.outputs[0]].storage))
        kept[-1] = replace(fused, outputs=(len(tensors) - 1,))
    if len(kept) == len(program.operators):
        return program
    return compacted(replace(program, tensors=tuple(tensors), operators=tuple(kept)))


def _fused(tensors: list[ProgramTensor], before: ProgramOperator, operator: ProgramOperator) -> ProgramOperator | None:
    """Return the operator before with the clamp of both, None where the RELU does more or the other cannot clamp."""
    source, named = tensors[operator.inputs[0]], parameters_of(before)
    passed = tensors[before.outputs[0]]
    if operator.kind is not RELU or "act_min" not in named or source.storage == CONSTANT or source.storage != passed.storage:
        return None
    answers = values_by_byte(tensors, operator).view(np.int8)
    low, high = int(answers.min()), int(answers.max())
    codes = np.arange(256, dtype=np.uint8).view(np.int8)
    if source.dtype != "int8" or not np.array_equal(answers, np.clip(codes, low, high)):
        return None
    both = named | {end: min(max(named[end], low), high) for end in ("act_min", "act_max")}
    return replace(before, parameters=tuple(both.values()))
