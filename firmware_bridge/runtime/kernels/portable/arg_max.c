/* SPDX-License-Identifier: Apache-2.0
 * Where the largest number along one dimension stands, the first of equal ones: input s8 → output s32 of the other
 * dimensions in order. */
#include "kernels/checks/shape_checks.h"

enum {
    AXIS /* 0 … 3 */
};

int tinytl_rule_arg_max(const tinytl_call *call)
{
    if (!counts(call, 1) || !is(call_input(call, 0), TINYTL_INT8) || !is(call_output(call), TINYTL_INT32) ||
        !in_range(call->params[AXIS], 0, 3))
        return 0;
    const tinytl_tensor *in = call_input(call, 0);
    return call_output(call)->bytes / 4u == in->bytes / in->dims[call->params[AXIS]];
}

static int32_t place_of_largest(const int8_t *input, int32_t count, uint32_t step)
{
    int32_t place = 0, largest = *input;
    for (int32_t i = 1; i < count; i++) {
        input += step;
        if (*input > largest) {
            largest = *input;
            place = i;
        }
    }
    return place;
}

void tinytl_arg_max(const tinytl_call *call)
{
    const uint32_t *dims = call_input(call, 0)->dims, axis = (uint32_t)call->params[AXIS];
    const int8_t *input = call_input_data(call, 0);
    int32_t *output = call_output_data(call);
    uint32_t blocks = 1, inner = 1; /* what lies before and behind the axis */
    for (uint32_t d = 0; d < axis; d++)
        blocks *= dims[d];
    for (uint32_t d = axis + 1; d < 4; d++)
        inner *= dims[d];

    for (uint32_t block = 0; block < blocks; block++, input += dims[axis] * inner)
        for (uint32_t i = 0; i < inner; i++)
            *output++ = place_of_largest(input + i, (int32_t)dims[axis], inner);
}
