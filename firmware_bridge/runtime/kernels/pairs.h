/* SPDX-License-Identifier: Apache-2.0
 * An operator of two int8 tensors, each of which may repeat along its sides of 1 (sub, maximum, minimum, prelu). */
#ifndef TINYTL_KERNELS_PAIRS_H
#define TINYTL_KERNELS_PAIRS_H

#include "kernels/broadcast.h"

typedef int8_t pair_function(int8_t a, int8_t b, const int32_t *params);

/* output = function(a, b), in the output's order. May work in place on an input of the output's size. */
static inline void for_each_pair(const tinytl_call *call, pair_function *function)
{
    const int8_t *a = call_input_data(call, 0), *b = call_input_data(call, 1);
    const uint32_t *dims = call_output(call)->dims;
    int8_t *output = call_output_data(call);
    uint32_t a_steps[4], b_steps[4];
    broadcast_steps(call_input(call, 0), a_steps);
    broadcast_steps(call_input(call, 1), b_steps);

    for (uint32_t n = 0; n < dims[0]; n++)
        for (uint32_t y = 0; y < dims[1]; y++)
            for (uint32_t x = 0; x < dims[2]; x++) {
                const int8_t *a_row = a + n * a_steps[0] + y * a_steps[1] + x * a_steps[2];
                const int8_t *b_row = b + n * b_steps[0] + y * b_steps[1] + x * b_steps[2];
                for (uint32_t c = 0; c < dims[3]; c++)
                    *output++ = function(a_row[c * a_steps[3]], b_row[c * b_steps[3]], call->params);
            }
}

#endif
