/* SPDX-License-Identifier: Apache-2.0
 * What the check rules of operators on two int8 tensors share. */
#ifndef TINYTL_KERNELS_CHECKS_PAIR_CHECKS_H
#define TINYTL_KERNELS_CHECKS_PAIR_CHECKS_H

#include "kernels/checks/shape_checks.h"

/* −zero_point of an int8 tensor. */
static inline int offset_ok(int32_t offset)
{
    return in_range(offset, -INT8_MAX, -INT8_MIN);
}

static inline int zero_point_ok(int32_t zero_point)
{
    return in_range(zero_point, INT8_MIN, INT8_MAX);
}

/* a has the output's dims, each side of b is a's or 1. */
int tinytl_second_repeats(const tinytl_call *call) TINYTL_ONCE;

/* Each side of a and b is the output's, or 1. */
int tinytl_both_repeat(const tinytl_call *call) TINYTL_ONCE;

#endif
