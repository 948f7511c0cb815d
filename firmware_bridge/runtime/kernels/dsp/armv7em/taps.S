@ SPDX-License-Identifier: Apache-2.0
@ Depthwise convolution of one pixel (taps.h): 9 instructions for four channels of a tap, unrolled four taps deep and
@ entered where the rest of the taps begins.
@ s0 taps, s1 input behind the last channel, s2 output, s3 taps' end, s4 entry of the unrolled loop.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

    .set    TAPS, 4
    .set    TAP_BYTES, 36

.macro TAP
    ldr     r3, [r0], #4
    ldmia.w r2!, {r6, r7}
    ldr.w   r3, [r1, r3]
    sxtb16  r4, r3
    sxtb16  r5, r3, ror #8
    smlabb  r8, r4, r6, r8
    smlatt  r10, r4, r6, r10
    smlabb  r9, r5, r7, r9
    smlatt  r11, r5, r7, r11
.endm

@ finish: rescales r8 … r11 with constants from r2; may use r0, r3-r7, r12 and lr.
.macro PIXEL name, finish
    FUNCTION \name
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}             @ taps, end, input, table, output, channels
    vmov    s0, r0
    add     r6, r2, r5
    vmov    s1, r6
    vmov    s2, s3, r4, r1
    sub     r6, r0, r1
    ubfx    r6, r6, #2, #2          @ (−taps) mod 4: how many to pass over
    mov     r7, #TAP_BYTES
    adr.w   r4, 2f
    mla     r6, r6, r7, r4
    orr     r6, r6, #1
    vmov    s4, r6
    mov     r1, r2
    mov     r2, r3
1:  vmov    r0, s0                  @ four channels
    ldmia   r2!, {r8-r11}
    vmov    lr, r3, s3, s4
    bx      r3
    .align  2
2:
    .rept   TAPS
    TAP
    .endr
    .if     (. - 2b) - TAPS * TAP_BYTES
    .error  "a tap is not as long as told"
    .endif
    cmp     r0, lr
    bne     2b
    \finish
    vmov    r0, s2
    strb    r8, [r0], #1
    strb    r9, [r0], #1
    strb    r10, [r0], #1
    strb    r11, [r0], #1
    vmov    s2, r0
    vmov    r3, s1
    adds    r1, #4
    cmp     r1, r3
    bne     1b
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

.macro FINISH_SATURATING
    ldmia   r2!, {r3-r6}
    RESCALE_SATURATING r8, r3, r4
    RESCALE_SATURATING r9, r5, r6
    ldmia   r2!, {r3-r6}
    RESCALE_SATURATING r10, r3, r4
    RESCALE_SATURATING r11, r5, r6
.endm

.macro FINISH_SIGNED
    ldmia   r2!, {r3-r7, r12}
    RESCALE_SIGNED r8, r3, r4, r5, r0
    RESCALE_SIGNED r9, r6, r7, r12, r0
    ldmia   r2!, {r3-r7, r12}
    RESCALE_SIGNED r10, r3, r4, r5, r0
    RESCALE_SIGNED r11, r6, r7, r12, r0
.endm

    PIXEL   tinytl_taps_saturating, FINISH_SATURATING
    PIXEL   tinytl_taps_signed, FINISH_SIGNED
