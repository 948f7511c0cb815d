/* SPDX-License-Identifier: Apache-2.0
 * Padding of an int8 tensor of rank ≤ 4 with one value. input s8 → output s8, each side before + input + after. */
#include <string.h>

#include "kernels/checks/shape_checks.h"

enum {
    BEFORE = 0, /* one a dimension, ≥ 0; 0 beyond the rank */
    AFTER = 4,  /* likewise */
    VALUE = 8   /* −128 … 127 */
};

int tinytl_rule_pad(const tinytl_call *call)
{
    if (!counts(call, 1) || !s8_to_s8(call))
        return 0;
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *p = call->params;
    for (uint32_t d = 0; d < 4; d++)
        if (p[BEFORE + d] < 0 || p[AFTER + d] < 0 ||
            (uint64_t)in[d] + (uint32_t)p[BEFORE + d] + (uint32_t)p[AFTER + d] != out[d])
            return 0;
    return in_range(p[VALUE], INT8_MIN, INT8_MAX);
}

void tinytl_pad(const tinytl_call *call)
{
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *p = call->params;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    memset(output, p[VALUE], tensor_elements(call_output(call)));
    for (uint32_t n = 0; n < in[0]; n++)
        for (uint32_t y = 0; y < in[1]; y++)
            for (uint32_t x = 0; x < in[2]; x++, input += in[3]) {
                const uint32_t row = ((n + (uint32_t)p[BEFORE]) * out[1] + y + (uint32_t)p[BEFORE + 1]) * out[2] + x +
                                     (uint32_t)p[BEFORE + 2];
                memcpy(output + row * out[3] + p[BEFORE + 3], input, in[3]);
            }
}
