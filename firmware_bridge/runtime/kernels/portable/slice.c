/* SPDX-License-Identifier: Apache-2.0
 * Part of an 8-bit tensor: output[i] = input[begin + stride · i] in each dimension. input s8/u8 → output of its type. A
 * stride may be negative (backwards) or 0 (the same place again and again: broadcasting). */
#include <string.h>

#include "kernels/checks/shape_checks.h"

enum {
    BEGIN = 0, /* one a dimension: a place of the input */
    STRIDE = 4 /* one a dimension: every place it leads to lies in the input */
};

int tinytl_rule_slice(const tinytl_call *call)
{
    if (!counts(call, 1) || !is_8_bit(call_output(call)) || call_input(call, 0)->dtype != call_output(call)->dtype)
        return 0;
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *begin = call->params + BEGIN, *stride = call->params + STRIDE;
    for (uint32_t d = 0; d < 4; d++) {
        const int64_t last = begin[d] + (int64_t)stride[d] * (out[d] - 1);
        if (begin[d] < 0 || begin[d] >= (int64_t)in[d] || last < 0 || last >= (int64_t)in[d])
            return 0;
    }
    return 1;
}

void tinytl_slice(const tinytl_call *call)
{
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *begin = call->params + BEGIN, *stride = call->params + STRIDE;
    const uint8_t *input = call_input_data(call, 0);
    uint8_t *output = call_output_data(call);
    int32_t place[4]; /* below 2^31: the check knows that the input's bytes are */

    for (uint32_t n = 0; n < out[0]; n++)
        for (uint32_t y = 0; y < out[1]; y++)
            for (uint32_t x = 0; x < out[2]; x++, output += out[3]) {
                place[0] = begin[0] + stride[0] * (int32_t)n;
                place[1] = place[0] * (int32_t)in[1] + begin[1] + stride[1] * (int32_t)y;
                place[2] = place[1] * (int32_t)in[2] + begin[2] + stride[2] * (int32_t)x;
                place[3] = place[2] * (int32_t)in[3] + begin[3];
                if (stride[3] == 1)
                    memcpy(output, input + place[3], out[3]);
                else
                    for (uint32_t c = 0; c < out[3]; c++)
                        output[c] = input[place[3] + stride[3] * (int32_t)c];
            }
}
