/* SPDX-License-Identifier: Apache-2.0
 * Addition of two int8 tensors of different scales; b may repeat along sides of 1. May work in place. Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/broadcast.h"

enum { A_OFFSET, A_MULTIPLIER, A_SHIFT, B_OFFSET, B_MULTIPLIER, B_SHIFT, LEFT_SHIFT, OUT_MULTIPLIER, OUT_SHIFT, OUT_OFFSET, ACT_MIN, ACT_MAX };

static inline int8_t sum_of(int8_t a, int8_t b, const int32_t *p)
{
    const int32_t a_scaled = multiply_by_quantized_multiplier(shift_left(a + p[A_OFFSET], p[LEFT_SHIFT]), p[A_MULTIPLIER], p[A_SHIFT]);
    const int32_t b_scaled = multiply_by_quantized_multiplier(shift_left(b + p[B_OFFSET], p[LEFT_SHIFT]), p[B_MULTIPLIER], p[B_SHIFT]);
    const int32_t wrapped = (int32_t)((uint32_t)a_scaled + (uint32_t)b_scaled);
    const int32_t sum = multiply_by_quantized_multiplier(wrapped, p[OUT_MULTIPLIER], p[OUT_SHIFT]);
    return (int8_t)clamp_from(sum, p[OUT_OFFSET], p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_add(const tinytl_call *call)
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
                    *output++ = sum_of(*a++, b_row[c * steps[3]], call->params);
            }
}
