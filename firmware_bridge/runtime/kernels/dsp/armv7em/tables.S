@ SPDX-License-Identifier: Apache-2.0
@ Addition by tables (tables.h): 7 instructions an element.
    .include "kernels/dsp/armv7em/function.inc"

@ r0 a, r1 b, r2 output, r3 tables, [sp] count
    FUNCTION tinytl_add_by_tables
    push    {r4-r8, lr}
    ldr     r4, [sp, #24]
    add     r4, r4, r0
    add     r5, r3, #1024           @ table b
1:
    .rept   4
    ldrb    r6, [r0], #1
    ldrb    r7, [r1], #1
    ldr     r6, [r3, r6, lsl #2]
    ldr     r7, [r5, r7, lsl #2]
    add     r6, r6, r7
    ssat    r6, #8, r6, asr #20
    strb    r6, [r2], #1
    .endr
    cmp     r0, r4
    bne     1b
    pop     {r4-r8, pc}
    .size   tinytl_add_by_tables, . - tinytl_add_by_tables
