# SPDX-License-Identifier: Apache-2.0
"""Addition by tables: `mve_add_tables`, with the dsp family's tables."""

from tinytl.compiler.kernels.candidate import Candidate, Constant
from tinytl.compiler.kernels.dsp.add import find_tables
from tinytl.compiler.kernels.mve import cost
from tinytl.compiler.program import Program, ProgramOperator, operand, parameters_of
from tinytl.compiler.variants import MVE_ADD_TABLES


def candidates(program: Program, operator: ProgramOperator) -> list[Candidate]:
    """Return the table kernel where both inputs have the output's dims."""
    first, second = operand(program, operator, 0), operand(program, operator, 1)
    out = program.tensors[operator.outputs[0]]
    named = parameters_of(operator)
    tables = find_tables(named) if first.dims == second.dims == out.dims else None
    if tables is None:
        return []
    return [
        Candidate(
            variant=MVE_ADD_TABLES,
            inputs=operator.inputs[:2],
            constants=(Constant("tables", tables, "int32"),),
            parameters=(named["act_min"], named["act_max"]),
            scratch_bytes=0,
            instructions=cost.add_tables(out.bytes),
            weight_bytes=tables.nbytes,
        )
    ]
