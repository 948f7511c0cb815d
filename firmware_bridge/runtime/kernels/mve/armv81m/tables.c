/* SPDX-License-Identifier: Apache-2.0
 * Addition by tables (kernels/mve/tables.h): two gathers of four words. */
#include "kernels/mve/tables.h"

#include <arm_mve.h>

static inline int32x4_t sums(const tinytl_mve_addition *add, uint32x4_t a, uint32x4_t b)
{
    const int32x4_t first = vldrwq_gather_shifted_offset_s32(add->tables, a);
    const int32x4_t second = vldrwq_gather_shifted_offset_s32(add->tables + MVE_TABLE_ENTRIES, b);
    const int32x4_t out = vshrq_n_s32(vaddq_s32(first, second), MVE_TABLE_FRACTION_BITS);
    return vmaxq_s32(vminq_s32(out, vdupq_n_s32(add->act_max)), vdupq_n_s32(add->act_min));
}

void tinytl_mve_add_by_tables(const tinytl_mve_addition *add)
{
    const uint8_t *a = (const uint8_t *)add->a, *b = (const uint8_t *)add->b;
    const tinytl_mve_addition local = *add; /* a store to an int8 may alias anything */
    int8_t *output = add->output;
    uint32_t left = local.count;
    for (; left >= 4u; left -= 4u, a += 4, b += 4, output += 4)
        vstrbq_s32(output, sums(&local, vldrbq_u32(a), vldrbq_u32(b)));
    if (left) {
        const mve_pred16_t rest = vctp32q(left);
        vstrbq_p_s32(output, sums(&local, vldrbq_z_u32(a, rest), vldrbq_z_u32(b, rest)), rest);
    }
}
