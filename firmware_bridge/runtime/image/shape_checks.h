/* SPDX-License-Identifier: Apache-2.0
 * What shape rules are made of: tests on the tensors and parameters of one call. */
#ifndef TINYTL_IMAGE_SHAPE_CHECKS_H
#define TINYTL_IMAGE_SHAPE_CHECKS_H

#include "kernels/call.h"

enum { MAX_SIDE = 1 << 15, MAX_STRIDE = 1 << 15 };

static inline int is(const tinytl_tensor *tensor, tinytl_dtype dtype)
{
    return tensor->dtype == (uint8_t)dtype;
}

static inline int is_8_bit(const tinytl_tensor *tensor)
{
    return is(tensor, TINYTL_INT8) || is(tensor, TINYTL_UINT8);
}

static inline int same_dims(const tinytl_tensor *a, const tinytl_tensor *b)
{
    return a->dims[0] == b->dims[0] && a->dims[1] == b->dims[1] && a->dims[2] == b->dims[2] && a->dims[3] == b->dims[3];
}

static inline int counts(const tinytl_call *call, uint32_t inputs)
{
    return call->input_count == inputs && call->output_count == 1;
}

/* Input 0 and the output are int8. */
static inline int s8_to_s8(const tinytl_call *call)
{
    return is(call_input(call, 0), TINYTL_INT8) && is(call_output(call), TINYTL_INT8);
}

static inline int shift_ok(int32_t shift)
{
    return shift >= -31 && shift <= 31;
}

static inline int clamp_ok(int32_t low, int32_t high)
{
    return low >= INT8_MIN && high <= INT8_MAX && low <= high;
}

static inline int in_range(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static inline int rescale_ok(int32_t multiplier, int32_t shift)
{
    return multiplier >= 0 && shift_ok(shift);
}

/* A constant of `count` int32 numbers. */
static inline int is_s32_constant(const tinytl_tensor *tensor, uint64_t count)
{
    return is(tensor, TINYTL_INT32) && tensor->region == 1 && tensor->bytes == count * 4u;
}

/* bias, multiplier and shift of operands 2 … 4: int32 constants of one number a channel, multipliers and shifts in range. */
static inline int channels_ok(const tinytl_call *call, uint32_t channels)
{
    for (uint32_t i = 2; i < 5; i++)
        if (!is_s32_constant(call_input(call, i), channels))
            return 0;
    const int32_t *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    for (uint32_t c = 0; c < channels; c++)
        if (!rescale_ok(multiplier[c], shift[c]))
            return 0;
    return 1;
}

/* Output side of a window of `taps` every `dilation` places that moves by `stride` over a padded side: every window must start
 * before the input's end, so that sums of coordinates stay small and padding is what a converter could have written. */
static inline int side_ok(uint32_t out, uint32_t in, int32_t taps, int32_t stride, int32_t dilation, int32_t pad)
{
    if (in > MAX_SIDE || out > MAX_SIDE || !in_range(taps, 1, MAX_SIDE) || !in_range(stride, 1, MAX_STRIDE) ||
        !in_range(dilation, 1, MAX_STRIDE) || !in_range(pad, 0, MAX_SIDE))
        return 0;
    const int32_t reach = (taps - 1) * dilation, last = (int32_t)(out - 1) * stride - pad;
    return pad <= reach && last < (int32_t)in && reach < MAX_SIDE;
}

static inline int images(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return s8_to_s8(call) && in->rank == 4 && out->rank == 4 && in->dims[0] == 1 && out->dims[0] == 1;
}

static inline int window_ok(const tinytl_call *call, int32_t taps_h, int32_t taps_w, int32_t dilation_h, int32_t dilation_w)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params; /* pad_top, pad_left, stride_h, stride_w first */
    return side_ok(out->dims[1], in->dims[1], taps_h, p[2], dilation_h, p[0]) &&
           side_ok(out->dims[2], in->dims[2], taps_w, p[3], dilation_w, p[1]);
}

#endif
