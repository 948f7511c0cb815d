/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of convolution and fully connected layers, which sum four outputs at a time: over one run of input
 * bytes, so that each is loaded and shifted by its zero point once for four products, or over four neighbouring
 * channels of a window. Sums are uint32_t: they wrap as the reference's int32 sums do on every machine, and no int8
 * model that means something comes near that. */
#ifndef TINYTL_KERNELS_DOT_PRODUCT_H
#define TINYTL_KERNELS_DOT_PRODUCT_H

#include <stdint.h>

enum { TINYTL_DOT_BLOCK = 4 };

/* sum + Σ_i (input[i] + offset) · weights[i], i < count. */
uint32_t tinytl_dot_one(const int8_t *input, const int8_t *weights, int32_t count, int32_t offset, uint32_t sum);

/* The same for four outputs, whose weights lie `stride` bytes apart:
 * sums[k] += Σ_i (input[i] + offset) · weights[k · stride + i]. */
void tinytl_dot_block(const int8_t *input, const int8_t *weights, int32_t stride, int32_t count, int32_t offset,
                      uint32_t sums[TINYTL_DOT_BLOCK]);

/* The taps of a depthwise window that lie inside the input. */
typedef struct tinytl_taps {
    int32_t rows, columns;
    const int8_t *input;   /* at the first tap, channel 0 */
    const int8_t *weights; /* at the first tap, output 0 */
    int32_t input_row, input_column, weights_row, weights_column; /* steps from tap to tap */
    int32_t offset;        /* added to each input */
} tinytl_taps;

/* sum + Σ over the taps of one input channel and one output's weights. */
uint32_t tinytl_dot_channel(const tinytl_taps *taps, int32_t channel, int32_t output, uint32_t sum);

/* The same for channels `channel` … + 3, each with the output of its own number. */
void tinytl_dot_channels(const tinytl_taps *taps, int32_t channel, uint32_t sums[TINYTL_DOT_BLOCK]);

/* How many of `outputs` outputs the next call may take: a block or one. */
static inline int32_t dot_outputs(int32_t outputs)
{
    return outputs >= TINYTL_DOT_BLOCK ? TINYTL_DOT_BLOCK : 1;
}

/* Either of the two, by `outputs`, which `dot_outputs` gave. */
static inline void dot_products(const int8_t *input, const int8_t *weights, int32_t stride, int32_t count,
                                int32_t offset, int32_t outputs, uint32_t sums[TINYTL_DOT_BLOCK])
{
    if (outputs == TINYTL_DOT_BLOCK)
        tinytl_dot_block(input, weights, stride, count, offset, sums);
    else
        sums[0] = tinytl_dot_one(input, weights, count, offset, sums[0]);
}

#endif
