/* SPDX-License-Identifier: Apache-2.0
 * What check rules are made of: tests on the tensors and parameters of one call. Tensor records have been checked
 * before: dims are 1 … 2^24 each, their product is the bytes, operand numbers exist. A rule answers whether the kernel
 * may run; of tensor data it reads multipliers, shifts and tables. The longer tests are functions of their own
 * (portable/shape_checks.c): there once, whatever is linked. */
#ifndef TINYTL_KERNELS_CHECKS_SHAPE_CHECKS_H
#define TINYTL_KERNELS_CHECKS_SHAPE_CHECKS_H

#include "kernels/call.h"

enum { MAX_SIDE = 1 << 15, MAX_STRIDE = 1 << 15 };

/* The first parameters of an operator with a window. */
enum { WINDOWED_PAD_TOP, WINDOWED_PAD_LEFT, WINDOWED_STRIDE_H, WINDOWED_STRIDE_W };

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
    return is(tensor, TINYTL_INT32) && tensor->region == 1 && tensor->bytes / 4u == count;
}

/* bias, multiplier and shift of operands 2 … 4: int32 constants of one number a channel, multipliers
 * and shifts in range. */
int tinytl_channels_ok(const tinytl_call *call, uint32_t channels) TINYTL_ONCE;

/* Output side of a window of `taps` every `dilation` places that moves by `stride` over a padded side: every
 * window must start before the input's end, so that sums of coordinates stay small and padding is what a converter
 * could have written. */
int tinytl_side_ok(uint32_t out, uint32_t in, int32_t taps, int32_t stride, int32_t dilation, int32_t pad) TINYTL_ONCE;

/* So many inputs, of which the first is one int8 image, [1,H,W,C], as is the output. */
int tinytl_images(const tinytl_call *call, uint32_t inputs) TINYTL_ONCE;

/* Both sides of a window; padding and strides are the call's first parameters. */
int tinytl_window_ok(const tinytl_call *call, int32_t taps_h, int32_t taps_w, int32_t dilation_h,
                     int32_t dilation_w) TINYTL_ONCE;

#endif
