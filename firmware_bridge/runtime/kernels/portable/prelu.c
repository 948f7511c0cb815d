/* SPDX-License-Identifier: Apache-2.0
 * PRELU: x where x ≥ 0, else x · alpha; int8 tensors of different scales, alpha may repeat along sides of 1. May work in place. Exact. */
#include "kernels/arithmetic.h"
#include "kernels/pairs.h"

enum { A_OFFSET, B_OFFSET, ABOVE_MULTIPLIER, ABOVE_SHIFT, BELOW_MULTIPLIER, BELOW_SHIFT, OUT_OFFSET };

static int8_t sloped(int8_t a, int8_t alpha, const int32_t *p)
{
    const int32_t x = a + p[A_OFFSET];
    const int32_t scaled = x >= 0 ? multiply_by_quantized_multiplier(x, p[ABOVE_MULTIPLIER], p[ABOVE_SHIFT])
                                  : multiply_by_quantized_multiplier(x * (alpha + p[B_OFFSET]), p[BELOW_MULTIPLIER], p[BELOW_SHIFT]);
    return (int8_t)clamp_from(scaled, p[OUT_OFFSET], INT8_MIN, INT8_MAX);
}

void tinytl_prelu(const tinytl_call *call)
{
    for_each_pair(call, sloped);
}
