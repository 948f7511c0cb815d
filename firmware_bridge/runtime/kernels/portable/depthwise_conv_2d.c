/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, int8, per-channel scales.
 *
 * input [1,H,W,C] · weights [1,KH,KW,O], O = C · depth_multiplier → output [1,OH,OW,O]; output channel o reads input channel
 * o / depth_multiplier. The window is clipped once per output pixel. Exact for all inputs. */
#include "kernels/arithmetic.h"
#include "kernels/call.h"

enum { PAD_TOP, PAD_LEFT, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W, DEPTH_MULTIPLIER, ACT_MIN, ACT_MAX };

typedef struct taps {
    int32_t first_y, last_y, first_x, last_x; /* inside the input */
    const int8_t *input;                      /* at tap (first_y, first_x), channel 0 */
    const int8_t *weights;                    /* at tap (first_y, first_x), output 0 */
    int32_t input_row, input_column, weights_row, weights_column; /* steps from tap to tap */
} taps;

static void clip(int32_t origin, int32_t dilation, int32_t count, int32_t side, int32_t *first, int32_t *last)
{
    *first = 0;
    *last = count;
    while (*first < count && origin + *first * dilation < 0)
        ++*first;
    while (*last > *first && origin + (*last - 1) * dilation >= side)
        --*last;
}

static inline int32_t accumulate(const taps *t, int32_t channel, int32_t output, int32_t offset, int32_t sum)
{
    const int8_t *in_row = t->input + channel, *w_row = t->weights + output;
    for (int32_t y = t->first_y; y < t->last_y; y++, in_row += t->input_row, w_row += t->weights_row) {
        const int8_t *in = in_row, *w = w_row;
        for (int32_t x = t->first_x; x < t->last_x; x++, in += t->input_column, w += t->weights_column)
            sum += (*in + offset) * *w;
    }
    return sum;
}

void tinytl_depthwise_conv_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3], outputs = (int32_t)out->dims[3];
    int8_t *output = call_output_data(call);
    taps t = {0, 0, 0, 0, input, weights, p[DILATION_H] * width * channels, p[DILATION_W] * channels,
              (int32_t)w->dims[2] * outputs, outputs};

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const int32_t top = y * p[STRIDE_H] - p[PAD_TOP];
        clip(top, p[DILATION_H], (int32_t)w->dims[1], (int32_t)in->dims[1], &t.first_y, &t.last_y);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++) {
            const int32_t left = x * p[STRIDE_W] - p[PAD_LEFT];
            clip(left, p[DILATION_W], (int32_t)w->dims[2], width, &t.first_x, &t.last_x);
            t.input = input + ((top + t.first_y * p[DILATION_H]) * width + left + t.first_x * p[DILATION_W]) * channels;
            t.weights = weights + (t.first_y * (int32_t)w->dims[2] + t.first_x) * outputs;
            for (int32_t o = 0, channel = 0; o < outputs; channel++) {
                for (int32_t m = 0; m < p[DEPTH_MULTIPLIER]; m++, o++) {
                    const int32_t sum = accumulate(&t, channel, o, -in->zero_point, bias[o]);
                    const int32_t scaled = multiply_by_quantized_multiplier(sum, multiplier[o], shift[o]);
                    *output++ = (int8_t)clamp(scaled + out->zero_point, p[ACT_MIN], p[ACT_MAX]);
                }
            }
        }
    }
}
