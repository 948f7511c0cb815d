/* SPDX-License-Identifier: Apache-2.0
 * The tests of check rules that are more than a line (kernels/checks/shape_checks.h). */
#include "kernels/checks/shape_checks.h"

int tinytl_channels_ok(const tinytl_call *call, uint32_t channels)
{
    for (uint32_t i = 2; i < 5; i++)
        if (!is_s32_constant(call_input(call, i), channels))
            return 0;
    const int32_t *multiplier = call_constant_data(call, 3), *shift = call_constant_data(call, 4);
    for (uint32_t c = 0; c < channels; c++)
        if (!rescale_ok(multiplier[c], shift[c]))
            return 0;
    return 1;
}

int tinytl_side_ok(uint32_t out, uint32_t in, int32_t taps, int32_t stride, int32_t dilation, int32_t pad)
{
    if (in > MAX_SIDE || out > MAX_SIDE || !in_range(taps, 1, MAX_SIDE) || !in_range(stride, 1, MAX_STRIDE) ||
        !in_range(dilation, 1, MAX_STRIDE) || !in_range(pad, 0, MAX_SIDE))
        return 0;
    const int32_t reach = (taps - 1) * dilation, last = (int32_t)(out - 1) * stride - pad;
    return pad <= reach && last < (int32_t)in && reach < MAX_SIDE;
}

int tinytl_images(const tinytl_call *call, uint32_t inputs)
{
    if (!counts(call, inputs) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    return in->rank == 4 && out->rank == 4 && in->dims[0] == 1 && out->dims[0] == 1;
}

int tinytl_window_ok(const tinytl_call *call, int32_t taps_h, int32_t taps_w, int32_t dilation_h, int32_t dilation_w)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    return tinytl_side_ok(out->dims[1], in->dims[1], taps_h, p[WINDOWED_STRIDE_H], dilation_h, p[WINDOWED_PAD_TOP]) &&
           tinytl_side_ok(out->dims[2], in->dims[2], taps_w, p[WINDOWED_STRIDE_W], dilation_w, p[WINDOWED_PAD_LEFT]);
}
