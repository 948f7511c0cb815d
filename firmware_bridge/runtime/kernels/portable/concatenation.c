/* SPDX-License-Identifier: Apache-2.0
 * Concatenation of 8-bit tensors of equal scale along one dimension: one or more inputs s8/u8 →
 * output of their type. */
#include <string.h>

#include "kernels/checks/shape_checks.h"

enum {
    AXIS /* 0 … 3 */
};

int tinytl_rule_concatenation(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t axis = call->params[AXIS];
    if (call->input_count < 1 || call->output_count != 1 || !is_8_bit(out) || !in_range(axis, 0, 3))
        return 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const tinytl_tensor *in = call_input(call, i);
        for (uint32_t d = 0; d < 4; d++)
            if (d != (uint32_t)axis && in->dims[d] != out->dims[d])
                return 0;
        if (in->dtype != out->dtype)
            return 0;
        total += in->dims[axis];
    }
    return total == out->dims[axis];
}

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
