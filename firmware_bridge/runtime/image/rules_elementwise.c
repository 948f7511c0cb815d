/* SPDX-License-Identifier: Apache-2.0
 * Shape rules of operators that work element by element: tables, sub, maximum, minimum, prelu, and l2_normalization, which does by rows. */
#include "image/rule_checks.h"

/* A sum of more squares of 255 does not fit 31 bits. */
enum { TABLE_BYTES = 256, MAX_DEPTH = 1 << 15 };

int rule_lookup(const tinytl_call *call)
{
    if (!has_operands(call, 2) || !has_8_bits(call_input(call, 0)) || !has_8_bits(call_output(call)))
        return 0;
    const tinytl_tensor *table = call_input(call, 1);
    return table->dtype == call_output(call)->dtype && table->region == 1 && table->bytes == TABLE_BYTES &&
           has_dims(call_input(call, 0), call_output(call));
}

int rule_l2_normalization(const tinytl_call *call)
{
    return has_operands(call, 1) && is_s8_to_s8(call) && has_dims(call_input(call, 0), call_output(call)) &&
           tensor_last_dim(call_input(call, 0)) <= MAX_DEPTH;
}

/* Each side of a and b is the output's, or 1. */
static int both_repeat(const tinytl_call *call)
{
    if (!has_operands(call, 2) || !is_s8_to_s8(call) || !has_dtype(call_input(call, 1), TINYTL_INT8))
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
    return both_repeat(call) && lies_between(p[0], -127, 128) && lies_between(p[3], -127, 128) && rescales(p[1], p[2]) &&
           rescales(p[4], p[5]) && lies_between(p[6], 0, 22) && rescales(p[7], p[8]) && lies_between(p[9], INT8_MIN, INT8_MAX) && clamps(p[10], p[11]);
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
    return both_repeat(call) && lies_between(p[0], -127, 128) && lies_between(p[1], -127, 128) && rescales(p[2], p[3]) &&
           rescales(p[4], p[5]) && lies_between(p[6], INT8_MIN, INT8_MAX);
}
