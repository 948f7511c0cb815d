/* SPDX-License-Identifier: Apache-2.0
 * Shape rules of operators that work element by element: tables, sub, maximum, minimum, prelu, and l2_normalization, which does by rows. */
#include "image/operator_rules.h"
#include "image/shape_checks.h"

/* A sum of more squares of 255 does not fit 31 bits. */
enum { TABLE_BYTES = 256, MAX_DEPTH = 1 << 15 };

int rule_lookup(const tinytl_call *call)
{
    if (!counts(call, 2) || !is_8_bit(call_input(call, 0)) || !is_8_bit(call_output(call)))
        return 0;
    const tinytl_tensor *table = call_input(call, 1);
    return table->dtype == call_output(call)->dtype && table->region == 1 && table->bytes == TABLE_BYTES &&
           same_dims(call_input(call, 0), call_output(call));
}

int rule_l2_normalization(const tinytl_call *call)
{
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) &&
           tensor_last_dim(call_input(call, 0)) <= MAX_DEPTH;
}

/* Each side of a and b is the output's, or 1. */
static int both_repeat(const tinytl_call *call)
{
    if (!counts(call, 2) || !s8_to_s8(call) || !is(call_input(call, 1), TINYTL_INT8))
        return 0;
    const uint32_t *out = call_output(call)->dims;
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t d = 0; d < 4; d++)
            if (call_input(call, i)->dims[d] != out[d] && call_input(call, i)->dims[d] != 1)
                return 0;
    return 1;
}

int rule_sub(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return both_repeat(call) && in_range(p[0], -127, 128) && in_range(p[3], -127, 128) && rescale_ok(p[1], p[2]) &&
           rescale_ok(p[4], p[5]) && in_range(p[6], 0, 22) && rescale_ok(p[7], p[8]) && in_range(p[9], INT8_MIN, INT8_MAX) && clamp_ok(p[10], p[11]);
}

int rule_maximum(const tinytl_call *call)
{
    return both_repeat(call);
}

int rule_minimum(const tinytl_call *call)
{
    return both_repeat(call);
}

int rule_prelu(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return both_repeat(call) && in_range(p[0], -127, 128) && in_range(p[1], -127, 128) && rescale_ok(p[2], p[3]) &&
           rescale_ok(p[4], p[5]) && in_range(p[6], INT8_MIN, INT8_MAX);
}
