/* SPDX-License-Identifier: Apache-2.0
 * Average pooling and the mean over height and width, some channels at a time: the drivers of every family. A window
 * has at most 256 places, so that 16 bits hold a sum of bytes. */
#ifndef TINYTL_KERNELS_BLOCK_POOLING_H
#define TINYTL_KERNELS_BLOCK_POOLING_H

#include "kernels/arithmetic.h"
#include "kernels/pooling.h"

enum { POOL_MOST_CHANNELS = 8 };

/* Places of a window; rows and columns lie so many bytes apart. */
typedef struct pool_places {
    int32_t rows, columns, row_step, column_step;
} pool_places;

/* Sums of one block of channels over the places of a window, rows and columns > 0. */
typedef void pool_sum(const int8_t *first, const pool_places *places, int32_t sums[POOL_MOST_CHANNELS]);

/* block: channels at a time, a divisor of the input's. */
static inline void average_pool_blocks(const tinytl_call *call, int32_t block, pool_sum *sum)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3];
    int8_t *output = call_output_data(call);

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const pool_span rows =
            pool_clip(y * p[POOL_STRIDE_H] - p[POOL_PAD_TOP], p[POOL_FILTER_H], (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++) {
            const pool_span columns = pool_clip(x * p[POOL_STRIDE_W] - p[POOL_PAD_LEFT], p[POOL_FILTER_W], width);
            const pool_places places = {rows.last - rows.first, columns.last - columns.first, width * channels,
                                        channels};
            const int32_t count = places.rows * places.columns;
            const int8_t *window = input + (rows.first * width + columns.first) * channels;
            for (int32_t c = 0; c < channels; c += block) {
                int32_t sums[POOL_MOST_CHANNELS];
                sum(window + c, &places, sums);
                for (int32_t k = 0; k < block; k++) {
                    const int32_t mean = (sums[k] > 0 ? sums[k] + count / 2 : sums[k] - count / 2) / count;
                    *output++ = (int8_t)clamp(mean, p[POOL_ACT_MIN], p[POOL_ACT_MAX]);
                }
            }
        }
    }
}

enum { MEAN_MULTIPLIER, MEAN_SHIFT };

static inline void mean_blocks(const tinytl_call *call, int32_t block, pool_sum *sum)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int32_t channels = (int32_t)in->dims[3], count = (int32_t)(in->dims[1] * in->dims[2]);
    const pool_places places = {1, count, 0, channels};
    int8_t *output = call_output_data(call);

    for (int32_t c = 0; c < channels; c += block) {
        int32_t sums[POOL_MOST_CHANNELS];
        sum(input + c, &places, sums);
        for (int32_t k = 0; k < block; k++) {
            const int32_t centred = sums[k] - count * in->zero_point;
            const int32_t scaled =
                multiply_by_quantized_multiplier(centred, call->params[MEAN_MULTIPLIER], call->params[MEAN_SHIFT]);
            *output++ = (int8_t)clamp_from(scaled, out->zero_point, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
