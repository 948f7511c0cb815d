/* SPDX-License-Identifier: Apache-2.0
 * Product of two int8 tensors: a s8 of the output's dims · b s8 of a's rank, each side a's or 1 → output s8. May work
 * in place. Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/broadcast.h"
#include "kernels/checks/pair_checks.h"

enum {
    A_OFFSET,       /* −zero point of a: −127 … 128 */
    B_OFFSET,       /* of b */
    OUT_MULTIPLIER, /* scale of a · scale of b / scale of out, Q31, not negative */
    OUT_SHIFT,      /* −31 … 31 */
    OUT_OFFSET,     /* zero point of the output */
    ACT_MIN,        /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

static inline int8_t product_of(int8_t a, int8_t b, const int32_t *p)
{
    const int32_t product = (a + p[A_OFFSET]) * (b + p[B_OFFSET]);
    const int32_t scaled = multiply_by_quantized_multiplier(product, p[OUT_MULTIPLIER], p[OUT_SHIFT]);
    return (int8_t)clamp_from(scaled, p[OUT_OFFSET], p[ACT_MIN], p[ACT_MAX]);
}

int tinytl_rule_mul(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return tinytl_second_repeats(call) && offset_ok(p[A_OFFSET]) && offset_ok(p[B_OFFSET]) &&
           rescale_ok(p[OUT_MULTIPLIER], p[OUT_SHIFT]) && zero_point_ok(p[OUT_OFFSET]) &&
           clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_mul(const tinytl_call *call)
{
    const int8_t *a = call_input_data(call, 0), *b = call_input_data(call, 1);
    const uint32_t *dims = call_input(call, 0)->dims;
    int8_t *output = call_output_data(call);
    uint32_t steps[4];
    broadcast_steps(call_input(call, 1), steps);

    for (uint32_t n = 0; n < dims[0]; n++)
        for (uint32_t y = 0; y < dims[1]; y++)
            for (uint32_t x = 0; x < dims[2]; x++) {
                const int8_t *b_row = b + n * steps[0] + y * steps[1] + x * steps[2];
                for (uint32_t c = 0; c < dims[3]; c++)
                    *output++ = product_of(*a++, b_row[c * steps[3]], call->params);
            }
}
