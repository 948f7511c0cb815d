@ SPDX-License-Identifier: Apache-2.0
@ The transforms of Winograd F(4×4, 3×3); their arithmetic is told in plain/winograd_4.c.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

@ One line of the input transform, in place: d0 … d5 in r4 … r9 become t0 r4, t1 r6, t2 r8, t3 r5, t4 r10, t5 r9.
.macro INPUT_LINE
    sub     r10, r8, r6             @ even = d4 − d2
    sub     r11, r7, r5             @ odd = d3 − d1
    sub     r8, r8, r6, lsl #2      @ p = d4 − 4 d2
    sub     r5, r7, r5, lsl #2      @ s = d3 − 4 d1
    sub     r4, r4, r6
    add     r4, r10, r4, lsl #2
    add     r6, r8, r5
    sub     r8, r8, r5
    add     r5, r10, r11, lsl #1
    sub     r10, r10, r11, lsl #1
    sub     r9, r9, r7
    sub     r9, r9, r11, lsl #2
.endm

.macro WIDEN register, odd
    .if     \odd
    sxtab16 \register, r12, \register, ror #8
    .else
    sxtab16 \register, r12, \register
    .endif
.endm

@ Half of four channels: two channels of every pixel. r0 patch, r1 C, r2 3 C, r3 5 C, r12 offset, lr row bytes. A pushed
@ row holds t0 t3 t1 t2 t5 t4; the last row lies lowest.
.macro INPUT_ROWS odd
    .rept   6
    ldr     r4, [r0]
    ldr     r5, [r0, r1]
    ldr     r6, [r0, r1, lsl #1]
    ldr     r7, [r0, r2]
    ldr     r8, [r0, r1, lsl #2]
    ldr     r9, [r0, r3]
    add     r0, r0, lr
    WIDEN   r4, \odd
    WIDEN   r5, \odd
    WIDEN   r6, \odd
    WIDEN   r7, \odd
    WIDEN   r8, \odd
    WIDEN   r9, \odd
    INPUT_LINE
    push    {r4, r5, r6, r8, r9, r10}
    .endr
.endm

.macro APART register
    add     \register, \register, #0x8000
    eor     \register, \register, #0x8000
.endm

@ r12 V at position (0, column); r1, r2, r3: six positions, eighteen, thirty.
.macro INPUT_COLUMN place
    ldr     r4, [sp, #(5 * 24 + 4 * \place)]
    ldr     r5, [sp, #(4 * 24 + 4 * \place)]
    ldr     r6, [sp, #(3 * 24 + 4 * \place)]
    ldr     r7, [sp, #(2 * 24 + 4 * \place)]
    ldr     r8, [sp, #(1 * 24 + 4 * \place)]
    ldr     r9, [sp, #(4 * \place)]
    INPUT_LINE
    APART   r4
    APART   r6
    APART   r8
    APART   r5
    APART   r10
    APART   r9
    str     r4, [r12]
    str     r6, [r12, r1]
    str     r8, [r12, r1, lsl #1]
    str     r5, [r12, r2]
    str     r10, [r12, r1, lsl #2]
    str     r9, [r12, r3]
    add     r12, r12, lr            @ one position on
.endm

@ s0 C, s1 3 C, s2 5 C, s3 row bytes, s4 … s6 the same in positions, s7 a position, s8 patch, s9 V, s10 V's end
.macro INPUT_HALF odd
    vmov    r1, r2, s0, s1
    vmov    r3, lr, s2, s3
    vmov    r0, s8
    mov     r12, #0x00800080
    INPUT_ROWS \odd
    vmov    r1, r2, s4, s5
    vmov    r3, lr, s6, s7
    vmov    r12, s9
    INPUT_COLUMN 0
    INPUT_COLUMN 2
    INPUT_COLUMN 3
    INPUT_COLUMN 1
    INPUT_COLUMN 5
    INPUT_COLUMN 4
    add     sp, sp, #144
.endm

@ r0 patch, r1 row bytes, r2 channels, r3 V
    FUNCTION tinytl_winograd_input_4
    push    {r4-r11, lr}
    mov     r4, r2
    add     r5, r2, r2, lsl #1      @ 3 C
    add     r6, r2, r2, lsl #2      @ 5 C
    vmov    s0, s1, r4, r5
    vmov    s2, s3, r6, r1
    add     r7, r4, r4, lsl #1      @ a position has 4 C bytes, six have 24 C
    add     r8, r5, r5, lsl #1
    add     r9, r6, r6, lsl #1
    lsl     r7, r7, #3
    lsl     r8, r8, #3
    lsl     r9, r9, #3
    lsl     r10, r4, #2
    vmov    s4, s5, r7, r8
    vmov    s6, s7, r9, r10
    add     r10, r3, r10
    vmov    s8, s9, r0, r3
    vmov    s10, r10
1:  INPUT_HALF 0
    vmov    r0, s9
    adds    r0, #8                  @ channels 1 and 3 lie behind both tiles' 0 and 2
    vmov    s9, r0
    INPUT_HALF 1
    vmov    r0, r1, s8, s9
    vmov    r2, s10
    adds    r0, #4
    adds    r1, #8
    vmov    s8, s9, r0, r1
    cmp     r1, r2
    blo.w   1b
    pop     {r4-r11, pc}
    .size   tinytl_winograd_input_4, . - tinytl_winograd_input_4

@ One line of the output transform: m0 … m5 in r4 … r9 become y0 r4, y1 r6, y2 r5, y3 r7.
.macro OUTPUT_LINE
    add     r10, r5, r6             @ s12
    sub     r11, r5, r6             @ d12
    add     r12, r7, r8             @ s34
    sub     lr, r7, r8              @ d34
    add     r5, r10, r12
    add     r6, lr, r11, lsl #1
    add     r4, r4, r4, lsl #1
    add     r12, r12, r10, lsl #2
    add     r4, r12, r4, lsl #1
    add     r9, r9, r9, lsl #1
    add     r11, r11, lr, lsl #1
    add     r7, r11, r9, lsl #1
.endm

.macro OUTPUT_COLUMN column
    ldr     r4, [r0, #(16 * \column)]
    ldr     r5, [r0, #(16 * (6 + \column))]
    ldr     r6, [r0, #(16 * (12 + \column))]
    ldr     r7, [r0, #(16 * (18 + \column))]
    ldr     r8, [r0, #(16 * (24 + \column))]
    ldr     r9, [r0, #(16 * (30 + \column))]
    OUTPUT_LINE
    str     r4, [sp, #(4 * \column)]
    str     r6, [sp, #(24 + 4 * \column)]
    str     r5, [sp, #(48 + 4 * \column)]
    str     r7, [sp, #(72 + 4 * \column)]
.endm

@ r0 row of the half-transformed products, r2 output, r3 row bytes; s0 bias, s1 m, s2 c, s3 e, s4 step, s5 3 steps.
.macro OUTPUT_ROW inverse, signed
    ldmia   r0!, {r4-r9}
    OUTPUT_LINE
    ldr     r11, =\inverse
    vmov    r9, r10, s0, s1
    mla     r4, r4, r11, r9
    lsl     r11, r11, #1
    mla     r6, r6, r11, r9
    lsl     r11, r11, #1
    mla     r5, r5, r11, r9
    mla     r7, r7, r11, r9
    vmov    r8, r9, s2, s3
    .if     \signed
    asr     r4, r4, #7
    asr     r6, r6, #7
    asr     r5, r5, #7
    asr     r7, r7, #7
    RESCALE_SIGNED r4, r10, r8, r9, r11
    RESCALE_SIGNED r6, r10, r8, r9, r11
    RESCALE_SIGNED r5, r10, r8, r9, r11
    RESCALE_SIGNED r7, r10, r8, r9, r11
    .else
    RESCALE_SATURATING r4, r10, r8
    RESCALE_SATURATING r6, r10, r8
    RESCALE_SATURATING r5, r10, r8
    RESCALE_SATURATING r7, r10, r8
    .endif
    vmov    r11, r12, s4, s5
    strb    r4, [r2]
    strb    r6, [r2, r11]
    strb    r5, [r2, r11, lsl #1]
    strb    r7, [r2, r12]
    add     r2, r2, r3
.endm

    .set    INVERSE_OF_9, 0x38E38E39

@ r0 M, r1 channel (bias, words, is_signed), r2 output, r3 row bytes, [sp] step
    FUNCTION tinytl_winograd_output_4
    push    {r4-r11, lr}
    ldr     r7, [sp, #36]
    sub     sp, sp, #100
    ldmia   r1, {r4-r6}
    add     r8, r7, r7, lsl #1
    vmov    s4, s5, r7, r8
    ldrd    r7, r8, [r5]
    vmov    s0, s1, r4, r7
    vmov    s2, r8
    cbz     r6, 1f
    ldr     r7, [r5, #8]
    vmov    s3, r7
1:  str     r6, [sp, #96]
    OUTPUT_COLUMN 0
    OUTPUT_COLUMN 1
    OUTPUT_COLUMN 2
    OUTPUT_COLUMN 3
    OUTPUT_COLUMN 4
    OUTPUT_COLUMN 5
    ldr     r1, [sp, #96]
    mov     r0, sp
    cmp     r1, #0
    bne.w   2f
    OUTPUT_ROW (INVERSE_OF_9 << 2) & 0xFFFFFFFF, 0
    OUTPUT_ROW (INVERSE_OF_9 << 3) & 0xFFFFFFFF, 0
    OUTPUT_ROW (INVERSE_OF_9 << 4) & 0xFFFFFFFF, 0
    OUTPUT_ROW (INVERSE_OF_9 << 4) & 0xFFFFFFFF, 0
    add     sp, sp, #100
    pop     {r4-r11, pc}
    .ltorg
    .align  2
2:
    OUTPUT_ROW (INVERSE_OF_9 << 2) & 0xFFFFFFFF, 1
    OUTPUT_ROW (INVERSE_OF_9 << 3) & 0xFFFFFFFF, 1
    OUTPUT_ROW (INVERSE_OF_9 << 4) & 0xFFFFFFFF, 1
    OUTPUT_ROW (INVERSE_OF_9 << 4) & 0xFFFFFFFF, 1
    add     sp, sp, #100
    pop     {r4-r11, pc}
    .ltorg
    .size   tinytl_winograd_output_4, . - tinytl_winograd_output_4
