/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution 3×3 over pairs of rows: two input rows lie in one word, row r in the lower half,
 * r + 1 in the upper, channel by channel, so that a multiply-accumulate takes two taps of a column and no
 * operand is ever rearranged.
 *
 * Channel table, words: stride 1: bias four times, (w0, w1) of the three columns, (w1, w2) of the three, then m c (e)
 * (tile.h); stride 2: bias twice, (w0, w1) × 3, (w2, 0) × 3, then m c (e). Weights are scaled like the sum. */
#ifndef TINYTL_KERNELS_DSP_DEPTHWISE_H
#define TINYTL_KERNELS_DSP_DEPTHWISE_H

#include <stdint.h>

/* Parameters. */
enum {
    DEPTHWISE_PAD_TOP,   /* 0 … 2 */
    DEPTHWISE_PAD_LEFT,
    DEPTHWISE_STRIDE,    /* 1 or 2, of rows and columns */
    DEPTHWISE_RESCALING, /* RESCALE_… (tile.h) */
    DEPTHWISE_ACT_MIN,   /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    DEPTHWISE_ACT_MAX
};

/* Planes: [channel][column] words of two rows. Assembly reads the fields by their order. */
typedef struct tinytl_depthwise_pack {
    const int8_t *upper, *lower; /* two input rows at column 0, at any alignment */
    uint32_t *planes;            /* at the first column to fill */
    uint32_t columns;            /* > 0 */
    uint32_t channels;           /* a multiple of 4; bytes from column to column */
    uint32_t plane_bytes;
} tinytl_depthwise_pack;

void tinytl_depthwise_pack_rows(const tinytl_depthwise_pack *rows);

/* All channels of one or two output rows. */
typedef struct tinytl_depthwise_rows {
    const uint32_t *planes0; /* of input rows r, r + 1 */
    const uint32_t *planes1; /* of input rows r + 2, r + 3 */
    const int32_t *table;
    int8_t *output0;
    int8_t *output1;         /* the next output row; not used with stride 2 */
    uint32_t channels;
    uint32_t step;           /* bytes from output to output of a channel */
    uint32_t columns;        /* outputs in a row */
    uint32_t plane_bytes;
} tinytl_depthwise_rows;

void tinytl_depthwise_rows_1_saturating(const tinytl_depthwise_rows *rows);
void tinytl_depthwise_rows_1_signed(const tinytl_depthwise_rows *rows);
void tinytl_depthwise_rows_2_saturating(const tinytl_depthwise_rows *rows);
void tinytl_depthwise_rows_2_signed(const tinytl_depthwise_rows *rows);

/* Columns of a plane: every column that a row of outputs reads. */
static inline uint32_t depthwise_plane_columns(uint32_t out_width, uint32_t stride)
{
    return (out_width - 1u) * stride + 3u;
}

uint32_t tinytl_depthwise_scratch_bytes(uint32_t width, uint32_t out_width, uint32_t stride, uint32_t channels);

#endif
