/* SPDX-License-Identifier: Apache-2.0
 * Addition of two int8 tensors of different scales: a s8 of the output's dims · b s8 of a's rank, each side a's or 1 →
 * output s8. May work in place. Exact for all inputs. Parameters: kernels/scaled_sum.h. */
#include "kernels/broadcast.h"
#include "kernels/scaled_sum.h"

static inline int8_t sum_of(int8_t a, int8_t b, const int32_t *p)
{
    return rescaled_sum((int32_t)((uint32_t)scaled_a(a, p) + (uint32_t)scaled_b(b, p)), p);
}

int tinytl_rule_add(const tinytl_call *call)
{
    return tinytl_second_repeats(call) && scaled_sum_ok(call->params);
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
