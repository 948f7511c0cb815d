/* SPDX-License-Identifier: Apache-2.0
 * A function of one 8-bit number as a table of its 256 values, by the input's byte read without sign: input
 * s8/u8 · table, a constant of the output's type → output s8/u8 of the input's dims. May work in place. Exact: the
 * compiler fills the table. */
#include "kernels/checks/shape_checks.h"

enum { TABLE_BYTES = 256 };

int tinytl_rule_lookup(const tinytl_call *call)
{
    if (!counts(call, 2) || !is_8_bit(call_input(call, 0)) || !is_8_bit(call_output(call)))
        return 0;
    const tinytl_tensor *table = call_input(call, 1);
    return table->dtype == call_output(call)->dtype && table->region == 1 && table->bytes == TABLE_BYTES &&
           same_dims(call_input(call, 0), call_output(call));
}

void tinytl_lookup(const tinytl_call *call)
{
    const uint8_t *input = call_input_data(call, 0), *table = call_input_data(call, 1);
    uint8_t *output = call_output_data(call);
    const uint32_t count = call_output(call)->bytes;

    for (uint32_t i = 0; i < count; i++)
        output[i] = table[input[i]];
}
