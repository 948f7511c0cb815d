@ SPDX-License-Identifier: Apache-2.0
@ Depthwise convolution 3×3 over pairs of rows (depthwise.h).
@ Stride 1: two rows times two columns, 24 multiply-accumulates for 36 products, 52 instructions with rescaling
@ and stores.
@ Stride 2: one row times two columns, 12 for 18, 33 instructions.
@ s0 s1 outputs, s2 step, s3 end of the column loop, s4 channels left, s5 plane bytes, s6 column pairs · 8 · stride,
@ s7 columns, s8 s9 planes, s10 s11 outputs of the channel.
    .include "kernels/dsp/armv7em/function.inc"
    .include "kernels/dsp/armv7em/rescale.inc"

    FUNCTION tinytl_depthwise_pack_rows
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}             @ upper, lower, planes, columns, channels, plane bytes
    lsl     r3, r3, #2
    add     r10, r5, r5, lsl #1
    mov     lr, r4
1:  mov     r12, #0                 @ four channels
    add     r11, r2, r3
2:  ldr     r6, [r0, r12]
    ldr     r7, [r1, r12]
    add     r12, r12, r4
    pkhbt   r8, r6, r7, lsl #16
    pkhtb   r9, r7, r6, asr #16
    sxtb16  r6, r8
    sxtb16  r7, r8, ror #8
    sxtb16  r8, r9
    sxtb16  r9, r9, ror #8
    str     r7, [r2, r5]
    str     r8, [r2, r5, lsl #1]
    str     r9, [r2, r10]
    str     r6, [r2], #4
    cmp     r2, r11
    bne     2b
    sub     r2, r2, r3
    add     r2, r2, r5, lsl #2
    adds    r0, #4
    adds    r1, #4
    subs    lr, #4
    bne     1b
    pop     {r4-r11, pc}

@ Start of a function and of every channel: fields to their registers.
.macro ENTER column_shift
    push    {r4-r11, lr}
    ldmia   r0, {r0-r8}             @ planes0 planes1 table output0 output1 channels step columns plane_bytes
    vmov    s8, s9, r0, r1
    vmov    s10, s11, r3, r4
    vmov    s2, r6
    vmov    s4, s5, r5, r8
    lsr     r6, r7, #1
    lsl     r6, r6, #\column_shift
    vmov    s6, s7, r6, r7
.endm

.macro NEXT_CHANNEL_START
    vmov    r0, r1, s8, s9
    vmov    r3, r4, s10, s11
    vmov    s0, s1, r3, r4
    vmov    r5, r6, s5, s6          @ plane bytes, column bytes
    adds    r3, #1
    adds    r4, #1
    vmov    s10, s11, r3, r4
    add     r3, r0, r6
    vmov    s3, r3
    add     r7, r0, r5
    add     r8, r1, r5
    vmov    s8, s9, r7, r8
.endm

.macro ROW_TAPS first               @ r9 r10 r11 (r12): columns of A; r3 r4 lr: w0 w1
    smlad   r5, r3, r9, r5
    smlad   r5, r4, r10, r5
    smlad   r5, lr, r11, r5
    .if \first > 1
    smlad   r6, r3, r10, r6
    smlad   r6, r4, r11, r6
    smlad   r6, lr, r12, r6
    .endif
    smlabt  r7, r3, r9, r7
    smlabt  r7, r4, r10, r7
    smlabt  r7, lr, r11, r7
    .if \first > 1
    smlabt  r8, r3, r10, r8
    smlabt  r8, r4, r11, r8
    smlabt  r8, lr, r12, r8
    .endif
.endm

.macro NEXT_ROW_TAPS columns        @ r9 r10 r11 (r12): columns of B; r3 r4 lr: w1 w2
    smlatb  r5, r3, r9, r5
    smlatb  r5, r4, r10, r5
    smlatb  r5, lr, r11, r5
    .if \columns > 1
    smlatb  r6, r3, r10, r6
    smlatb  r6, r4, r11, r6
    smlatb  r6, lr, r12, r6
    .endif
    smlad   r7, r3, r9, r7
    smlad   r7, r4, r10, r7
    smlad   r7, lr, r11, r7
    .if \columns > 1
    smlad   r8, r3, r10, r8
    smlad   r8, r4, r11, r8
    smlad   r8, lr, r12, r8
    .endif
.endm

.macro RESCALE acc, signed
    .if \signed
    RESCALE_SIGNED \acc, r9, r10, r11, r12
    .else
    RESCALE_SATURATING \acc, r9, r10
    .endif
.endm

.macro LOAD_WORDS signed
    .if \signed
    ldmia   r2, {r9-r11}
    .else
    ldrd    r9, r10, [r2]
    .endif
.endm

.macro ROWS_1 name, signed
    FUNCTION \name
    ENTER   3
1:  NEXT_CHANNEL_START
    cmp     r0, r3
    beq     3f
2:  ldmia   r2!, {r5-r8}            @ two rows, two columns
    ldmia   r0, {r9-r12}
    ldmia   r2!, {r3, r4, lr}
    adds    r0, #8
    ROW_TAPS 2
    ldmia   r1, {r9-r12}
    ldmia   r2!, {r3, r4, lr}
    adds    r1, #8
    NEXT_ROW_TAPS 2
    LOAD_WORDS \signed
    RESCALE r5, \signed
    RESCALE r6, \signed
    RESCALE r7, \signed
    RESCALE r8, \signed
    vmov    r3, r4, s0, s1
    vmov    r11, r12, s2, s3
    strb    r5, [r3]
    strb    r6, [r3, r11]
    strb    r7, [r4]
    strb    r8, [r4, r11]
    add     r3, r3, r11, lsl #1
    add     r4, r4, r11, lsl #1
    vmov    s0, s1, r3, r4
    cmp     r0, r12
    sub     r2, r2, #40
    bne     2b
3:  vmov    r3, s7                  @ an odd last column
    lsls    r3, r3, #31
    bpl     4f
    ldmia   r2!, {r5-r8}
    ldmia   r0, {r9-r11}
    ldmia   r2!, {r3, r4, lr}
    ROW_TAPS 1
    ldmia   r1, {r9-r11}
    ldmia   r2!, {r3, r4, lr}
    NEXT_ROW_TAPS 1
    LOAD_WORDS \signed
    RESCALE r5, \signed
    RESCALE r7, \signed
    vmov    r3, r4, s0, s1
    strb    r5, [r3]
    strb    r7, [r4]
    sub     r2, r2, #40
4:  add     r2, r2, #(48 + 4 * \signed)
    vmov    r3, s4
    subs    r3, #1
    vmov    s4, r3
    bne     1b
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

.macro ROWS_2 name, signed
    FUNCTION \name
    ENTER   4
1:  NEXT_CHANNEL_START
    cmp     r0, r3
    beq     3f
2:  ldmia   r2!, {r5, r6}           @ one row, two columns
    ldmia   r0, {r7-r11}
    ldmia   r2!, {r4, r12, lr}
    adds    r0, #16
    smlad   r5, r4, r7, r5
    smlad   r5, r12, r8, r5
    smlad   r5, lr, r9, r5
    smlad   r6, r4, r9, r6
    smlad   r6, r12, r10, r6
    smlad   r6, lr, r11, r6
    ldmia   r1, {r7-r11}
    ldmia   r2!, {r4, r12, lr}
    adds    r1, #16
    smlabb  r5, r4, r7, r5
    smlabb  r5, r12, r8, r5
    smlabb  r5, lr, r9, r5
    smlabb  r6, r4, r9, r6
    smlabb  r6, r12, r10, r6
    smlabb  r6, lr, r11, r6
    LOAD_WORDS \signed
    RESCALE r5, \signed
    RESCALE r6, \signed
    vmov    r3, s0
    vmov    r11, r12, s2, s3
    strb    r5, [r3]
    strb    r6, [r3, r11]
    add     r3, r3, r11, lsl #1
    vmov    s0, r3
    cmp     r0, r12
    sub     r2, r2, #32
    bne     2b
3:  vmov    r3, s7                  @ an odd last column
    lsls    r3, r3, #31
    bpl     4f
    ldmia   r2!, {r5, r6}
    ldmia   r0, {r7-r9}
    ldmia   r2!, {r4, r12, lr}
    smlad   r5, r4, r7, r5
    smlad   r5, r12, r8, r5
    smlad   r5, lr, r9, r5
    ldmia   r1, {r7-r9}
    ldmia   r2!, {r4, r12, lr}
    smlabb  r5, r4, r7, r5
    smlabb  r5, r12, r8, r5
    smlabb  r5, lr, r9, r5
    LOAD_WORDS \signed
    RESCALE r5, \signed
    vmov    r3, s0
    strb    r5, [r3]
    sub     r2, r2, #32
4:  add     r2, r2, #(40 + 4 * \signed)
    vmov    r3, s4
    subs    r3, #1
    vmov    s4, r3
    bne     1b
    pop     {r4-r11, pc}
    .size   \name, . - \name
.endm

    ROWS_1 tinytl_depthwise_rows_1_saturating, 0
    ROWS_1 tinytl_depthwise_rows_1_signed, 1
    ROWS_2 tinytl_depthwise_rows_2_saturating, 0
    ROWS_2 tinytl_depthwise_rows_2_signed, 1
