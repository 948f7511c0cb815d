/* SPDX-License-Identifier: Apache-2.0
 * Shape rule of the transposed convolution. */
#include "image/rule_checks.h"

enum { MAX_SIDE = 1 << 15 };

/* bias, multiplier and shift (inputs 2 … 4) have one number a channel, in range. */
static int channels_rescale(const tinytl_call *call, uint32_t channels)
{
    for (uint32_t i = 2; i < 5; i++)
        if (!is_s32_constant(call_input(call, i), channels))
            return 0;
    const int32_t *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    for (uint32_t c = 0; c < channels; c++)
        if (!rescales(multiplier[c], shift[c]))
            return 0;
    return 1;
}

static int sides_ok(uint32_t in, uint32_t out, uint32_t taps, int32_t stride, int32_t pad)
{
    return in <= MAX_SIDE && out <= MAX_SIDE && taps <= MAX_SIDE && lies_between(stride, 1, MAX_SIDE) && lies_between(pad, 0, MAX_SIDE);
}

int rule_transpose_conv(const tinytl_call *call)
{
    if (!has_operands(call, 5) || !is_s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params; /* pad_top, pad_left, stride_h, stride_w, act_min, act_max */
    return in->rank == 4 && out->rank == 4 && in->dims[0] == 1 && out->dims[0] == 1 && has_dtype(w, TINYTL_INT8) && w->rank == 4 &&
           w->dims[0] == out->dims[3] && w->dims[3] == in->dims[3] && channels_rescale(call, out->dims[3]) &&
           sides_ok(in->dims[1], out->dims[1], w->dims[1], p[2], p[0]) && sides_ok(in->dims[2], out->dims[2], w->dims[2], p[3], p[1]) &&
           clamps(p[4], p[5]);
}
