/* SPDX-License-Identifier: Apache-2.0
 * PRELU: x where x ≥ 0, else x · alpha; a s8 and alpha s8 of different scales, each side the output's or 1 → output s8.
 * May work in place. Exact. */
#include "kernels/arithmetic.h"
#include "kernels/checks/pair_checks.h"
#include "kernels/pairs.h"

enum {
    A_OFFSET,         /* −zero point of a: −127 … 128 */
    B_OFFSET,         /* of alpha */
    ABOVE_MULTIPLIER, /* scale of a / scale of output, Q31, not negative; shifts −31 … 31 */
    ABOVE_SHIFT,
    BELOW_MULTIPLIER, /* scale of a · scale of alpha / scale of output */
    BELOW_SHIFT,
    OUT_OFFSET        /* zero point of the output */
};

static int8_t sloped(int8_t a, int8_t alpha, const int32_t *p)
{
    const int32_t x = a + p[A_OFFSET];
    const int32_t scaled =
        x >= 0 ? multiply_by_quantized_multiplier(x, p[ABOVE_MULTIPLIER], p[ABOVE_SHIFT])
               : multiply_by_quantized_multiplier(x * (alpha + p[B_OFFSET]), p[BELOW_MULTIPLIER], p[BELOW_SHIFT]);
    return (int8_t)clamp_from(scaled, p[OUT_OFFSET], INT8_MIN, INT8_MAX);
}

int tinytl_rule_prelu(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return tinytl_both_repeat(call) && offset_ok(p[A_OFFSET]) && offset_ok(p[B_OFFSET]) &&
           rescale_ok(p[ABOVE_MULTIPLIER], p[ABOVE_SHIFT]) && rescale_ok(p[BELOW_MULTIPLIER], p[BELOW_SHIFT]) &&
           zero_point_ok(p[OUT_OFFSET]);
}

void tinytl_prelu(const tinytl_call *call)
{
    for_each_pair(call, sloped);
}
