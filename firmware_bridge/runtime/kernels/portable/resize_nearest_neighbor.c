/* SPDX-License-Identifier: Apache-2.0
 * Image of another size: each output place takes one input place, by the compiler's tables of rows and columns. input
 * s8 [N,H,W,C] · rows s32 [OH] · columns s32 [OW] → output s8 [N,OH,OW,C]. */
#include <string.h>

#include "kernels/checks/resize_checks.h"

int tinytl_rule_resize_nearest_neighbor(const tinytl_call *call)
{
    if (!resizes(call, 1))
        return 0;
    for (uint32_t d = 1; d < 3; d++) {
        const int32_t *places = call_constant_data(call, d);
        for (uint32_t i = 0; i < call_output(call)->dims[d]; i++)
            if (places[i] < 0 || places[i] >= (int64_t)call_input(call, 0)->dims[d])
                return 0;
    }
    return 1;
}

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
