/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h for Cortex-M cores with a single-precision FPU (M4F, M7, M33, M55). Eight weights move with one VLDM or
 * VSTM, which gcc does not form from C: 1.3 instructions a weight forward and 1.4 for gradient and update
 * instead of 2.8 and 3.8.
 */
#ifndef TINYTL_LEARN_ROWS_VFPV4_H
#define TINYTL_LEARN_ROWS_VFPV4_H

#include <stdint.h>

#include "learn/arithmetic/fused.h"

#define EIGHT "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23"
#define SIXTEEN "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", EIGHT

/* One row's part of a block: inputs in s8 … s15, weights through s16 … s23. */
#define DOT(row, sum)                                                                                 \
    "vldmia %[" row "]!, {s16-s23}\n vfma.f32 %[" sum "], s8, s16\n vfma.f32 %[" sum "], s9, s17\n"   \
    "vfma.f32 %[" sum "], s10, s18\n vfma.f32 %[" sum "], s11, s19\n vfma.f32 %[" sum "], s12, s20\n" \
    "vfma.f32 %[" sum "], s13, s21\n vfma.f32 %[" sum "], s14, s22\n vfma.f32 %[" sum "], s15, s23\n"
#define GATHER(row, d)                                                                          \
    "vldmia %[" row "]!, {s16-s23}\n vfma.f32 s8, %[" d "], s16\n vfma.f32 s9, %[" d "], s17\n" \
    "vfma.f32 s10, %[" d "], s18\n vfma.f32 s11, %[" d "], s19\n vfma.f32 s12, %[" d "], s20\n" \
    "vfma.f32 s13, %[" d "], s21\n vfma.f32 s14, %[" d "], s22\n vfma.f32 s15, %[" d "], s23\n"
#define UPDATE(row, step)                                                                                \
    "vldmia %[" row "], {s16-s23}\n vfma.f32 s16, %[" step "], s8\n vfma.f32 s17, %[" step "], s9\n"     \
    "vfma.f32 s18, %[" step "], s10\n vfma.f32 s19, %[" step "], s11\n vfma.f32 s20, %[" step "], s12\n" \
    "vfma.f32 s21, %[" step "], s13\n vfma.f32 s22, %[" step "], s14\n vfma.f32 s23, %[" step "], s15\n" \
    "vstmia %[" row "]!, {s16-s23}\n"
#define LOOP(at, end) "cmp %[" at "], %[" end "]\n bne 1b\n"

