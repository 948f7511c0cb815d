/* SPDX-License-Identifier: Apache-2.0
 * How the second operand of add and mul repeats: b has a's rank, each side a's or 1. `b_steps[d]` is the distance in b
 * of one step along dimension d of a: 0 where b repeats. */
#ifndef TINYTL_KERNELS_BROADCAST_H
#define TINYTL_KERNELS_BROADCAST_H

#include "kernels/call.h"

static inline void broadcast_steps(const tinytl_tensor *b, uint32_t b_steps[4])
{
    uint32_t step = 1;
    for (uint32_t d = 4; d-- > 0;) {
        b_steps[d] = b->dims[d] == 1 ? 0 : step;
        step *= b->dims[d];
    }
}

#endif
