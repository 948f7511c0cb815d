/* SPDX-License-Identifier: Apache-2.0
 * Rescaling of the dsp family in plain C (kernels/dsp/tile.h). */
#ifndef TINYTL_KERNELS_DSP_PLAIN_RESCALE_H
#define TINYTL_KERNELS_DSP_PLAIN_RESCALE_H

#include "kernels/dsp/tile.h"

static inline int8_t saturate_s8(int32_t x)
{
    return (int8_t)(x < INT8_MIN ? INT8_MIN : x > INT8_MAX ? INT8_MAX : x);
}

/* c + (acc · m >> 32), wrapping: SMMLA. */
static inline int32_t high_mul_add(int32_t acc, int32_t m, int32_t c)
{
    return (int32_t)((uint32_t)c + (uint32_t)(((int64_t)acc * m) >> 32));
}

static inline int8_t rescale_saturating(uint32_t acc, const int32_t *words)
{
    return saturate_s8(high_mul_add((int32_t)acc, words[0], words[1]) >> SATURATING_SHIFT);
}

static inline int8_t rescale_shifted(uint32_t acc, const int32_t *words)
{
    return saturate_s8(high_mul_add((int32_t)acc, words[0], words[1]) >> words[2]);
}

/* `acc` is twice the sum. */
static inline int8_t rescale_signed(int32_t acc, const int32_t *words)
{
    const int32_t high =
        (int32_t)((uint32_t)words[1] + (uint32_t)(((int64_t)acc * words[0] + ((int64_t)1 << 31)) >> 32));
    return saturate_s8((int32_t)((uint32_t)high + (uint32_t)(acc >> 31)) >> words[2]);
}

#endif
