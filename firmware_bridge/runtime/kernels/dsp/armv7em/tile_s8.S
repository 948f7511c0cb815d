@ SPDX-License-Identifier: Apache-2.0
@ Two pixels times two channels, 8-bit weights (tile.h): 12 instructions for 16 products.
@ Registers as in tile_s16.S, but that the panel's end stays in lr: s0 channel table, s1 panel, s2 s3 outputs, s4
@ weights' end, s5 panel's end, s6 entry of the unrolled loop.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

    .set    GROUPS, 16
    .set    GROUP_BYTES, 48

.macro TILE_S8 name, signed
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
    vmov    lr, r4, s5, s6
    bx      r4
    .align  2
2:
    .rept   GROUPS
    ldmia.w r0!, {r2, r3}
    ldmia.w r1!, {r4-r7}
    sxtb16  r12, r2
    smlad   r8, r12, r4, r8
    smlad   r9, r12, r5, r9
    smlad   r8, r2, r6, r8
    smlad   r9, r2, r7, r9
    sxtb16  r12, r3
    smlad   r10, r12, r4, r10
    smlad   r11, r12, r5, r11
    smlad   r10, r3, r6, r10
    smlad   r11, r3, r7, r11
    .endr
    .if     (. - 2b) - GROUPS * GROUP_BYTES
    .error  "a group is not GROUP_BYTES long"
    .endif
    cmp     r1, lr
    bne.w   2b
    vmov    r2, s0
    vmov    r6, r7, s2, s3
    .if     \signed
    ldmia   r2!, {r3-r5}
    asr     r8, r8, #7
    RESCALE_SIGNED r8, r3, r4, r5, r12
    strb    r8, [r6], #1
    asr     r9, r9, #7
    RESCALE_SIGNED r9, r3, r4, r5, r12
    strb    r9, [r7], #1
    ldmia   r2!, {r3-r5}
    asr     r10, r10, #7
    RESCALE_SIGNED r10, r3, r4, r5, r12
    strb    r10, [r6], #1
    asr     r11, r11, #7
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

    TILE_S8 tinytl_tile_s8_saturating, 0
    TILE_S8 tinytl_tile_s8_signed, 1
