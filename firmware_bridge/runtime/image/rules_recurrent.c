/* SPDX-License-Identifier: Apache-2.0
 * Shape rules of operators that run over the steps of a sequence: lstm. */
#include "image/operator_rules.h"
#include "image/shape_checks.h"

enum { GATES = 4, PRODUCTS = 2, MOST_CELL_INTEGER_BITS = 6 };

/* int8 constant [units, gates, depth]. */
static int is_gate_weights(const tinytl_tensor *tensor, uint32_t units, uint32_t depth)
{
    return is(tensor, TINYTL_INT8) && tensor->region == 1 && tensor->rank == 3 && tensor->dims[0] == units && tensor->dims[1] == GATES &&
           tensor->dims[2] == depth;
}

static int gate_rescalings_ok(const tinytl_call *call)
{
    const uint32_t count = GATES * PRODUCTS;
    if (!is_s32_constant(call_input(call, 5), count) || !is_s32_constant(call_input(call, 6), count))
        return 0;
    const int32_t *multiplier = call_input_data(call, 5), *shift = call_input_data(call, 6);
    for (uint32_t i = 0; i < count; i++)
        if (!rescale_ok(multiplier[i], shift[i]))
            return 0;
    return 1;
}

int rule_lstm(const tinytl_call *call)
{
    if (!counts(call, 7) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t units = tensor_last_dim(out), depth = tensor_last_dim(in);
    const int32_t *p = call->params;
    return in->bytes / depth == out->bytes / units && is_gate_weights(call_input(call, 1), units, depth) &&
           is_gate_weights(call_input(call, 2), units, units) && is_s32_constant(call_input(call, 3), (uint64_t)units * GATES) &&
           is_s32_constant(call_input(call, 4), (uint64_t)units * GATES) && gate_rescalings_ok(call) &&
           in_range(p[0], 0, MOST_CELL_INTEGER_BITS) && in_range(p[1], 0, INT16_MAX) && rescale_ok(p[2], p[3]) &&
           in_range(p[4], INT8_MIN, INT8_MAX) && call->scratch_bytes >= units * sizeof(int16_t);
}
