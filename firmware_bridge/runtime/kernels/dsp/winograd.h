/* SPDX-License-Identifier: Apache-2.0
 * Exact Winograd convolution, 3×3, stride 1: output tiles of side 2 or 4 from input patches of side 4 or 6.
 *
 * The transforms are scaled to integers and run modulo 2^32, so nothing is rounded: the product of the transformed
 * patch and the transformed weights, transformed back, is a known multiple of the sums of the direct convolution,
 * whatever wrapped on the way. Two tiles are transformed together into V; for two channels at a time the products M
 * follow, position by position, and are transformed back at once, so that M has a fixed size. (Lavin and Gray 2016,
 * arXiv:1509.09308; the scaling is ours.) */
#ifndef TINYTL_KERNELS_DSP_WINOGRAD_H
#define TINYTL_KERNELS_DSP_WINOGRAD_H

#include <stdint.h>

/* Parameters. */
enum {
    WINOGRAD_PAD_TOP,   /* 0 … 2 */
    WINOGRAD_PAD_LEFT,
    WINOGRAD_RESCALING, /* RESCALE_… (tile.h) */
    WINOGRAD_ACT_MIN,   /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    WINOGRAD_ACT_MAX
};

enum { WINOGRAD_MAX_CHANNELS = 64, WINOGRAD_MAX_POSITIONS = 36 };

/* What an output transform needs besides M. */
typedef struct tinytl_winograd_channel {
    uint32_t bias;         /* 256 times the true one, plus the fraction */
    const int32_t *words;  /* m c, or m c e */
    int is_signed;
} tinytl_winograd_channel;

/* Transform one patch: `input` at its first byte, rows `row_bytes` apart, `channels` a multiple of 4, to every second
 * word of V: [position][channels / 4][channels 0 2 of tile 0, of tile 1, channels 1 3 of tile 0, of tile 1]. */
typedef void tinytl_winograd_input(const int8_t *input, uint32_t row_bytes, uint32_t channels, uint32_t *v);

/* Transform one channel's products of one tile back (every fourth word of M) and store its outputs, `step` bytes
 * from pixel to pixel. */
typedef void tinytl_winograd_output(const int32_t *m, const tinytl_winograd_channel *channel, int8_t *output,
                                    uint32_t row_bytes, uint32_t step);

void tinytl_winograd_input_2(const int8_t *input, uint32_t row_bytes, uint32_t channels, uint32_t *v);
void tinytl_winograd_input_4(const int8_t *input, uint32_t row_bytes, uint32_t channels, uint32_t *v);
void tinytl_winograd_output_2(const int32_t *m, const tinytl_winograd_channel *channel, int8_t *output,
                              uint32_t row_bytes, uint32_t step);
void tinytl_winograd_output_4(const int32_t *m, const tinytl_winograd_channel *channel, int8_t *output,
                              uint32_t row_bytes, uint32_t step);

/* M[position][channel 0 tile 0, 0 1, 1 0, 1 1] = Σ U · V over the channels, for all positions: `u` and `v` are 16-bit
 * panels (tile.h), position after position; groups: input channels / 4, 1 … 16. */
void tinytl_winograd_multiply(const int16_t *u, const uint32_t *v, int32_t *m, uint32_t groups, uint32_t positions);

/* Scratch of a convolution: V, M, a patch and a tile at the edge. side: 2 or 4. */
uint32_t tinytl_winograd_scratch_bytes(uint32_t side, uint32_t in_channels, uint32_t out_channels);

#endif