static float dot_row(const float *weights, uint32_t in, const float *input, float sum)
{
    const float *end = input + in, *eights = input + (in & ~7u);
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" DOT("w", "sum") LOOP("x", "end")
                         : [x] "+&r"(input), [w] "+&r"(weights), [sum] "+&t"(sum)
                         : [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    while (input != end)
        sum = TINYTL_FUSED(*weights++, *input++, sum);
    return sum;
}

#define START(bias) float s0 = (bias)[0], s1 = (bias)[1], s2 = (bias)[2], s3 = (bias)[3]

static inline void dot_four(const float *weights, uint32_t in, const float *input, const float *bias, float *sums)
{
    const float *w0 = weights, *w1 = w0 + in, *w2 = w1 + in, *w3 = w2 + in;
    const float *eights = input + (in & ~7u);
    START(bias);
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" DOT("w0", "s0") DOT("w1", "s1") DOT("w2", "s2") DOT("w3", "s3")
                             LOOP("x", "end")
                         : [x] "+&r"(input), [w0] "+&r"(w0), [w1] "+&r"(w1), [w2] "+&r"(w2), [w3] "+&r"(w3),
                           [s0] "+&t"(s0), [s1] "+&t"(s1), [s2] "+&t"(s2), [s3] "+&t"(s3)
                         : [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
    if ((in & 7u) == 0)
        return;
    sums[0] = dot_row(w0, in & 7u, input, s0);
    sums[1] = dot_row(w1, in & 7u, input, s1);
    sums[2] = dot_row(w2, in & 7u, input, s2);
    sums[3] = dot_row(w3, in & 7u, input, s3);
}

static inline void dot_five(const float *weights, uint32_t in, const float *input, const float *bias, float *sums)
{
    const float *w0 = weights, *w1 = w0 + in, *w2 = w1 + in, *w3 = w2 + in, *w4 = w3 + in;
    const float *eights = input + (in & ~7u);
    START(bias);
    float s4 = bias[4];
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" DOT("w0", "s0") DOT("w1", "s1") DOT("w2", "s2") DOT("w3", "s3")
                             DOT("w4", "s4") LOOP("x", "end")
                         : [x] "+&r"(input), [w0] "+&r"(w0), [w1] "+&r"(w1), [w2] "+&r"(w2), [w3] "+&r"(w3),
                           [w4] "+&r"(w4), [s0] "+&t"(s0), [s1] "+&t"(s1), [s2] "+&t"(s2), [s3] "+&t"(s3),
                           [s4] "+&t"(s4)
                         : [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4;
    if ((in & 7u) == 0)
        return;
    sums[0] = dot_row(w0, in & 7u, input, s0);
    sums[1] = dot_row(w1, in & 7u, input, s1);
    sums[2] = dot_row(w2, in & 7u, input, s2);
    sums[3] = dot_row(w3, in & 7u, input, s3);
    sums[4] = dot_row(w4, in & 7u, input, s4);
}

static void gather_row(const float *weights, float d, uint32_t in, float *d_input)
{
    const float *end = d_input + in, *eights = d_input + (in & ~7u);
    if (d_input != eights)
        __asm__ volatile("1: vldmia %[x], {s8-s15}\n" GATHER("w", "d") "vstmia %[x]!, {s8-s15}\n" LOOP("x", "end")
                         : [x] "+&r"(d_input), [w] "+&r"(weights)
                         : [d] "t"(d), [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    for (; d_input != end; d_input++)
        *d_input = TINYTL_FUSED(d, *weights++, *d_input);
}

static inline void gather_four(const float *const *rows, const float *d, uint32_t in, float *d_input)
{
    const float *w0 = rows[0], *w1 = rows[1], *w2 = rows[2], *w3 = rows[3];
    const float *eights = d_input + (in & ~7u);
    if (d_input != eights)
        __asm__ volatile("1: vldmia %[x], {s8-s15}\n" GATHER("w0", "d0") GATHER("w1", "d1") GATHER("w2", "d2")
                             GATHER("w3", "d3") "vstmia %[x]!, {s8-s15}\n" LOOP("x", "end")
                         : [x] "+&r"(d_input), [w0] "+&r"(w0), [w1] "+&r"(w1), [w2] "+&r"(w2), [w3] "+&r"(w3)
                         : [d0] "t"(d[0]), [d1] "t"(d[1]), [d2] "t"(d[2]), [d3] "t"(d[3]), [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    if ((in & 7u) == 0)
        return;
    gather_row(w0, d[0], in & 7u, d_input);
    gather_row(w1, d[1], in & 7u, d_input);
    gather_row(w2, d[2], in & 7u, d_input);
    gather_row(w3, d[3], in & 7u, d_input);
}

static inline void gather_five(const float *const *rows, const float *d, uint32_t in, float *d_input)
{
    gather_four(rows, d, in, d_input);
    gather_row(rows[4], d[4], in, d_input);
}

static void update_row(float *weights, float step, const float *input, uint32_t in)
{
    const float *end = input + in, *eights = input + (in & ~7u);
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" UPDATE("w", "step") LOOP("x", "end")
                         : [x] "+&r"(input), [w] "+&r"(weights)
                         : [step] "t"(step), [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    for (; input != end; weights++)
        *weights = TINYTL_FUSED(step, *input++, *weights);
}

static inline void update_four(float *const *rows, const float *steps, const float *input, uint32_t in)
{
    float *w0 = rows[0], *w1 = rows[1], *w2 = rows[2], *w3 = rows[3];
    const float *eights = input + (in & ~7u);
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" UPDATE("w0", "g0") UPDATE("w1", "g1") UPDATE("w2", "g2")
                             UPDATE("w3", "g3") LOOP("x", "end")
                         : [x] "+&r"(input), [w0] "+&r"(w0), [w1] "+&r"(w1), [w2] "+&r"(w2), [w3] "+&r"(w3)
                         : [g0] "t"(steps[0]), [g1] "t"(steps[1]), [g2] "t"(steps[2]), [g3] "t"(steps[3]),
                           [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    if ((in & 7u) == 0)
        return;
    update_row(w0, steps[0], input, in & 7u);
    update_row(w1, steps[1], input, in & 7u);
    update_row(w2, steps[2], input, in & 7u);
    update_row(w3, steps[3], input, in & 7u);
}

static inline void update_five(float *const *rows, const float *steps, const float *input, uint32_t in)
{
    float *w0 = rows[0], *w1 = rows[1], *w2 = rows[2], *w3 = rows[3], *w4 = rows[4];
    const float *eights = input + (in & ~7u);
    if (input != eights)
        __asm__ volatile("1: vldmia %[x]!, {s8-s15}\n" UPDATE("w0", "g0") UPDATE("w1", "g1") UPDATE("w2", "g2")
                             UPDATE("w3", "g3") UPDATE("w4", "g4") LOOP("x", "end")
                         : [x] "+&r"(input), [w0] "+&r"(w0), [w1] "+&r"(w1), [w2] "+&r"(w2), [w3] "+&r"(w3),
                           [w4] "+&r"(w4)
                         : [g0] "t"(steps[0]), [g1] "t"(steps[1]), [g2] "t"(steps[2]), [g3] "t"(steps[3]),
                           [g4] "t"(steps[4]), [end] "r"(eights)
                         : "memory", "cc", SIXTEEN);
    if ((in & 7u) == 0)
        return;
    update_row(w0, steps[0], input, in & 7u);
    update_row(w1, steps[1], input, in & 7u);
    update_row(w2, steps[2], input, in & 7u);
    update_row(w3, steps[3], input, in & 7u);
    update_row(w4, steps[4], input, in & 7u);
}

#undef START
#undef DOT
#undef GATHER
#undef UPDATE
#undef LOOP
#undef EIGHT
#undef SIXTEEN

#endif
