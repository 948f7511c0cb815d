/* SPDX-License-Identifier: Apache-2.0
 * The inner kernels of the mve family's matrix products: contracts. Each exists twice under the same name, as Armv8.1-M
 * assembly (armv81m/) and as plain C, its truth (plain/); tests run both on the same data. Sums are 32 bits that wrap;
 * the compiler proves that every final sum fits.
 *
 * A row is the inputs of one dot product, filled up to whole blocks of 16 bytes; what fills it up
 * meets weights of zero.
 *
 * Rescaling of a sum to an output, before zero point and clamp, with high(s) = (2 · s · m + 2^31) >> 32:
 *   rounded (m, e):     high(s) + 2^(e − 1) >> e, as TFLite does but for ties below zero; exact where no output is
 *                       below the zero point
 *   signed  (m, e):     high(s) − (s < 0) + 2^(e − 1) >> e, e ≥ 1: TFLite's two roundings, ties away from zero
 *   shifted (m, c, e):  (s · m >> 32) + c >> e, with the zero point in c; the compiler proves m, c, e over
 *                       all sums that can occur
 * Tables hold −e, as VSHL and VRSHL take it. */
#ifndef TINYTL_KERNELS_MVE_TILE_H
#define TINYTL_KERNELS_MVE_TILE_H

#include <stdint.h>

/* Parameters of the fully connected layer. */
enum {
    MVE_CONNECTION_DEPTH,   /* inputs of an output: 1 … 2^24 */
    MVE_CONNECTION_ACT_MIN, /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    MVE_CONNECTION_ACT_MAX
};

enum { MVE_ROUNDED, MVE_SIGNED };
enum { MVE_BLOCK = 16, MVE_ROWS = 3, MVE_QUAD = 4 };

/* Three pixels times all channels. Weights: per four channels the blocks of channels 0 and 2 in turn, then
 * those of 1 and 3 from the last block to the first; the last four are filled up with zeros. Assembly reads the
 * fields by their order. */
typedef struct tinytl_mve_tile {
    const int8_t *rows[MVE_ROWS]; /* at any alignment; may be equal */
    uint32_t blocks;              /* of a row, > 0 */
    const int8_t *weights;
    uint32_t channel_count;       /* > 0 */
    int8_t *outputs[MVE_ROWS];    /* may be equal where the rows are */
    const int32_t *channels;      /* per four channels: biases, multipliers, −e */
    int32_t zero_point, act_max, act_min;
} tinytl_mve_tile;

void tinytl_mve_tile_rounded(const tinytl_mve_tile *tile);
void tinytl_mve_tile_signed(const tinytl_mve_tile *tile);

/* One row times all channels. Weights: per four channels, block by block, channels 0 … 3. */
typedef struct tinytl_mve_vector {
    const int8_t *row;
    uint32_t blocks;
    const int8_t *weights;
    uint32_t channel_count;
    int8_t *output;
    const int32_t *channels; /* per four channels: biases, m, c, −e */
    int32_t act_max, act_min;
} tinytl_mve_vector;

void tinytl_mve_vector_shifted(const tinytl_mve_vector *vector);

#endif
