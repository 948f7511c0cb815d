/* SPDX-License-Identifier: Apache-2.0
 * Image of another size: each output place takes one input place, by the compiler's tables of rows and columns. */
#include <string.h>

#include "kernels/call.h"

void tinytl_resize_nearest_neighbor(const tinytl_call *call)
{
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *rows = call_input_data(call, 1), *columns = call_input_data(call, 2);
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t n = 0; n < out[0]; n++)
        for (uint32_t y = 0; y < out[1]; y++) {
            const int8_t *row = input + (n * in[1] + (uint32_t)rows[y]) * in[2] * in[3];
            for (uint32_t x = 0; x < out[2]; x++, output += out[3])
                memcpy(output, row + (uint32_t)columns[x] * in[3], in[3]);
        }
}
