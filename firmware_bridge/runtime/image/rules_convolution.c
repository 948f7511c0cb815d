/* SPDX-License-Identifier: Apache-2.0
 * Shape rule of the transposed convolution. */
#include "image/operator_rules.h"
#include "image/shape_checks.h"

static int sides_ok(uint32_t in, uint32_t out, uint32_t taps, int32_t stride, int32_t pad)
{
    return in <= MAX_SIDE && out <= MAX_SIDE && taps <= MAX_SIDE && in_range(stride, 1, MAX_SIDE) && in_range(pad, 0, MAX_SIDE);
}

int rule_transpose_conv(const tinytl_call *call)
{
    if (!counts(call, 5) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params; /* pad_top, pad_left, stride_h, stride_w, act_min, act_max */
    return in->rank == 4 && out->rank == 4 && in->dims[0] == 1 && out->dims[0] == 1 && is(w, TINYTL_INT8) && w->rank == 4 &&
           w->dims[0] == out->dims[3] && w->dims[3] == in->dims[3] && channels_ok(call, out->dims[3]) &&
           sides_ok(in->dims[1], out->dims[1], w->dims[1], p[2], p[0]) && sides_ok(in->dims[2], out->dims[2], w->dims[2], p[3], p[1]) &&
           clamp_ok(p[4], p[5]);
}
