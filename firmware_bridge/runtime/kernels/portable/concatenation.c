/* SPDX-License-Identifier: Apache-2.0
 * Concatenation of 8-bit tensors of equal scale along one dimension. */
#include <string.h>

#include "kernels/call.h"

enum { AXIS };

void tinytl_concatenation(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const uint32_t axis = (uint32_t)call->params[AXIS];
    uint32_t blocks = 1, inner = 1, filled = 0;
    for (uint32_t d = 0; d < axis; d++)
        blocks *= out->dims[d];
    for (uint32_t d = axis + 1; d < 4; d++)
        inner *= out->dims[d];
    const uint32_t stride = out->dims[axis] * inner;

    for (uint32_t i = 0; i < call->input_count; i++) {
        const uint32_t run = call_input(call, i)->dims[axis] * inner;
        const uint8_t *input = call_input_data(call, i);
        uint8_t *output = (uint8_t *)call_output_data(call) + filled;
        for (uint32_t block = 0; block < blocks; block++)
            memcpy(output + block * stride, input + block * run, run);
        filled += run;
    }
}
