@ SPDX-License-Identifier: Apache-2.0
@ Two pixels times two channels, 16-bit panels: 10 instructions for 16 products (two LDM, eight SMLAD).
@
@ All fourteen registers are the loop's; pointers that it does not need wait in FPU registers:
@ s0 channel table, s1 panel, s2 s3 outputs, s4 weights' end, s5 panel's end, s6 entry of the unrolled loop.
@ The loop is unrolled 16 groups deep and entered where the number of groups modulo 16 is left, so that any length fits.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

    .set    GROUPS, 16
    .set    GROUP_BYTES, 40

.macro TILE_S16 name, signed
    FUNCTION \name
    push    {r4-r11, lr}
    ldmia   r0, {r0-r6}
    vmov    s0, s1, r2, r1
    vmov    s2, s3, r3, r4
    vmov    s4, s5, r5, r6
    sub     r6, r1, r6
    ubfx    r6, r6, #4, #4          @ (−groups) mod 16: how many to pass over
    mov     r3, #GROUP_BYTES
    adr.w   r2, 2f
    mla     r6, r6, r3, r2
    orr     r6, r6, #1
    vmov    s6, r6
1:  vmov    r2, r1, s0, s1          @ two channels
    ldmia   r2!, {r8-r11}
    vmov    s0, r2
    vmov    r4, s6
    bx      r4
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
    vmov    r4, s5
    cmp     r1, r4
    bne.w   2b
    vmov    r2, s0
    vmov    r6, r7, s2, s3
    .if     \signed
    ldmia   r2!, {r3-r5}
    RESCALE_SIGNED r8, r3, r4, r5, r12
    strb    r8, [r6], #1
    RESCALE_SIGNED r9, r3, r4, r5, r12
    strb    r9, [r7], #1
    ldmia   r2!, {r3-r5}
    RESCALE_SIGNED r10, r3, r4, r5, r12
    strb    r10, [r6], #1
    RESCALE_SIGNED r11, r3, r4, r5, r12
    strb    r11, [r7], #1
    .else
    ldmia   r2!, {r3-r5, r12}
    RESCALE_SATURATING r8, r3, r4
    strb    r8, [r6], #1
    RESCALE_SATURATING r9, r3, r4
    strb    r9, [r7], #1
    RESCALE_SATURATING r10, r5, r12
    strb    r10, [r6], #1
    RESCALE_SATURATING r11, r5, r12
    strb    r11, [r7], #1
    .endif
    vmov    s0, r2
    vmov    s2, s3, r6, r7
    vmov    r3, s4
    cmp     r0, r3
    bne.w   1b
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

    TILE_S16 tinytl_tile_s16_saturating, 0
    TILE_S16 tinytl_tile_s16_signed, 1
