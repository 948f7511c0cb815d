/* SPDX-License-Identifier: Apache-2.0
 * What the check rules of poolings share, and those of pooling some channels at a time (kernels/block_pooling.h). */
#ifndef TINYTL_KERNELS_CHECKS_POOLING_CHECKS_H
#define TINYTL_KERNELS_CHECKS_POOLING_CHECKS_H

#include "kernels/block_pooling.h"
#include "kernels/checks/shape_checks.h"

/* With more places a sum of bytes does not fit the kernel's: 32 bits, or 16 where channels go together. */
enum { POOL_MOST_PLACES_S32 = 1 << 22, POOL_MOST_PLACES_S16 = 256 };

/* most_places: of a window. */
static inline int pool_ok(const tinytl_call *call, int64_t most_places)
{
    const int32_t *p = call->params;
    return tinytl_images(call, 1) && call_input(call, 0)->dims[3] == call_output(call)->dims[3] &&
           tinytl_window_ok(call, p[POOL_FILTER_H], p[POOL_FILTER_W], 1, 1) &&
           (int64_t)p[POOL_FILTER_H] * p[POOL_FILTER_W] <= most_places && clamp_ok(p[POOL_ACT_MIN], p[POOL_ACT_MAX]);
}

static inline int average_pool_blocks_ok(const tinytl_call *call)
{
    return pool_ok(call, POOL_MOST_PLACES_S16);
}

static inline int mean_blocks_ok(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return counts(call, 1) && s8_to_s8(call) && in->rank == 4 && in->dims[0] == 1 &&
           (uint64_t)in->dims[1] * in->dims[2] <= POOL_MOST_PLACES_S16 && out->bytes == in->dims[3] &&
           rescale_ok(call->params[MEAN_MULTIPLIER], call->params[MEAN_SHIFT]);
}

#endif
