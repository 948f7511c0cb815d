/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of convolution and fully connected layers: one run of input bytes against the weights of four outputs, so
 * that each input is loaded and shifted by its zero point once for four products. Sums are uint32_t: they wrap as the reference's
 * int32 sums do on every machine, and no int8 model that means something comes near that. */
#ifndef TINYTL_KERNELS_DOT_PRODUCT_H
#define TINYTL_KERNELS_DOT_PRODUCT_H

#include <stdint.h>

enum { DOT_BLOCK = 4 };

/* How many of `outputs` outputs the next call may take: a block or one. */
static inline int32_t dot_outputs(int32_t outputs)
{
    return outputs >= DOT_BLOCK ? DOT_BLOCK : 1;
}

static inline void dot_one(const int8_t *input, const int8_t *weights, int32_t count, int32_t offset, uint32_t *sum)
{
    uint32_t total = *sum;
    for (int32_t i = 0; i < count; i++)
        total += (uint32_t)((input[i] + offset) * weights[i]);
    *sum = total;
}

static inline void dot_block(const int8_t *input, const int8_t *weights, int32_t stride, int32_t count, int32_t offset, uint32_t sums[DOT_BLOCK])
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
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

/* sums[k] += Σ_i (input[i] + offset) · weights[k · stride + i] for k < outputs, which is `dot_outputs` of something. */
static inline void dot_products(const int8_t *input, const int8_t *weights, int32_t stride, int32_t count, int32_t offset,
                                int32_t outputs, uint32_t sums[DOT_BLOCK])
{
    if (outputs == DOT_BLOCK)
        dot_block(input, weights, stride, count, offset, sums);
    else
        dot_one(input, weights, count, offset, sums);
}

#endif
