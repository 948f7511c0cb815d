/* SPDX-License-Identifier: Apache-2.0
 * Addition by tables (kernels/dsp/tables.h) in plain C. */
#include "kernels/dsp/tables.h"
#include "kernels/dsp/plain/rescale.h"

void tinytl_add_by_tables(const int8_t *a, const int8_t *b, int8_t *output, const int32_t *tables, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t sum = (uint32_t)tables[(uint8_t)a[i]] + (uint32_t)tables[TABLE_ENTRIES + (uint8_t)b[i]];
        output[i] = saturate_s8((int32_t)sum >> TABLE_FRACTION_BITS);
    }
}
