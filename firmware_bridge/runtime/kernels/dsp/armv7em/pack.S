@ SPDX-License-Identifier: Apache-2.0
@ Bytes of two pixels → the panel of a tile (tile.h). LDR takes any alignment, which LDM does not.
    .include "kernels/dsp/armv7em/function.inc"

@ r0, r1 pixels, r2 panel, r3 count
    FUNCTION tinytl_pack_pair_s16
    push    {r4-r9, lr}
    bic     r12, r3, #7             @ an odd number of groups: one apart, before the pairs
    add     r12, r12, r0
    lsls    r3, r3, #29
    bpl     2f
    ldr     r8, [r0], #4
    ldr     r9, [r1], #4
    sxtb16  r4, r8
    sxtb16  r5, r9
    sxtb16  r6, r8, ror #8
    sxtb16  r7, r9, ror #8
    stmia   r2!, {r4-r7}
    add     r12, r12, #4
    b       2f
1:  ldr     r3, [r0], #4
    ldr     r8, [r1], #4
    ldr     r9, [r0], #4
    ldr     lr, [r1], #4
    sxtb16  r4, r3
    sxtb16  r5, r8
    sxtb16  r6, r3, ror #8
    sxtb16  r7, r8, ror #8
    stmia   r2!, {r4-r7}
    sxtb16  r4, r9
    sxtb16  r5, lr
    sxtb16  r6, r9, ror #8
    sxtb16  r7, lr, ror #8
    stmia   r2!, {r4-r7}
2:  cmp     r0, r12
    bne     1b
    mov     r0, r2
    pop     {r4-r9, pc}

@ O = x[k + 1] − 127, E = 256 · x[k] − O
    FUNCTION tinytl_pack_pair_s8
    push    {r4-r11, lr}
    add     r12, r0, r3
    mov     r10, #0xff00ff00
    mov     r11, #0x007f007f
1:  ldr     r3, [r0], #4
    ldr     lr, [r1], #4
    sxtb16  r6, r3, ror #8
    sxtb16  r7, lr, ror #8
    and     r4, r10, r3, lsl #8
    and     r5, r10, lr, lsl #8
    ssub16  r6, r6, r11
    ssub16  r7, r7, r11
    ssub16  r4, r4, r6
    ssub16  r5, r5, r7
    cmp     r0, r12
    stmia   r2!, {r4-r7}
    bne     1b
    mov     r0, r2
    pop     {r4-r11, pc}
