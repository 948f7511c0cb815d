/* SPDX-License-Identifier: Apache-2.0
 * Difference a − b of two int8 tensors of different scales; either may repeat along sides of 1. May work in place. Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/pairs.h"

enum { A_OFFSET, A_MULTIPLIER, A_SHIFT, B_OFFSET, B_MULTIPLIER, B_SHIFT, LEFT_SHIFT, OUT_MULTIPLIER, OUT_SHIFT, OUT_OFFSET, ACT_MIN, ACT_MAX };

static int8_t difference_of(int8_t a, int8_t b, const int32_t *p)
{
    const int32_t a_scaled = multiply_by_quantized_multiplier(shift_left(a + p[A_OFFSET], p[LEFT_SHIFT]), p[A_MULTIPLIER], p[A_SHIFT]);
    const int32_t b_scaled = multiply_by_quantized_multiplier(shift_left(b + p[B_OFFSET], p[LEFT_SHIFT]), p[B_MULTIPLIER], p[B_SHIFT]);
    const int32_t wrapped = (int32_t)((uint32_t)a_scaled - (uint32_t)b_scaled);
    const int32_t difference = multiply_by_quantized_multiplier(wrapped, p[OUT_MULTIPLIER], p[OUT_SHIFT]);
    return (int8_t)clamp_from(difference, p[OUT_OFFSET], p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_sub(const tinytl_call *call)
{
    for_each_pair(call, difference_of);
}
