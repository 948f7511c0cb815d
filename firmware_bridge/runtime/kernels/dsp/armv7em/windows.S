@ SPDX-License-Identifier: Apache-2.0
@ Copies of window rows (gather_windows.h): 4 instructions a word, about 10 a row beside.
    .include "kernels/dsp/armv7em/function.inc"

@ r0 rows, r1 to
    FUNCTION tinytl_gather_rows
    push    {r4-r7, lr}
    ldmia   r0, {r4-r7}             @ from, row step, row bytes, rows
    cbz     r7, 5f
    lsr     r12, r6, #2
1:  mov     r0, r4
    add     r4, r4, r5
    movs    r2, r12
    beq     3f
2:  ldr     r3, [r0], #4
    subs    r2, #1
    str     r3, [r1], #4
    bne     2b
3:  lsls    r3, r6, #31             @ carry: a half word is left; negative: a byte
    bcc     4f
    ldrh    r3, [r0], #2
    strh    r3, [r1], #2
    lsls    r3, r6, #31
4:  itt     mi
    ldrbmi  r3, [r0]
    strbmi  r3, [r1], #1
    subs    r7, #1
    bne     1b
5:  mov     r0, r1
    pop     {r4-r7, pc}
    .size   tinytl_gather_rows, . - tinytl_gather_rows
