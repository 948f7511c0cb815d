/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution of any window, one pixel at a time: contract of the inner kernel. Four channels are a word of
 * the input, which SXTB16 takes apart into channels 0, 2 and 1, 3; a tap of one channel is one SMLABB or SMLATT.
 *
 * Table, words per four channels: four biases, per tap the weights (w0, w2) and (w1, w3), then m c (e) of the four
 * (tile.h). Weights are scaled like the sum. */
#ifndef TINYTL_KERNELS_DSP_TAPS_H
#define TINYTL_KERNELS_DSP_TAPS_H

#include <stdint.h>

/* All channels of one pixel. Assembly reads the fields by their order. */
typedef struct tinytl_pixel_taps {
    const int32_t *taps; /* of each tap the bytes from `input` to its channel 0 */
    const int32_t *taps_end;
    const int8_t *input;
    const int32_t *table;
    int8_t *output;
    uint32_t channels; /* a multiple of 4, > 0 */
} tinytl_pixel_taps;

void tinytl_taps_saturating(const tinytl_pixel_taps *pixel);
void tinytl_taps_signed(const tinytl_pixel_taps *pixel);

/* Words of the table for four channels. */
static inline uint32_t taps_table_words(uint32_t taps, int is_signed)
{
    return 4u + 2u * taps + (is_signed ? 12u : 8u);
}

static inline uint32_t taps_scratch_bytes(uint32_t taps, uint32_t channels)
{
    return 4u * taps + channels;
}

#endif
