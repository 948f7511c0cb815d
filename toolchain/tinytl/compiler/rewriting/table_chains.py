# SPDX-License-Identifier: Apache-2.0
"""`Program` → `Program` with chains of tables as one: LOGISTIC after QUANTIZE, HARD_SWISH before it, and so on.

A table applied to a table's values is a table. RELU and QUANTIZE between 8-bit types are functions of one byte too: next
to a table they become part of it; alone they stay what they are, which is smaller by the table's 256 bytes. Only a value
that nobody else reads is passed over. Exact: the composed table holds what the chain gives for each of the 256 bytes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinytl.compiler.arithmetic import fixed_point as fixed
from tinytl.compiler.arithmetic.multipliers import DOMAINS
from tinytl.compiler.kinds import LOOKUP, RELU, REQUANTIZE
from tinytl.compiler.program import Program, ProgramOperator, ProgramTensor, compacted

_KINDS = (LOOKUP, RELU, REQUANTIZE)


def join_tables(program: Program) -> Program:
    """Join every operator that is a function of one byte with the one before it, where one of the two is a table."""
    tensors, kept = list(program.tensors), list[ProgramOperator]()
    for operator in program.operators:
        before = kept[-1] if kept else None
        if before is None or not _joins(program, before, operator):
            kept.append(operator)
            continue
        table = values_by_byte(tensors, operator)[values_by_byte(tensors, before)]
        source, output = before.inputs[0], tensors[operator.outputs[0]]
        if tensors[source].dims != output.dims:  # between the two lies a reshape, which is a view
            tensors.append(replace(tensors[source], dims=output.dims))
            source = len(tensors) - 1
        tensors.append(ProgramTensor(f"{output.name}/table", output.dtype, (256,), data=table.view(output.dtype)))
        kept[-1] = ProgramOperator(LOOKUP, operator.name, (source, len(tensors) - 1), operator.outputs, (), 0)
    if len(kept) == len(program.operators):
        return program
    return compacted(replace(program, tensors=tuple(tensors), operators=tuple(kept)))


def _joins(program: Program, before: ProgramOperator, operator: ProgramOperator) -> bool:
    if before.kind not in _KINDS or operator.kind not in _KINDS or LOOKUP not in (before.kind, operator.kind):
        return False
    storages = [tensor.storage for tensor in program.tensors]
    passed = storages[before.outputs[0]]
    readers = Counter(storages[number] for reader in program.operators for number in reader.inputs)
    seen = storages[operator.inputs[0]] == passed and readers[passed] == 1
    return seen and all(storages[number] != passed for number in program.outputs)


def values_by_byte(tensors: Sequence[ProgramTensor], operator: ProgramOperator) -> np.ndarray:
    """Return the 256 output bytes of an operator by the input's byte, both read without sign."""
    source, output = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    if operator.kind is LOOKUP:
        data = tensors[operator.inputs[1]].data
        if data is None:
            raise ValueError("a table is a constant")
        return data.view(np.uint8)
    multiplier, shift, *clamp = operator.parameters
    low, high = clamp if clamp else DOMAINS[output.dtype]
    codes = np.arange(256, dtype=np.uint8).view(source.dtype)
    scaled = (fixed.multiply_by_quantized_multiplier(int(code) - source.zero_point, multiplier, shift) for code in codes)
    values = [fixed.saturate(value + output.zero_point, low, high) for value in scaled]
    return np.array(values, output.dtype).view(np.uint8)
