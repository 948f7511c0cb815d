@ SPDX-License-Identifier: Apache-2.0
@ One vector times four channels (vector.h): 16-bit weights 11 instructions for 16 products, 8-bit weights 14.
@ s0 channel table, s1 panel, s2 output, s3 weights' end, s4 panel's end, s5 entry of the unrolled loop.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

    .set    GROUPS, 16

.macro GROUP_S16
    ldmia.w r1!, {r2, r3}
    ldmia.w r0!, {r4-r7}
    smlad   r8, r4, r2, r8
    smlad   r9, r5, r2, r9
    smlad   r10, r6, r2, r10
    smlad   r11, r7, r2, r11
    ldmia.w r0!, {r4-r7}
    smlad   r8, r4, r3, r8
    smlad   r9, r5, r3, r9
    smlad   r10, r6, r3, r10
    smlad   r11, r7, r3, r11
.endm

.macro GROUP_S8
    ldmia.w r1!, {r2, r3}
    ldmia.w r0!, {r4-r7}
    sxtb16  r12, r4
    smlad   r8, r4, r3, r8
    smlad   r8, r12, r2, r8
    sxtb16  r12, r5
    smlad   r9, r5, r3, r9
    smlad   r9, r12, r2, r9
    sxtb16  r12, r6
    smlad   r10, r6, r3, r10
    smlad   r10, r12, r2, r10
    sxtb16  r12, r7
    smlad   r11, r7, r3, r11
    smlad   r11, r12, r2, r11
.endm

.macro VECTOR name, group, group_bytes
    FUNCTION \name
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}
    vmov    s0, s1, r2, r1
    vmov    s2, s3, r3, r4
    sub     r6, r1, r5
    ubfx    r6, r6, #3, #4          @ (−groups) mod 16: how many to pass over
    mov     r3, #\group_bytes
    adr.w   r2, 2f
    mla     r6, r6, r3, r2
    orr     r6, r6, #1
    vmov    s4, s5, r5, r6
1:  vmov    r2, r1, s0, s1          @ four channels
    ldmia   r2!, {r8-r11}
    vmov    s0, r2
    vmov    lr, r4, s4, s5
    bx      r4
    .align  2
2:
    .rept   GROUPS
    \group
    .endr
    .if     (. - 2b) - GROUPS * \group_bytes
    .error  "a group is not as long as told"
    .endif
    cmp     r1, lr
    bne.w   2b
    vmov    r2, s0
    vmov    r12, s2
    ldmia   r2!, {r3-r7, lr}
    RESCALE_SHIFTED r8, r3, r4, r5
    RESCALE_SHIFTED r9, r6, r7, lr
    ldmia   r2!, {r3-r7, lr}
    RESCALE_SHIFTED r10, r3, r4, r5
    RESCALE_SHIFTED r11, r6, r7, lr
    strb    r8, [r12], #1
    strb    r9, [r12], #1
    strb    r10, [r12], #1
    strb    r11, [r12], #1
    vmov    s0, r2
    vmov    r3, s3
    vmov    s2, r12
    cmp     r0, r3
    bne.w   1b
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

    VECTOR  tinytl_vector_s16, GROUP_S16, 44
    VECTOR  tinytl_vector_s8, GROUP_S8, 56

@ r0 input, r1 panel, r2 count
    FUNCTION tinytl_pack_vector_s16
    push    {r4, lr}
    add     r2, r2, r0
1:  ldr     r3, [r0], #4
    sxtb16  r4, r3
    sxtb16  r12, r3, ror #8
    cmp     r0, r2
    stmia   r1!, {r4, r12}
    bne     1b
    mov     r0, r1
    pop     {r4, pc}

    FUNCTION tinytl_pack_vector_s8
    push    {r4-r6, lr}
    add     r2, r2, r0
    mov     r5, #0xff00ff00
    mov     r6, #0x007f007f
1:  ldr     r3, [r0], #4
    sxtb16  r12, r3, ror #8
    and     r4, r5, r3, lsl #8
    ssub16  r12, r12, r6
    ssub16  r4, r4, r12
    cmp     r0, r2
    stmia   r1!, {r4, r12}
    bne     1b
    mov     r0, r1
    pop     {r4-r6, pc}
