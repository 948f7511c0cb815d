/* SPDX-License-Identifier: Apache-2.0
 * Image of another size: each output place weighs four input places. input s8 [N,H,W,C] · rows s32 [OH,3] · columns s32
 * [OW,3] → output s8 [N,OH,OW,C]. The compiler's tables give, for a row and a column, the two places and the second
 * one's weight in 1/1024. Weights lie in −1/2 … 3/2, so that a sum stays below 2^30. */
#include "kernels/checks/resize_checks.h"

enum { ONE = 1 << 10, HALF = 1 << 19, PRODUCT_ONE = 1 << 20 };

static inline int32_t between(int32_t first, int32_t second, int32_t weight)
{
    return first * (ONE - weight) + second * weight;
}

/* To nearest, ties away from zero. */
static inline int8_t rounded(int32_t sum)
{
    return (int8_t)((sum > 0 ? sum + HALF : sum - HALF) / PRODUCT_ONE);
}

/* A weight reaches half a place beyond the first one, not more: sums of four products then fit 31 bits. */
int tinytl_rule_resize_bilinear(const tinytl_call *call)
{
    if (!resizes(call, 3))
        return 0;
    for (uint32_t d = 1; d < 3; d++) {
        const int32_t *places = call_constant_data(call, d);
        const int64_t side = call_input(call, 0)->dims[d];
        for (uint32_t i = 0; i < call_output(call)->dims[d]; i++, places += 3)
            if (places[0] < 0 || places[0] >= side || places[1] < 0 || places[1] >= side ||
                !in_range(places[2], -ONE / 2, ONE))
                return 0;
    }
    return 1;
}

void tinytl_resize_bilinear(const tinytl_call *call)
{
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t n = 0; n < out[0]; n++) {
        const int32_t *row = call_input_data(call, 1);
        for (uint32_t y = 0; y < out[1]; y++, row += 3) {
            const int8_t *upper = input + (n * in[1] + (uint32_t)row[0]) * in[2] * in[3];
            const int8_t *lower = input + (n * in[1] + (uint32_t)row[1]) * in[2] * in[3];
            const int32_t *column = call_input_data(call, 2);
            for (uint32_t x = 0; x < out[2]; x++, column += 3) {
                const uint32_t left = (uint32_t)column[0] * in[3], right = (uint32_t)column[1] * in[3];
                for (uint32_t c = 0; c < in[3]; c++)
                    *output++ = rounded(between(between(upper[left + c], upper[right + c], column[2]),
                                                between(lower[left + c], lower[right + c], column[2]), row[2]));
            }
        }
    }
}
