/* SPDX-License-Identifier: Apache-2.0
 * Convolution, int8, per-channel scales: any window, stride, dilation, padding and number of groups.
 *
 * input [1,H,W,C] · weights [O,KH,KW,C/groups] → output [1,OH,OW,O]:
 * out = clamp(zero_point + rescale(bias + Σ (in − in_zero_point) · w)). The window is clipped to the input once per output
 * pixel, so the inner loop is a straight dot product: a whole row of the window where rows are contiguous. Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/call.h"

enum { PAD_TOP, PAD_LEFT, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W, ACT_MIN, ACT_MAX };

typedef struct window {
    int32_t first; /* first and one past the last tap inside the input */
    int32_t last;
    int32_t origin; /* input coordinate of tap 0 */
} window;

static window clip(int32_t origin, int32_t dilation, int32_t taps, int32_t side)
{
    window w = {0, taps, origin};
    while (w.first < taps && origin + w.first * dilation < 0)
        w.first++;
    while (w.last > w.first && origin + (w.last - 1) * dilation >= side)
        w.last--;
    return w;
}

static inline int32_t dot(const int8_t *input, const int8_t *weights, int32_t count, int32_t offset, int32_t sum)
{
    for (int32_t i = 0; i < count; i++)
        sum += (input[i] + offset) * weights[i];
    return sum;
}

typedef struct geometry {
    int32_t width, channels;          /* of the input */
    int32_t taps_h, taps_w, depth;    /* of the weights */
    int32_t dilation_h, dilation_w;
    int32_t offset;                   /* −input zero point */
    int contiguous;                   /* a row of the window is one run of bytes */
} geometry;

static int32_t accumulate(const geometry *g, const int8_t *input, const int8_t *weights, window rows, window columns, int32_t sum)
{
    for (int32_t ky = rows.first; ky < rows.last; ky++) {
        const int32_t y = rows.origin + ky * g->dilation_h;
        const int8_t *in_row = input + y * g->width * g->channels;
        const int8_t *w_row = weights + ky * g->taps_w * g->depth;
        if (g->contiguous) {
            const int32_t count = (columns.last - columns.first) * g->depth;
            sum = dot(in_row + (columns.origin + columns.first) * g->channels, w_row + columns.first * g->depth, count, g->offset, sum);
            continue;
        }
        for (int32_t kx = columns.first; kx < columns.last; kx++)
            sum = dot(in_row + (columns.origin + kx * g->dilation_w) * g->channels, w_row + kx * g->depth, g->depth, g->offset, sum);
    }
    return sum;
}

void tinytl_conv_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    const int32_t *p = call->params;
    int8_t *output = call_output_data(call);
    const int32_t outputs = (int32_t)out->dims[3];
    const int32_t groups = (int32_t)(in->dims[3] / w->dims[3]), per_group = outputs / groups;
    const geometry g = {(int32_t)in->dims[2], (int32_t)in->dims[3], (int32_t)w->dims[1], (int32_t)w->dims[2], (int32_t)w->dims[3],
                        p[DILATION_H], p[DILATION_W], -in->zero_point, groups == 1 && p[DILATION_W] == 1};
    const int32_t filter = g.taps_h * g.taps_w * g.depth;

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const window rows = clip(y * p[STRIDE_H] - p[PAD_TOP], p[DILATION_H], g.taps_h, (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++) {
            const window columns = clip(x * p[STRIDE_W] - p[PAD_LEFT], p[DILATION_W], g.taps_w, g.width);
            for (int32_t o = 0; o < outputs; o++) {
                const int8_t *group_input = input + (o / per_group) * g.depth;
                const int32_t sum = accumulate(&g, group_input, weights + o * filter, rows, columns, bias[o]);
                const int32_t scaled = multiply_by_quantized_multiplier(sum, multiplier[o], shift[o]);
                *output++ = (int8_t)clamp(scaled + out->zero_point, p[ACT_MIN], p[ACT_MAX]);
            }
        }
    }
}
