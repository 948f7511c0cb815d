/* SPDX-License-Identifier: Apache-2.0
 * Addition of two int8 tensors of equal dims, by tables. May work in place. */
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/tables.h"

void tinytl_add_tables(const tinytl_call *call)
{
    const int8_t *a = call_input_data(call, 0), *b = call_input_data(call, 1);
    const int32_t *tables = call_input_data(call, 2);
    const uint32_t count = tensor_elements(call_output(call)), whole = count & ~3u;
    int8_t *output = call_output_data(call);

    if (whole)
        tinytl_add_by_tables(a, b, output, tables, whole);
    for (uint32_t i = whole; i < count; i++) {
        const int32_t sum = tables[(uint8_t)a[i]] + tables[TABLE_ENTRIES + (uint8_t)b[i]];
        output[i] = (int8_t)clamp(sum >> TABLE_FRACTION_BITS, INT8_MIN, INT8_MAX);
    }
    tinytl_clamp_output(call, call->params[ADDITION_ACT_MIN], call->params[ADDITION_ACT_MAX]);
}
