/* SPDX-License-Identifier: Apache-2.0
 * How the dims of two int8 tensors fit together (kernels/checks/pair_checks.h). */
#include "kernels/checks/pair_checks.h"

static int pair_of_s8(const tinytl_call *call)
{
    return counts(call, 2) && s8_to_s8(call) && is(call_input(call, 1), TINYTL_INT8);
}

static int repeats(const uint32_t dims[4], const uint32_t whole[4])
{
    for (uint32_t d = 0; d < 4; d++)
        if (dims[d] != whole[d] && dims[d] != 1)
            return 0;
    return 1;
}

int tinytl_second_repeats(const tinytl_call *call)
{
    return pair_of_s8(call) && repeats(call_input(call, 1)->dims, call_input(call, 0)->dims) &&
           same_dims(call_input(call, 0), call_output(call));
}

int tinytl_both_repeat(const tinytl_call *call)
{
    return pair_of_s8(call) && repeats(call_input(call, 0)->dims, call_output(call)->dims) &&
           repeats(call_input(call, 1)->dims, call_output(call)->dims);
}
