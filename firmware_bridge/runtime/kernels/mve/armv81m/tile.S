@ SPDX-License-Identifier: Apache-2.0
@ Matrix products of the mve family (tile.h): 12 instructions for 96 products, 10 for 64 of a single row.
@
@ Accumulators of VMLADAVA are even registers, pointers odd ones. A tile takes four channels in two passes, 0 and 2,
@ then 1 and 3, because VMOV fills lanes 0 and 2 or 1 and 3 at a time, the first register the lower lane. The second
@ pass runs backwards, so that rows need no reset. The first block of a pass is apart: VMLADAV needs no cleared
@ accumulator.
    .syntax unified
    .arch   armv8.1-m.main
    .arch_extension mve
    .thumb

.macro FUNCTION name
    .section .text.\name, "ax", %progbits
    .global \name
    .type   \name, %function
    .thumb_func
    .align  2
\name:
.endm

@ The next 16 bytes of a row on the way forth, those before on the way back.
.macro LOAD x, row, back
    .if     \back
    vldrb.8 \x, [\row, #-16]!
    .else
    vldrb.8 \x, [\row], #16
    .endif
.endm

@ One block of three rows and two channels; op is vmladav or vmladava.
.macro BLOCK op, back
    vldrb.8 q0, [r7], #16
    LOAD    q2, r1, \back
    \op     r0, q0, q2
    vldrb.8 q1, [r7], #16
    \op     r2, q1, q2
    LOAD    q3, r3, \back
    \op     r4, q0, q3
    \op     r6, q1, q3
    LOAD    q2, r5, \back
    \op     r8, q0, q2
    \op     r10, q1, q2
.endm

@ All blocks; sums go to lanes `high` and `low` of q4, q5, q6.
.macro PASS high, low, back
    BLOCK   vmladav.s8, \back
    wls     lr, r9, 3f
2:  BLOCK   vmladava.s8, \back
    le      lr, 2b
3:  vmov    q4[\high], q4[\low], r0, r2
    vmov    q5[\high], q5[\low], r4, r6
    vmov    q6[\high], q6[\low], r8, r10
.endm

@ Biases in q0, multipliers in q1, −e in q2; zero point in r8, clamp in q3 and q7.
.macro ADD_BIAS sum
    vadd.i32 \sum, \sum, q0
.endm

.macro FINISH sum, signed
    .if     \signed
    vshr.s32 q0, \sum, #31
    vqrdmulh.s32 \sum, \sum, q1
    vadd.i32 \sum, \sum, q0
    .else
    vqrdmulh.s32 \sum, \sum, q1
    .endif
    vrshl.s32 \sum, \sum, q2
    vadd.i32 \sum, \sum, r8
    vmin.s32 \sum, \sum, q3
    vmax.s32 \sum, \sum, q7
.endm

@ r0 tile. On the stack: three outputs, channel table, zero point, act_max, which LDM brings back for every
@ four channels.
.macro TILE name, signed
    FUNCTION \name
    push    {r4-r11, lr}
    vpush   {d8-d15}
    sub     sp, sp, #28
    add     r2, r0, #24
    ldm     r2, {r4-r10}
    stm     sp, {r4-r9}
    vdup.32 q7, r10
    ldr     r1, [r0]
    ldr     r3, [r0, #4]
    ldr     r5, [r0, #8]
    ldr     r9, [r0, #12]
    ldr     r7, [r0, #16]
    ldr     r12, [r0, #20]
    sub     r9, r9, #1
1:  PASS    2, 0, 0
    PASS    3, 1, 1
    ldm     sp, {r0, r2, r4, r6, r8, r10}
    vldrw.32 q0, [r6], #16
    vldrw.32 q1, [r6], #16
    vldrw.32 q2, [r6], #16
    vdup.32 q3, r10
    ADD_BIAS q4
    ADD_BIAS q5
    ADD_BIAS q6
    FINISH  q4, \signed
    FINISH  q5, \signed
    FINISH  q6, \signed
    subs    r12, r12, #4
    blt     4f
    vstrb.32 q4, [r0], #4
    vstrb.32 q5, [r2], #4
    vstrb.32 q6, [r4], #4
    stm     sp, {r0, r2, r4, r6}
    bgt     1b
    b       5f
4:  add     r12, r12, #4
    vctp.32 r12
    vpsttt
    vstrbt.32 q4, [r0]
    vstrbt.32 q5, [r2]
    vstrbt.32 q6, [r4]
5:  add     sp, sp, #28
    vpop    {d8-d15}
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

    TILE    tinytl_mve_tile_rounded, 0
    TILE    tinytl_mve_tile_signed, 1

.macro ROW_BLOCK op
    vldrb.8 q0, [r1], #16
    vldrb.8 q1, [r7], #16
    \op     r0, q0, q1
    vldrb.8 q2, [r7], #16
    \op     r2, q0, q2
    vldrb.8 q1, [r7], #16
    \op     r4, q0, q1
    vldrb.8 q2, [r7], #16
    \op     r6, q0, q2
.endm

@ r0 vector. r3 output, r5 channel table, r9 blocks after the first, r11 bytes of a row, r12 channels left;
@ clamp in q6 and q7.
    FUNCTION tinytl_mve_vector_shifted
    push    {r4-r11, lr}
    vpush   {d8-d15}
    ldrd    r1, r9, [r0]
    ldrd    r7, r12, [r0, #8]
    ldrd    r3, r5, [r0, #16]
    ldrd    r2, r4, [r0, #24]
    vdup.32 q6, r2
    vdup.32 q7, r4
    lsl     r11, r9, #4
    sub     r9, r9, #1
1:  ROW_BLOCK vmladav.s8
    wls     lr, r9, 3f
2:  ROW_BLOCK vmladava.s8
    le      lr, 2b
3:  vmov    q4[2], q4[0], r0, r4
    vmov    q4[3], q4[1], r2, r6
    sub     r1, r1, r11
    vldrw.32 q0, [r5], #16
    vldrw.32 q1, [r5], #16
    vldrw.32 q2, [r5], #16
    vldrw.32 q3, [r5], #16
    vadd.i32 q4, q4, q0
    vmulh.s32 q4, q4, q1
    vadd.i32 q4, q4, q2
    vshl.s32 q4, q4, q3
    vmin.s32 q4, q4, q6
    vmax.s32 q4, q4, q7
    subs    r12, r12, #4
    blt     4f
    vstrb.32 q4, [r3], #4
    bgt     1b
    b       5f
4:  add     r12, r12, #4
    vctp.32 r12
    vpst
    vstrbt.32 q4, [r3]
5:  vpop    {d8-d15}
    pop     {r4-r11, pc}
    .size   tinytl_mve_vector_shifted, . - tinytl_mve_vector_shifted
