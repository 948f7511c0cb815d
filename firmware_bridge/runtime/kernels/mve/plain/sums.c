/* SPDX-License-Identifier: Apache-2.0
 * Sums over places (kernels/mve/sums.h) in plain C. */
#include "kernels/mve/sums.h"

void tinytl_mve_sum_places(const int8_t *first, const pool_places *places, int32_t sums[MVE_SUMS])
{
    for (int32_t k = 0; k < MVE_SUMS; k++)
        sums[k] = 0;
    for (int32_t y = 0; y < places->rows; y++)
        for (int32_t x = 0; x < places->columns; x++)
            for (int32_t k = 0; k < MVE_SUMS; k++)
                sums[k] += first[y * places->row_step + x * places->column_step + k];
}
