/* SPDX-License-Identifier: Apache-2.0
 * The smaller of two int8 numbers of one scale; either tensor may repeat along sides of 1. May work in place. */
#include "kernels/pairs.h"

static int8_t smaller_of(int8_t a, int8_t b, const int32_t *params)
{
    (void)params;
    return a < b ? a : b;
}

void tinytl_minimum(const tinytl_call *call)
{
    for_each_pair(call, smaller_of);
}
