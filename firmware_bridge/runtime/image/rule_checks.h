/* SPDX-License-Identifier: Apache-2.0
 * What the shape rules of several files test, and the rules that stand apart from rules.c: each is `tinytl_rule_<name>` to the linker and
 * `rule_<name>` to the one list of operators. */
#ifndef TINYTL_IMAGE_RULE_CHECKS_H
#define TINYTL_IMAGE_RULE_CHECKS_H

#include "kernels/call.h"

#define rule_lookup tinytl_rule_lookup
#define rule_l2_normalization tinytl_rule_l2_normalization
#define rule_slice tinytl_rule_slice
#define rule_transpose tinytl_rule_transpose
#define rule_sub tinytl_rule_sub
#define rule_maximum tinytl_rule_maximum
#define rule_minimum tinytl_rule_minimum
#define rule_resize_nearest_neighbor tinytl_rule_resize_nearest_neighbor
#define rule_resize_bilinear tinytl_rule_resize_bilinear
#define rule_transpose_conv tinytl_rule_transpose_conv
#define rule_prelu tinytl_rule_prelu

int rule_lookup(const tinytl_call *call);
int rule_l2_normalization(const tinytl_call *call);
int rule_slice(const tinytl_call *call);
int rule_transpose(const tinytl_call *call);
int rule_sub(const tinytl_call *call);
int rule_maximum(const tinytl_call *call);
int rule_minimum(const tinytl_call *call);
int rule_resize_nearest_neighbor(const tinytl_call *call);
int rule_resize_bilinear(const tinytl_call *call);
int rule_transpose_conv(const tinytl_call *call);
int rule_prelu(const tinytl_call *call);

static inline int has_dtype(const tinytl_tensor *tensor, tinytl_dtype dtype)
{
    return tensor->dtype == (uint8_t)dtype;
}

static inline int has_8_bits(const tinytl_tensor *tensor)
{
    return has_dtype(tensor, TINYTL_INT8) || has_dtype(tensor, TINYTL_UINT8);
}

static inline int has_operands(const tinytl_call *call, uint32_t inputs)
{
    return call->input_count == inputs && call->output_count == 1;
}

/* Input 0 and the output are int8. */
static inline int is_s8_to_s8(const tinytl_call *call)
{
    return has_dtype(call_input(call, 0), TINYTL_INT8) && has_dtype(call_output(call), TINYTL_INT8);
}

static inline int has_dims(const tinytl_tensor *a, const tinytl_tensor *b)
{
    return a->dims[0] == b->dims[0] && a->dims[1] == b->dims[1] && a->dims[2] == b->dims[2] && a->dims[3] == b->dims[3];
}

static inline int lies_between(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static inline int rescales(int32_t multiplier, int32_t shift)
{
    return multiplier >= 0 && lies_between(shift, -31, 31);
}

static inline int clamps(int32_t low, int32_t high)
{
    return low >= INT8_MIN && high <= INT8_MAX && low <= high;
}

/* A constant of `count` int32 numbers. */
static inline int is_s32_constant(const tinytl_tensor *tensor, uint64_t count)
{
    return has_dtype(tensor, TINYTL_INT32) && tensor->region == 1 && tensor->bytes == count * 4u;
}

#endif
