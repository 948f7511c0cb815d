/* SPDX-License-Identifier: Apache-2.0
 * Addition by tables (kernels/mve/tables.h) in plain C. */
#include "kernels/mve/tables.h"
#include "kernels/arithmetic.h"

void tinytl_mve_add_by_tables(const tinytl_mve_addition *add)
{
    for (uint32_t i = 0; i < add->count; i++) {
        const int32_t sum = add->tables[(uint8_t)add->a[i]] + add->tables[MVE_TABLE_ENTRIES + (uint8_t)add->b[i]];
        add->output[i] = (int8_t)clamp(sum >> MVE_TABLE_FRACTION_BITS, add->act_min, add->act_max);
    }
}
