/* SPDX-License-Identifier: Apache-2.0
 * Difference a − b of two int8 tensors of different scales: a s8 · b s8, each side the output's or 1 → output s8. May
 * work in place. Exact for all inputs. Parameters: kernels/scaled_sum.h. */
#include "kernels/pairs.h"
#include "kernels/scaled_sum.h"

static int8_t difference_of(int8_t a, int8_t b, const int32_t *p)
{
    return rescaled_sum((int32_t)((uint32_t)scaled_a(a, p) - (uint32_t)scaled_b(b, p)), p);
}

int tinytl_rule_sub(const tinytl_call *call)
{
    return tinytl_both_repeat(call) && scaled_sum_ok(call->params);
}

void tinytl_sub(const tinytl_call *call)
{
    for_each_pair(call, difference_of);
}
