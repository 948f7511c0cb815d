/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, 16 lanes at a time: contract of the inner kernel. Lane l of an output reads byte l behind
 * each tap. Lanes are the channels of a pixel or, where 16 is a multiple of them and the window moves by one, those of
 * all pixels of a row.
 *
 * No weight is −128, so two products fit 16 bits together. Sums are 32 bits; VMULL and VMOVL take even and odd lanes
 * apart, so the channel table has the lanes in the order 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15. */
#ifndef TINYTL_KERNELS_MVE_DEPTHWISE_H
#define TINYTL_KERNELS_MVE_DEPTHWISE_H

#include <stdint.h>

enum { MVE_LANES = 16, MVE_TABLE_WORDS = 3 * MVE_LANES };

/* Assembly reads the fields by their order. */
typedef struct tinytl_mve_depthwise {
    const int8_t *const *taps; /* of pixel 0; read up to whole blocks of 16 lanes */
    uint32_t tap_count;        /* > 0 */
    uint32_t step;             /* bytes from pixel to pixel, of the taps */
    uint32_t pixels;           /* > 0 */
    uint32_t lanes;            /* > 0, of a pixel */
    uint32_t cycle;            /* blocks of lanes with weights of their own: all of a pixel, or 1 */
    const int8_t *weights;     /* per block of lanes: taps × 16 */
    const int32_t *channels;   /* per block of lanes: 16 biases, 16 multipliers, 16 times −e (tile.h) */
    int8_t *output;            /* pixels × lanes */
    int32_t zero_point, act_min, act_max;
    uint32_t columns;          /* taps of a row of the window; they lie at equal distances */
} tinytl_mve_depthwise;

void tinytl_mve_depthwise_rounded(const tinytl_mve_depthwise *rows);
void tinytl_mve_depthwise_signed(const tinytl_mve_depthwise *rows);

#endif
