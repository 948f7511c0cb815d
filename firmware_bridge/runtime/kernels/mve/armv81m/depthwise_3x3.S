@ SPDX-License-Identifier: Apache-2.0
@ Depthwise convolution 3×3 (depthwise.h): about 125 instructions for 16 outputs.
@
@ q4 … q7 are the sums, four vectors of every fourth lane; q0 … q3 one or two taps. With both taps of a pair at work one
@ register is missing, so the second one's weights are loaded twice.
@ r1 r2 r3 the rows, r4 weights, r5 channel table, r6 output, r7 bytes from column to column, r8 zero point, r9 r10 how
@ far weights and table go back after a block (0 where every block has its own), r11 lanes left, r12 pixels left, lr
@ whether the clamp is narrow.
@ On the stack for every pixel: lanes, how far the rows go on, weights, table; act_min, act_max.
    .syntax unified
    .arch   armv8.1-m.main
    .arch_extension mve
    .thumb

    .set    TAPS, 9
    .set    BLOCK_WEIGHTS, 16 * TAPS
    .set    BLOCK_TABLE, 4 * 48

@ A tap of a row to \x. With column 0 the row goes on by 16 and r0 points to column 1, where the others are loaded from.
.macro LOAD x, row, column
    .if     \column == 0
    add     r0, \row, r7
    vldrb.8 \x, [\row], #16
    .else
    vldrb.8 \x, [r0]
    .endif
.endm

@ The first tap of a pair: products of even lanes in q2, of odd ones in q0.
.macro FIRST
    vldrb.8 q1, [r4], #16
    vmullb.s8 q2, q0, q1
    vmullt.s8 q0, q0, q1
.endm

@ The second tap, which is in q1.
.macro SECOND
    vldrb.8 q3, [r4]
    vmullb.s8 q3, q1, q3
    vadd.i16 q2, q2, q3
    vldrb.8 q3, [r4], #16
    vmullt.s8 q3, q1, q3
    vadd.i16 q0, q0, q3
.endm

@ Pairs of products into the sums.
.macro ADD_PAIR
    vmovlb.s16 q1, q2
    vmovlt.s16 q2, q2
    vadd.i32 q4, q4, q1
    vadd.i32 q5, q5, q2
    vmovlb.s16 q1, q0
    vmovlt.s16 q0, q0
    vadd.i32 q6, q6, q1
    vadd.i32 q7, q7, q0
.endm

.macro RESCALE sum, at, signed
    vldrw.32 q0, [r5, #\at + 64]
    vldrw.32 q1, [r5, #\at + 128]
    .if     \signed
    vshr.s32 q2, \sum, #31
    vqrdmulh.s32 \sum, \sum, q0
    vadd.i32 \sum, \sum, q2
    .else
    vqrdmulh.s32 \sum, \sum, q0
    .endif
    vrshl.s32 \sum, \sum, q1
.endm

.macro DEPTHWISE_3X3 name, signed
    .section .text.\name, "ax", %progbits
    .global \name
    .type   \name, %function
    .thumb_func
    .align  2
\name:
    push    {r4-r11, lr}
    vpush   {d8-d15}
    sub     sp, sp, #28
    ldr     r1, [r0]
    ldrd    r2, r12, [r0, #8]       @ step, pixels
    ldrd    r11, r3, [r0, #16]      @ lanes, cycle
    ldrd    r4, r5, [r0, #24]
    ldrd    r6, r8, [r0, #32]
    add     r7, r11, #15
    bic     r7, r7, #15
    sub     r2, r2, r7
    strd    r11, r2, [sp]
    strd    r4, r5, [sp, #8]
    ldrd    r9, r10, [r0, #40]      @ act_min, act_max
    strd    r9, r10, [sp, #16]
    sub     lr, r10, r9
    subs    lr, lr, #255
    cmp     r3, #1
    ite     eq
    moveq   r9, #BLOCK_WEIGHTS
    movne   r9, #0
    ite     eq
    moveq   r10, #BLOCK_TABLE
    movne   r10, #0
    ldr     r7, [r1, #4]
    ldr     r2, [r1, #12]
    ldr     r3, [r1, #24]
    ldr     r1, [r1]
    sub     r7, r7, r1
1:  ldrd    r4, r5, [sp, #8]
2:  vldrw.32 q4, [r5]
    vldrw.32 q5, [r5, #16]
    vldrw.32 q6, [r5, #32]
    vldrw.32 q7, [r5, #48]
    LOAD    q0, r1, 0
    FIRST
    LOAD    q1, r1, 1
    SECOND
    ADD_PAIR
    add     r0, r0, r7
    LOAD    q0, r1, 1
    FIRST
    LOAD    q1, r2, 0
    SECOND
    ADD_PAIR
    LOAD    q0, r2, 1
    FIRST
    add     r0, r0, r7
    LOAD    q1, r2, 1
    SECOND
    ADD_PAIR
    LOAD    q0, r3, 0
    FIRST
    LOAD    q1, r3, 1
    SECOND
    ADD_PAIR
    add     r0, r0, r7
    LOAD    q0, r3, 1
    FIRST
    ADD_PAIR
    RESCALE q4, 0, \signed
    RESCALE q5, 16, \signed
    RESCALE q6, 32, \signed
    RESCALE q7, 48, \signed
    vqmovnb.s32 q0, q4
    vqmovnt.s32 q0, q5
    vqmovnb.s32 q1, q6
    vqmovnt.s32 q1, q7
    vqadd.s16 q0, q0, r8
    vqadd.s16 q1, q1, r8
    vqmovnb.s16 q0, q0
    vqmovnt.s16 q0, q1
    cmp     lr, #0
    bne     4f
3:  vctp.8  r11
    vpst
    vstrbt.8 q0, [r6], #16
    add     r5, r5, #BLOCK_TABLE
    sub     r4, r4, r9
    sub     r5, r5, r10
    subs    r11, r11, #16
    bgt     2b
    add     r6, r6, r11             @ back by the lanes that the last block has not
    ldrd    r11, r0, [sp]
    add     r1, r1, r0
    add     r2, r2, r0
    add     r3, r3, r0
    subs    r12, r12, #1
    bne     1b
    add     sp, sp, #28
    vpop    {d8-d15}
    pop     {r4-r11, pc}
4:  ldr     r0, [sp, #16]
    vdup.8  q1, r0
    ldr     r0, [sp, #20]
    vdup.8  q2, r0
    vmax.s8 q0, q0, q1
    vmin.s8 q0, q0, q2
    b       3b
    .size   \name, . - \name
.endm

    DEPTHWISE_3X3 tinytl_mve_depthwise_3x3_rounded, 0
    DEPTHWISE_3X3 tinytl_mve_depthwise_3x3_signed, 1
