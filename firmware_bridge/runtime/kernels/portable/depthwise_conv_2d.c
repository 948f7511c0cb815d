/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, int8, per-channel scales.
 *
 * input s8 [1,H,W,C] · weights s8 [1,KH,KW,O], O = C · depth_multiplier · bias, multiplier, shift s32 [O] → output s8
 * [1,OH,OW,O]; output channel o reads input channel o / depth_multiplier. The window is clipped once per output pixel;
 * four channels are summed at a time where they lie side by side (depth_multiplier 1). Exact for all inputs. */
#include "kernels/checks/shape_checks.h"
#include "kernels/dot_product.h"
#include "kernels/rescale.h"
#include "kernels/window.h"

enum {
    PAD_TOP,    /* 0 … (taps − 1) · dilation; what is padded below and to the right follows from the dims */
    PAD_LEFT,
    STRIDE_H,   /* 1 … 32,768 */
    STRIDE_W,
    DILATION_H, /* 1 … 32,768 */
    DILATION_W,
    DEPTH_MULTIPLIER, /* O / C */
    ACT_MIN,          /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

/* All outputs of one pixel. */
static void convolve(const tinytl_call *call, const tinytl_taps *taps, int8_t *output)
{
    const int32_t *bias = call_input_data(call, 2);
    const rescaling r = rescaling_of(call, ACT_MIN);
    const int32_t depth_multiplier = call->params[DEPTH_MULTIPLIER], outputs = (int32_t)call_output(call)->dims[3];

    for (int32_t o = 0, count; o < outputs; o += count) {
        uint32_t sums[TINYTL_DOT_BLOCK];
        count = depth_multiplier == 1 ? dot_outputs(outputs - o) : 1;
        for (int32_t k = 0; k < count; k++)
            sums[k] = (uint32_t)bias[o + k];
        if (count == TINYTL_DOT_BLOCK)
            tinytl_dot_channels(taps, o, sums);
        else
            sums[0] = tinytl_dot_channel(taps, o / depth_multiplier, o, sums[0]);
        rescale(&r, o, count, sums, output);
    }
}

int tinytl_rule_depthwise_conv_2d(const tinytl_call *call)
{
    if (!tinytl_images(call, 5))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params;
    return is(w, TINYTL_INT8) && w->rank == 4 && w->dims[0] == 1 && w->dims[3] == out->dims[3] &&
           p[DEPTH_MULTIPLIER] >= 1 && (uint64_t)in->dims[3] * (uint32_t)p[DEPTH_MULTIPLIER] == out->dims[3] &&
           tinytl_channels_ok(call, out->dims[3]) &&
           tinytl_window_ok(call, (int32_t)w->dims[1], (int32_t)w->dims[2], p[DILATION_H], p[DILATION_W]) &&
           clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_depthwise_conv_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3], outputs = (int32_t)out->dims[3];
    int8_t *output = call_output_data(call);
    tinytl_taps taps = {
        .input_row = p[DILATION_H] * width * channels,
        .input_column = p[DILATION_W] * channels,
        .weights_row = (int32_t)w->dims[2] * outputs,
        .weights_column = outputs,
        .offset = -in->zero_point,
    };

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const window rows =
            window_clip(y * p[STRIDE_H] - p[PAD_TOP], p[DILATION_H], (int32_t)w->dims[1], (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++, output += outputs) {
            const window columns =
                window_clip(x * p[STRIDE_W] - p[PAD_LEFT], p[DILATION_W], (int32_t)w->dims[2], width);
            const int32_t top = rows.origin + rows.first * p[DILATION_H],
                          left = columns.origin + columns.first * p[DILATION_W];
            taps.rows = rows.last - rows.first;
            taps.columns = columns.last - columns.first;
            taps.input = input + (top * width + left) * channels;
            taps.weights = weights + rows.first * taps.weights_row + columns.first * taps.weights_column;
            convolve(call, &taps, output);
        }
    }
}
