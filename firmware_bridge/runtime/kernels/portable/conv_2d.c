/* SPDX-License-Identifier: Apache-2.0
 * Convolution, int8, per-channel scales: any window, stride, dilation, padding and number of groups.
 *
 * input s8 [1,H,W,C] · weights s8 [O,KH,KW,C/groups] · bias, multiplier, shift s32 [O] → output s8 [1,OH,OW,O]:
 * out = clamp(zero_point + rescale(bias + Σ (in − in_zero_point) · w)). The window is clipped to the input once per
 * output pixel, so the inner loop is a straight dot product: a whole row of the window where rows are contiguous.
 * Exact for all inputs. */
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
    ACT_MIN,    /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

typedef struct geometry {
    int32_t width, channels;       /* of the input */
    int32_t taps_h, taps_w, depth; /* of the weights */
    int32_t dilation_h, dilation_w;
    int32_t filter;                /* weights of one output */
    int32_t offset;                /* −input zero point */
    int contiguous;                /* a row of the window is one run of bytes */
} geometry;

static geometry geometry_of(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1);
    const geometry g = {
        .width = (int32_t)in->dims[2],
        .channels = (int32_t)in->dims[3],
        .taps_h = (int32_t)w->dims[1],
        .taps_w = (int32_t)w->dims[2],
        .depth = (int32_t)w->dims[3],
        .dilation_h = call->params[DILATION_H],
        .dilation_w = call->params[DILATION_W],
        .filter = (int32_t)(w->dims[1] * w->dims[2] * w->dims[3]),
        .offset = -in->zero_point,
        .contiguous = in->dims[3] == w->dims[3] && call->params[DILATION_W] == 1,
    };
    return g;
}

/* Add the window's products for `outputs` outputs (1 or TINYTL_DOT_BLOCK). `input`: channel 0 of the
 * group at pixel (0, 0). */
static void accumulate(const geometry *g, const int8_t *input, const int8_t *weights, window rows, window columns,
                       int32_t outputs, uint32_t sums[TINYTL_DOT_BLOCK])
{
    for (int32_t ky = rows.first; ky < rows.last; ky++) {
        const int8_t *in_row = input + (rows.origin + ky * g->dilation_h) * g->width * g->channels;
        const int8_t *w_row = weights + ky * g->taps_w * g->depth;
        if (g->contiguous) {
            const int32_t count = (columns.last - columns.first) * g->depth;
            const int8_t *run = in_row + (columns.origin + columns.first) * g->channels;
            dot_products(run, w_row + columns.first * g->depth, g->filter, count, g->offset, outputs, sums);
            continue;
        }
        for (int32_t kx = columns.first; kx < columns.last; kx++) {
            const int8_t *pixel = in_row + (columns.origin + kx * g->dilation_w) * g->channels;
            dot_products(pixel, w_row + kx * g->depth, g->filter, g->depth, g->offset, outputs, sums);
        }
    }
}

/* All outputs of one pixel. */
static void convolve(const tinytl_call *call, const geometry *g, window rows, window columns, int8_t *output)
{
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    const int32_t *bias = call_input_data(call, 2);
    const rescaling r = rescaling_of(call, ACT_MIN);
    const int32_t outputs = (int32_t)call_output(call)->dims[3], per_group = outputs / (g->channels / g->depth);

    for (int32_t first = 0; first < outputs; first += per_group, input += g->depth) {
        for (int32_t o = first, count; o < first + per_group; o += count) {
            uint32_t sums[TINYTL_DOT_BLOCK];
            count = dot_outputs(first + per_group - o);
            for (int32_t k = 0; k < count; k++)
                sums[k] = (uint32_t)bias[o + k];
            accumulate(g, input, weights + o * g->filter, rows, columns, count, sums);
            rescale(&r, o, count, sums, output);
        }
    }
}

int tinytl_rule_conv_2d(const tinytl_call *call)
{
    if (!tinytl_images(call, 5))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params;
    if (!is(w, TINYTL_INT8) || w->rank != 4 || in->dims[3] % w->dims[3] != 0)
        return 0;
    const uint32_t groups = in->dims[3] / w->dims[3];
    return w->dims[0] == out->dims[3] && out->dims[3] % groups == 0 && tinytl_channels_ok(call, out->dims[3]) &&
           tinytl_window_ok(call, (int32_t)w->dims[1], (int32_t)w->dims[2], p[DILATION_H], p[DILATION_W]) &&
           clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_conv_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    const geometry g = geometry_of(call);
    int8_t *output = call_output_data(call);

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const window rows = window_clip(y * p[STRIDE_H] - p[PAD_TOP], p[DILATION_H], g.taps_h, (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++, output += out->dims[3]) {
            const window columns = window_clip(x * p[STRIDE_W] - p[PAD_LEFT], p[DILATION_W], g.taps_w, g.width);
            convolve(call, &g, rows, columns, output);
        }
    }
}
