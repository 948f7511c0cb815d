/* SPDX-License-Identifier: Apache-2.0
 * Average pooling and the mean over height and width, four channels at a time: bytes are added up in halves of two words. Channels are
 * a multiple of 4, and a window has at most 256 places, so that a half holds their sum. */
#include "kernels/arithmetic.h"
#include "kernels/dsp/halves.h"
#include "kernels/pooling.h"

enum { CHANNELS = 4 };

/* Sums of four channels over a window; columns lie `column_step`, rows `row_step` bytes apart. */
static void sum_window(const int8_t *input, int32_t rows, int32_t columns, int32_t row_step, int32_t column_step, int32_t sums[CHANNELS])
{
    uint32_t even = 0, odd = 0;
    for (int32_t y = 0; y < rows; y++, input += row_step) {
        const int8_t *place = input;
        for (int32_t x = 0; x < columns; x++, place += column_step) {
            const uint32_t word = load_word(place);
            even = add_even_bytes(even, word);
            odd = add_odd_bytes(odd, word);
        }
    }
    sums[0] = (int16_t)(even & 0xFFFFu);
    sums[1] = (int16_t)(odd & 0xFFFFu);
    sums[2] = (int16_t)(even >> 16);
    sums[3] = (int16_t)(odd >> 16);
}

void tinytl_average_pool_2d_words(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3];
    int8_t *output = call_output_data(call);

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const pool_span rows = pool_clip(y * p[POOL_STRIDE_H] - p[POOL_PAD_TOP], p[POOL_FILTER_H], (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++) {
            const pool_span columns = pool_clip(x * p[POOL_STRIDE_W] - p[POOL_PAD_LEFT], p[POOL_FILTER_W], width);
            const int32_t high = rows.last - rows.first, wide = columns.last - columns.first, count = high * wide;
            const int8_t *window = input + (rows.first * width + columns.first) * channels;
            for (int32_t c = 0; c < channels; c += CHANNELS) {
                int32_t sums[CHANNELS];
                sum_window(window + c, high, wide, width * channels, channels, sums);
                for (int32_t k = 0; k < CHANNELS; k++) {
                    const int32_t mean = (sums[k] > 0 ? sums[k] + count / 2 : sums[k] - count / 2) / count;
                    *output++ = (int8_t)clamp(mean, p[POOL_ACT_MIN], p[POOL_ACT_MAX]);
                }
            }
        }
    }
}

enum { MEAN_MULTIPLIER, MEAN_SHIFT };

void tinytl_mean_words(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int32_t places = (int32_t)(in->dims[1] * in->dims[2]), channels = (int32_t)in->dims[3];
    int8_t *output = call_output_data(call);

    for (int32_t c = 0; c < channels; c += CHANNELS) {
        int32_t sums[CHANNELS];
        sum_window(input + c, 1, places, 0, channels, sums);
        for (int32_t k = 0; k < CHANNELS; k++) {
            const int32_t sum = sums[k] - places * in->zero_point;
            const int32_t scaled = multiply_by_quantized_multiplier(sum, call->params[MEAN_MULTIPLIER], call->params[MEAN_SHIFT]);
            *output++ = (int8_t)clamp_from(scaled, out->zero_point, INT8_MIN, INT8_MAX);
        }
    }
}
