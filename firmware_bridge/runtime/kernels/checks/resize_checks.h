/* SPDX-License-Identifier: Apache-2.0
 * What the check rules of the two operators that resize images share. */
#ifndef TINYTL_KERNELS_CHECKS_RESIZE_CHECKS_H
#define TINYTL_KERNELS_CHECKS_RESIZE_CHECKS_H

#include "kernels/checks/shape_checks.h"

/* Images of equal depth, and tables (inputs 1 and 2) of `columns` numbers for each row and column of the output. */
static inline int resizes(const tinytl_call *call, uint32_t columns)
{
    if (!counts(call, 3) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return in->dims[0] == out->dims[0] && in->dims[3] == out->dims[3] &&
           is_s32_constant(call_input(call, 1), (uint64_t)out->dims[1] * columns) &&
           is_s32_constant(call_input(call, 2), (uint64_t)out->dims[2] * columns);
}

#endif
