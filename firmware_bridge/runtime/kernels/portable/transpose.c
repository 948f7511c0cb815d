/* SPDX-License-Identifier: Apache-2.0
 * Transposition of an 8-bit tensor: dimension d of the output is dimension permutation[d] of the input. input s8/u8 →
 * output of its type. */
#include "kernels/checks/shape_checks.h"

enum {
    PERMUTATION = 0 /* 0 … 3, each once; dimensions beyond the rank stay where they are */
};

int tinytl_rule_transpose(const tinytl_call *call)
{
    if (!counts(call, 1) || !is_8_bit(call_output(call)) || call_input(call, 0)->dtype != call_output(call)->dtype)
        return 0;
    uint32_t seen = 0;
    for (uint32_t d = 0; d < 4; d++) {
        const int32_t from = call->params[PERMUTATION + d];
        if (!in_range(from, 0, 3) || call_input(call, 0)->dims[from] != call_output(call)->dims[d])
            return 0;
        seen |= 1u << from;
    }
    return seen == 15;
}

void tinytl_transpose(const tinytl_call *call)
{
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const uint8_t *input = call_input_data(call, 0);
    uint8_t *output = call_output_data(call);
    const uint32_t in_steps[4] = {in[1] * in[2] * in[3], in[2] * in[3], in[3], 1};
    uint32_t steps[4];
    for (uint32_t d = 0; d < 4; d++)
        steps[d] = in_steps[call->params[PERMUTATION + d]];

    for (uint32_t n = 0; n < out[0]; n++)
        for (uint32_t y = 0; y < out[1]; y++)
            for (uint32_t x = 0; x < out[2]; x++) {
                const uint8_t *row = input + n * steps[0] + y * steps[1] + x * steps[2];
                for (uint32_t c = 0; c < out[3]; c++)
                    *output++ = row[c * steps[3]];
            }
}
