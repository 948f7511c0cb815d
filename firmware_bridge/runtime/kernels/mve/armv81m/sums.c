/* SPDX-License-Identifier: Apache-2.0
 * Sums over places (kernels/mve/sums.h): eight lanes of 16 bits. */
#include "kernels/mve/sums.h"

#include <arm_mve.h>

void tinytl_mve_sum_places(const int8_t *first, const pool_places *places, int32_t sums[MVE_SUMS])
{
    const int32_t step = places->column_step;
    int16x8_t total = vdupq_n_s16(0);
    for (int32_t y = places->rows; y > 0; y--, first += places->row_step) {
        const int8_t *place = first;
        for (int32_t x = places->columns; x > 0; x--, place += step)
            total = vaddq_s16(total, vldrbq_s16(place));
    }
    const int32x4x2_t halves = {{vmovlbq_s16(total), vmovltq_s16(total)}}; /* even, odd lanes */
    vst2q_s32(sums, halves);
}
