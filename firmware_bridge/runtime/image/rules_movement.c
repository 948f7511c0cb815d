/* SPDX-License-Identifier: Apache-2.0
 * Shape rules of operators that move bytes: slice, transpose, and the two that resize images by tables of places. */
#include "image/operator_rules.h"
#include "image/shape_checks.h"

enum { WEIGHT_ONE = 1 << 10 };

int rule_slice(const tinytl_call *call)
{
    if (!counts(call, 1) || !is_8_bit(call_output(call)) || call_input(call, 0)->dtype != call_output(call)->dtype)
        return 0;
    const uint32_t *in = call_input(call, 0)->dims, *out = call_output(call)->dims;
    const int32_t *begin = call->params, *stride = call->params + 4;
    for (uint32_t d = 0; d < 4; d++) {
        const int64_t last = begin[d] + (int64_t)stride[d] * (out[d] - 1);
        if (begin[d] < 0 || begin[d] >= (int64_t)in[d] || last < 0 || last >= (int64_t)in[d])
            return 0;
    }
    return 1;
}

int rule_transpose(const tinytl_call *call)
{
    if (!counts(call, 1) || !is_8_bit(call_output(call)) || call_input(call, 0)->dtype != call_output(call)->dtype)
        return 0;
    uint32_t seen = 0;
    for (uint32_t d = 0; d < 4; d++) {
        const int32_t from = call->params[d];
        if (!in_range(from, 0, 3) || call_input(call, 0)->dims[from] != call_output(call)->dims[d])
            return 0;
        seen |= 1u << from;
    }
    return seen == 15;
}

/* Images of equal depth, and tables (inputs 1 and 2) of `columns` numbers for each row and column of the output. */
static int resizes(const tinytl_call *call, uint32_t columns)
{
    if (!counts(call, 3) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return in->dims[0] == out->dims[0] && in->dims[3] == out->dims[3] && is_s32_constant(call_input(call, 1), (uint64_t)out->dims[1] * columns) &&
           is_s32_constant(call_input(call, 2), (uint64_t)out->dims[2] * columns);
}

int rule_resize_nearest_neighbor(const tinytl_call *call)
{
    if (!resizes(call, 1))
        return 0;
    for (uint32_t d = 1; d < 3; d++) {
        const int32_t *places = call_input_data(call, d);
        for (uint32_t i = 0; i < call_output(call)->dims[d]; i++)
            if (places[i] < 0 || places[i] >= (int64_t)call_input(call, 0)->dims[d])
                return 0;
    }
    return 1;
}

/* A weight reaches half a place beyond the first one, not more: sums of four products then fit 31 bits. */
int rule_resize_bilinear(const tinytl_call *call)
{
    if (!resizes(call, 3))
        return 0;
    for (uint32_t d = 1; d < 3; d++) {
        const int32_t *places = call_input_data(call, d);
        const int64_t side = call_input(call, 0)->dims[d];
        for (uint32_t i = 0; i < call_output(call)->dims[d]; i++, places += 3)
            if (places[0] < 0 || places[0] >= side || places[1] < 0 || places[1] >= side || !in_range(places[2], -WEIGHT_ONE / 2, WEIGHT_ONE))
                return 0;
    }
    return 1;
}
