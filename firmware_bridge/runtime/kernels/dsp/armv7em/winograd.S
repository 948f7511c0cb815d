@ SPDX-License-Identifier: Apache-2.0
@ The products of Winograd convolution (winograd.h): two channels times two tiles, all positions of one pair of channels
@ in a call. 10 instructions for 16 products, and 9 a position. s0 M, s1 end of V, s2 entry of the unrolled loop.
    .include "kernels/dsp/armv7em/function.inc"

    .set    GROUPS, 15
    .set    GROUP_BYTES, 40

@ r0 U, r1 V, r2 M, r3 groups (1 … 16), [sp] positions
    FUNCTION tinytl_winograd_multiply
    push    {r4-r11, lr}
    ldr     r4, [sp, #36]
    mul     r4, r4, r3
    add     r4, r1, r4, lsl #4
    vmov    s0, s1, r2, r4
    rsb     r3, r3, #GROUPS + 1     @ the first group starts the sums, so one fewer follows
    mov     r4, #GROUP_BYTES
    adr.w   r5, 2f
    mla     r3, r3, r4, r5
    orr     r3, r3, #1
    vmov    s2, r3
1:  ldmia.w r0!, {r2, r3, r12, lr}
    ldmia.w r1!, {r4-r7}
    smuad   r8, r2, r4
    smuad   r9, r2, r5
    smuad   r10, r3, r4
    smuad   r11, r3, r5
    vmov    r2, s2
    smlad   r8, r12, r6, r8
    smlad   r9, r12, r7, r9
    smlad   r10, lr, r6, r10
    smlad   r11, lr, r7, r11
    bx      r2
    .align  2
2:
    .rept   GROUPS
    ldmia.w r0!, {r2, r3, r12, lr}
    ldmia.w r1!, {r4-r7}
    smlad   r8, r2, r4, r8
    smlad   r9, r2, r5, r9
    smlad   r10, r3, r4, r10
    smlad   r11, r3, r5, r11
    smlad   r8, r12, r6, r8
    smlad   r9, r12, r7, r9
    smlad   r10, lr, r6, r10
    smlad   r11, lr, r7, r11
    .endr
    .if     (. - 2b) - GROUPS * GROUP_BYTES
    .error  "a group is not GROUP_BYTES long"
    .endif
    vmov    r2, r3, s0, s1
    stmia   r2!, {r8-r11}
    vmov    s0, r2
    cmp     r1, r3
    bne.w   1b
    pop     {r4-r11, pc}
    .size   tinytl_winograd_multiply, . - tinytl_winograd_multiply
