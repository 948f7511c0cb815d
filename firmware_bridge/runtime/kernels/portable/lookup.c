/* SPDX-License-Identifier: Apache-2.0
 * A function of one 8-bit number as a table of its 256 values, by the input's byte read without sign. May work in place. Exact:
 * the compiler fills the table. */
#include "kernels/call.h"

void tinytl_lookup(const tinytl_call *call)
{
    const uint8_t *input = call_input_data(call, 0), *table = call_input_data(call, 1);
    uint8_t *output = call_output_data(call);
    const uint32_t count = call_output(call)->bytes;

    for (uint32_t i = 0; i < count; i++)
        output[i] = table[input[i]];
}
