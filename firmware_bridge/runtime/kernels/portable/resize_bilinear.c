/* SPDX-License-Identifier: Apache-2.0
 * Image of another size: each output place weighs four input places. The compiler's tables give, for a row and a column, the two
 * places and the second one's weight in 1/1024. Weights lie in −1/2 … 3/2, so that a sum stays below 2^30. */
#include "kernels/call.h"

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
                    *output++ = rounded(between(between(upper[left + c], upper[right + c], column[2]), between(lower[left + c], lower[right + c], column[2]), row[2]));
            }
        }
    }
}
