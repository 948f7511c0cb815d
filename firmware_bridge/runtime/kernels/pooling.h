/* SPDX-License-Identifier: Apache-2.0
 * What average and max pooling share: parameters and the window clipped to the input. input s8 [1,H,W,C] →
 * output s8 [1,OH,OW,C]. */
#ifndef TINYTL_KERNELS_POOLING_H
#define TINYTL_KERNELS_POOLING_H

#include "kernels/call.h"

enum {
    POOL_PAD_TOP,  /* 0 … filter − 1; what is padded below and to the right follows from the dims */
    POOL_PAD_LEFT,
    POOL_STRIDE_H, /* 1 … 32,768 */
    POOL_STRIDE_W,
    POOL_FILTER_H, /* 1 … 32,768; height · width ≤ 2^22 */
    POOL_FILTER_W,
    POOL_ACT_MIN,  /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    POOL_ACT_MAX
};

typedef struct pool_span {
    int32_t first; /* input coordinates inside the input */
    int32_t last;  /* one past */
} pool_span;

/* Part of a window of `filter` places from `origin` on that lies inside [0, side). */
static inline pool_span pool_clip(int32_t origin, int32_t filter, int32_t side)
{
    const pool_span span = {origin < 0 ? 0 : origin, origin + filter > side ? side : origin + filter};
    return span;
}

#endif
