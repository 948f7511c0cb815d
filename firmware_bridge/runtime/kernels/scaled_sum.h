/* SPDX-License-Identifier: Apache-2.0
 * What add and sub share: both operands are brought to one scale, 2^left_shift times finer than the
 * coarser of the two. */
#ifndef TINYTL_KERNELS_SCALED_SUM_H
#define TINYTL_KERNELS_SCALED_SUM_H

#include "kernels/arithmetic.h"
#include "kernels/checks/pair_checks.h"

enum {
    A_OFFSET,       /* −zero point of a: −127 … 128 */
    A_MULTIPLIER,   /* Q31, not negative; shifts −31 … 31 */
    A_SHIFT,
    B_OFFSET,       /* of b */
    B_MULTIPLIER,
    B_SHIFT,
    LEFT_SHIFT,     /* 0 … 22 */
    OUT_MULTIPLIER, /* from the sum's scale to the output's */
    OUT_SHIFT,
    OUT_OFFSET,     /* zero point of the output */
    ACT_MIN,        /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

static inline int32_t scaled_a(int8_t a, const int32_t *p)
{
    return multiply_by_quantized_multiplier(shift_left(a + p[A_OFFSET], p[LEFT_SHIFT]), p[A_MULTIPLIER], p[A_SHIFT]);
}

static inline int32_t scaled_b(int8_t b, const int32_t *p)
{
    return multiply_by_quantized_multiplier(shift_left(b + p[B_OFFSET], p[LEFT_SHIFT]), p[B_MULTIPLIER], p[B_SHIFT]);
}

/* The output's number of a sum or difference in the common scale. */
static inline int8_t rescaled_sum(int32_t sum, const int32_t *p)
{
    const int32_t scaled = multiply_by_quantized_multiplier(sum, p[OUT_MULTIPLIER], p[OUT_SHIFT]);
    return (int8_t)clamp_from(scaled, p[OUT_OFFSET], p[ACT_MIN], p[ACT_MAX]);
}

static inline int scaled_sum_ok(const int32_t *p)
{
    return offset_ok(p[A_OFFSET]) && offset_ok(p[B_OFFSET]) && rescale_ok(p[A_MULTIPLIER], p[A_SHIFT]) &&
           rescale_ok(p[B_MULTIPLIER], p[B_SHIFT]) && in_range(p[LEFT_SHIFT], 0, 22) &&
           rescale_ok(p[OUT_MULTIPLIER], p[OUT_SHIFT]) && zero_point_ok(p[OUT_OFFSET]) &&
           clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

#endif
