/* SPDX-License-Identifier: Apache-2.0
 * Dot products, portable. Functions of their own, not inlined: alone, their loops fit the registers of a Cortex-M. */
#include "kernels/dot_product.h"

uint32_t tinytl_dot_one(const int8_t *input, const int8_t *weights, int32_t count, int32_t offset, uint32_t sum)
{
    for (int32_t i = 0; i < count; i++)
        sum += (uint32_t)((input[i] + offset) * weights[i]);
    return sum;
}

void tinytl_dot_block(const int8_t *input, const int8_t *weights, int32_t stride, int32_t count, int32_t offset,
                      uint32_t sums[TINYTL_DOT_BLOCK])
{
    const int8_t *w0 = weights, *w1 = w0 + stride, *w2 = w1 + stride, *w3 = w2 + stride;
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t x = input[i] + offset;
        sum0 += (uint32_t)(x * w0[i]);
        sum1 += (uint32_t)(x * w1[i]);
        sum2 += (uint32_t)(x * w2[i]);
        sum3 += (uint32_t)(x * w3[i]);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

uint32_t tinytl_dot_channel(const tinytl_taps *taps, int32_t channel, int32_t output, uint32_t sum)
{
    const int8_t *in_row = taps->input + channel, *w_row = taps->weights + output;
    for (int32_t y = 0; y < taps->rows; y++, in_row += taps->input_row, w_row += taps->weights_row) {
        const int8_t *in = in_row, *w = w_row;
        for (int32_t x = 0; x < taps->columns; x++, in += taps->input_column, w += taps->weights_column)
            sum += (uint32_t)((*in + taps->offset) * *w);
    }
    return sum;
}

void tinytl_dot_channels(const tinytl_taps *taps, int32_t channel, uint32_t sums[TINYTL_DOT_BLOCK])
{
    const int8_t *in_row = taps->input + channel, *w_row = taps->weights + channel;
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t y = 0; y < taps->rows; y++, in_row += taps->input_row, w_row += taps->weights_row) {
        const int8_t *in = in_row, *w = w_row;
        for (int32_t x = 0; x < taps->columns; x++, in += taps->input_column, w += taps->weights_column) {
            sum0 += (uint32_t)((in[0] + taps->offset) * w[0]);
            sum1 += (uint32_t)((in[1] + taps->offset) * w[1]);
            sum2 += (uint32_t)((in[2] + taps->offset) * w[2]);
            sum3 += (uint32_t)((in[3] + taps->offset) * w[3]);
        }
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}
