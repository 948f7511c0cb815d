/* SPDX-License-Identifier: Apache-2.0
 * What the rules of pooling some channels at a time (kernels/block_pooling.h) have in common. */
#ifndef TINYTL_IMAGE_POOLING_CHECKS_H
#define TINYTL_IMAGE_POOLING_CHECKS_H

#include "image/shape_checks.h"

enum { POOL_MOST_PLACES = 256 };

static inline int average_pool_blocks_ok(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return counts(call, 1) && images(call) && call_input(call, 0)->dims[3] == call_output(call)->dims[3] &&
           window_ok(call, p[4], p[5], 1, 1) && (int64_t)p[4] * p[5] <= POOL_MOST_PLACES && clamp_ok(p[6], p[7]);
}

static inline int mean_blocks_ok(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return counts(call, 1) && s8_to_s8(call) && in->rank == 4 && in->dims[0] == 1 &&
           (uint64_t)in->dims[1] * in->dims[2] <= POOL_MOST_PLACES && out->bytes == in->dims[3] &&
           rescale_ok(call->params[0], call->params[1]);
}

#endif
