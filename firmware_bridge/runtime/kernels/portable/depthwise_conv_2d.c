/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, int8, per-channel scales.
 *
 * input [1,H,W,C] · weights [1,KH,KW,O], O = C · depth_multiplier → output [1,OH,OW,O]; output channel o reads input channel
 * o / depth_multiplier. The window is clipped once per output pixel; four channels are summed at a time where they lie side by
 * side (depth_multiplier 1). Sums wrap (kernels/dot_product.h). Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/call.h"
#include "kernels/window.h"

enum { PAD_TOP, PAD_LEFT, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W, DEPTH_MULTIPLIER, ACT_MIN, ACT_MAX };
enum { BLOCK = 4 };

typedef struct taps {
    int32_t rows, columns;                        /* inside the input */
    const int8_t *input;                          /* at the first tap inside, channel 0 */
    const int8_t *weights;                        /* at the first tap inside, output 0 */
    int32_t input_row, input_column, weights_row, weights_column; /* steps from tap to tap */
    int32_t offset;                               /* −input zero point */
} taps;

static inline void accumulate_one(const taps *t, int32_t channel, int32_t output, uint32_t *sum)
{
    const int8_t *in_row = t->input + channel, *w_row = t->weights + output;
    for (int32_t y = 0; y < t->rows; y++, in_row += t->input_row, w_row += t->weights_row) {
        const int8_t *in = in_row, *w = w_row;
        for (int32_t x = 0; x < t->columns; x++, in += t->input_column, w += t->weights_column)
            *sum += (uint32_t)((*in + t->offset) * *w);
    }
}

/* Channels `channel` … `channel` + 3, which are outputs of the same numbers. */
static inline void accumulate_block(const taps *t, int32_t channel, uint32_t sums[BLOCK])
{
    const int8_t *in_row = t->input + channel, *w_row = t->weights + channel;
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t y = 0; y < t->rows; y++, in_row += t->input_row, w_row += t->weights_row) {
        const int8_t *in = in_row, *w = w_row;
        for (int32_t x = 0; x < t->columns; x++, in += t->input_column, w += t->weights_column) {
            sum0 += (uint32_t)((in[0] + t->offset) * w[0]);
            sum1 += (uint32_t)((in[1] + t->offset) * w[1]);
            sum2 += (uint32_t)((in[2] + t->offset) * w[2]);
            sum3 += (uint32_t)((in[3] + t->offset) * w[3]);
        }
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

/* All outputs of one pixel. */
static void convolve(const tinytl_call *call, const taps *t, int8_t *output)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    const int32_t *p = call->params;
    const int32_t outputs = (int32_t)out->dims[3];

    for (int32_t o = 0, count; o < outputs; o += count) {
        uint32_t sums[BLOCK];
        count = p[DEPTH_MULTIPLIER] == 1 && outputs - o >= BLOCK ? BLOCK : 1;
        for (int32_t k = 0; k < count; k++)
            sums[k] = (uint32_t)bias[o + k];
        if (count == BLOCK)
            accumulate_block(t, o, sums);
        else
            accumulate_one(t, o / p[DEPTH_MULTIPLIER], o, sums);
        for (int32_t k = 0; k < count; k++) {
            const int32_t scaled = multiply_by_quantized_multiplier((int32_t)sums[k], multiplier[o + k], shift[o + k]);
            output[o + k] = (int8_t)clamp_from(scaled, out->zero_point, p[ACT_MIN], p[ACT_MAX]);
        }
    }
}

void tinytl_depthwise_conv_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3], outputs = (int32_t)out->dims[3];
    int8_t *output = call_output_data(call);
    taps t = {.input_row = p[DILATION_H] * width * channels, .input_column = p[DILATION_W] * channels, .offset = -in->zero_point,
              .weights_row = (int32_t)w->dims[2] * outputs, .weights_column = outputs};

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const window rows = window_clip(y * p[STRIDE_H] - p[PAD_TOP], p[DILATION_H], (int32_t)w->dims[1], (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++, output += outputs) {
            const window columns = window_clip(x * p[STRIDE_W] - p[PAD_LEFT], p[DILATION_W], (int32_t)w->dims[2], width);
            t.rows = rows.last - rows.first;
            t.columns = columns.last - columns.first;
            if (t.rows > 0 && t.columns > 0) { /* else the addresses would lie outside */
                const int32_t top = rows.origin + rows.first * p[DILATION_H], left = columns.origin + columns.first * p[DILATION_W];
                t.input = input + (top * width + left) * channels;
                t.weights = weights + rows.first * t.weights_row + columns.first * t.weights_column;
            }
            convolve(call, &t, output);
        }
    }
}
