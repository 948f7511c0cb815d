/* SPDX-License-Identifier: Apache-2.0
 * Part of an 8-bit tensor: output[i] = input[begin + stride · i] in each dimension. A stride may be negative (backwards) or 0 (the same
 * place again and again: broadcasting). */
#include <string.h>

#include "kernels/call.h"

enum { BEGIN, STRIDE = 4 };

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
