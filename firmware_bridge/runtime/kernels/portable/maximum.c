/* SPDX-License-Identifier: Apache-2.0
 * The larger of two int8 numbers of one scale: a s8 · b s8, each side the output's or 1 → output
 * s8. May work in place. */
#include "kernels/checks/pair_checks.h"
#include "kernels/pairs.h"

static int8_t larger_of(int8_t a, int8_t b, const int32_t *params)
{
    (void)params;
    return a > b ? a : b;
}

int tinytl_rule_maximum(const tinytl_call *call)
{
    return tinytl_both_repeat(call);
}

void tinytl_maximum(const tinytl_call *call)
{
    for_each_pair(call, larger_of);
}
