/* SPDX-License-Identifier: Apache-2.0
 * Rescaling of the mve family in plain C (kernels/mve/tile.h). */
#ifndef TINYTL_KERNELS_MVE_PLAIN_RESCALE_H
#define TINYTL_KERNELS_MVE_PLAIN_RESCALE_H

#include "kernels/arithmetic.h"
#include "kernels/mve/tile.h"

/* VRSHL by −e: rounds ties up. */
static inline int32_t mve_shift_rounding(int32_t x, int32_t e)
{
    return e ? (int32_t)(((int64_t)x + ((int64_t)1 << (e - 1))) >> e) : x;
}

/* `channel`: bias, then m and −e every `step` words. */
static inline int32_t mve_rescaled(uint32_t sum, const int32_t *channel, uint32_t step, int rescaling)
{
    const int32_t total = (int32_t)(sum + (uint32_t)channel[0]), high = doubling_high_mul(total, channel[step]);
    return mve_shift_rounding(high - (rescaling == MVE_SIGNED && total < 0), -channel[2u * step]);
}

#endif
