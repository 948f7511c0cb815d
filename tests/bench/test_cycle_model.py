# SPDX-License-Identifier: Apache-2.0
"""The Cortex-M4 cycle model against tables 3-1 and 7-1 of the Technical Reference Manual."""

import pytest

from tinytl_bench.counting.instructions import block_costs, cost


@pytest.mark.parametrize(
    ("mnemonic", "operands", "kind", "cycles", "taken"),
    [
        ("adds", "r0, r1, r2", "integer", 1, 0),
        ("mla", "r0, r1, r2, r3", "multiply", 1, 0),
        ("smull", "r0, r1, r2, r3", "multiply", 1, 0),
        ("smlad", "r0, r1, r2, r3", "dual multiply-add", 1, 0),
        ("ldrsb.w", "r3, [r1, #1]!", "load", 2, 0),
        ("ldr", "pc, [r0]", "load", 2, 2),
        ("str.w", "r3, [r1, #4]", "store", 1, 0),
        ("ldmia.w", "r0!, {r4, r5, r6, r7}", "load multiple", 5, 0),
        ("pop", "{r4-r7, pc}", "load multiple", 6, 2),
        ("stmdb", "sp!, {r4, r5, lr}", "store multiple", 4, 0),
        ("ldrd", "r2, r3, [sp]", "load multiple", 3, 0),
        ("strd", "r2, r3, [sp]", "store multiple", 3, 0),
        ("sdiv", "r0, r0, r1", "divide", 7, 0),
        ("bne.n", "0x10", "branch", 1, 2),
        ("bl", "0x10", "branch", 1, 2),
        ("bx", "lr", "branch", 1, 2),
        ("cbz", "r0, 0x10", "branch", 1, 2),
        ("bic.w", "r0, r0, #1", "integer", 1, 0),
        ("vfma.f32", "s0, s1, s2", "float multiply-add", 3, 0),
        ("vadd.f32", "s0, s1, s2", "float", 1, 0),
        ("vdiv.f32", "s0, s1, s2", "float divide", 14, 0),
        ("vldr", "s0, [r0]", "float load", 2, 0),
        ("vldr", "d0, [r0]", "float load", 3, 0),
        ("vldmia", "r0!, {s0-s7}", "float load", 9, 0),
        ("vpush", "{d8-d9}", "float store", 5, 0),
        ("vnmul.f32", "s0, s1, s2", "float", 1, 0),
        ("mov", "pc, r3", "branch", 1, 2),
        ("add", "r0, pc, #4", "integer", 1, 0),
        ("ldr", "r0, [pc, #12]", "load", 2, 0),
        ("ldmia.w", "sp!, {r4, pc}", "load multiple", 3, 2),
        ("tbb", "[pc, r3]", "branch", 2, 2),
        ("smladeq", "r0, r1, r2, r3", "dual multiply-add", 1, 0),
        ("smlald", "r0, r1, r2, r3", "dual multiply-add", 1, 0),
        ("smlal", "r0, r1, r2, r3", "multiply", 1, 0),
        ("smlabb", "r0, r1, r2, r3", "multiply", 1, 0),
        ("bls.n", "0x10", "branch", 1, 2),
        ("nop", "", "other", 1, 0),
        ("itte", "eq", "other", 1, 0),
        ("vldrb.u8", "q0, [r0], #16", "vector", 1, 0),
        ("vmlava.s8", "r4, q0, q1", "vector", 1, 0),
        ("vaddt.i32", "q0, q0, q1", "vector", 1, 0),
        ("vmov", "q0[2], q0[0], r1, r2", "vector", 1, 0),
        ("vpst", "", "vector", 1, 0),
        ("vctp.8", "r3", "vector", 1, 0),
        ("dlstp.8", "lr, r2", "vector", 1, 0),
        ("letp", "lr, 4 <f+0x4>", "vector", 1, 0),
        ("le", "lr, 18 <f+0x18>", "branch", 1, 2),
        ("vcvt.s32.f32", "s0, s0", "float", 1, 0),
    ],
)
def test_cost_of_an_instruction(mnemonic: str, operands: str, kind: str, cycles: int, taken: int) -> None:
    found = cost(mnemonic, operands)
    assert (found.kind, found.cycles, found.taken) == (kind, cycles, taken)


def test_a_load_before_a_load_or_store_is_pipelined() -> None:
    costs = block_costs([("ldr", "r0, [r4]"), ("ldrb", "r1, [r4]"), ("str", "r0, [r5]"), ("ldr", "r2, [r4]"), ("adds", "r2, r2, r0")])
    assert [each.cycles for each in costs] == [1, 1, 1, 2, 1]
