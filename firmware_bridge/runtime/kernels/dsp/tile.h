/* SPDX-License-Identifier: Apache-2.0
 * The inner kernels of the dsp family: contracts. Each exists twice under the same name, as Cortex-M4 assembly
 * (armv7em/) and as plain C, its truth (plain/); tests run both on the same data. Sums are 32 bits that wrap; the
 * compiler proves that every final sum fits.
 *
 * Panels. Four consecutive inputs k … k + 3 of a dot product form a group. 16-bit panels hold a group as two words,
 * (k, k + 2) and (k + 1, k + 3), lower half first: the order in which SXTB16 takes four bytes apart. Two rows (output
 * channels, or pixels) are interleaved: row 0 (k, k+2), row 1 (k, k+2), row 0 (k+1, k+3), row 1 (k+1, k+3).
 * 8-bit weight panels hold a group of one channel as one word of two halves L = w[k] + 256 · w[k + 1], then the same of
 * k + 2, k + 3. Their inputs are O = x[k + 1] − 127 and E = 256 · x[k] − O, so that
 * L · O + w[k] · E = 256 · (w[k] x[k] + w[k+1] (x[k+1] − 127)): one SXTB16 instead of two; row 0 E, row 1 E, row 0 O,
 * row 1 O. No weight may be −128.
 *
 * Rescaling of a sum `acc`, by words of the channel table:
 *   saturating (m, c):    sat8((c + (acc · m >> 32)) >> 11)
 *   signed (m, c, e):     sat8((((c << 32) + acc · m + 2^31 >> 32) + (acc >> 31)) >> e), with acc brought to
 *                         twice the sum before
 * Which is exact for a channel, and with which words, the compiler proves over all sums that can occur
 * (SPEC.md section 2.7). */
#ifndef TINYTL_KERNELS_DSP_TILE_H
#define TINYTL_KERNELS_DSP_TILE_H

#include <stdint.h>

enum { RESCALE_SATURATING, RESCALE_SIGNED, SATURATING_SHIFT = 11 };

/* Two pixels times all channels of a table. Assembly reads the fields by their order. */
typedef struct tinytl_tile {
    const void *weights;     /* panels of two channels each, one after the other */
    const void *panel;       /* of two pixels; 4-byte aligned */
    const int32_t *channels; /* per two channels b0 b0 b1 b1, then (m c) twice or (m c e) twice */
    int8_t *output0;         /* pixel 0, first channel */
    int8_t *output1;         /* pixel 1; may equal output0 */
    const void *weights_end;
    const void *panel_end;
} tinytl_tile;

void tinytl_tile_s16_saturating(const tinytl_tile *tile);
void tinytl_tile_s16_signed(const tinytl_tile *tile); /* weights doubled: acc is twice the sum */
void tinytl_tile_s8_saturating(const tinytl_tile *tile);
void tinytl_tile_s8_signed(const tinytl_tile *tile);  /* acc >> 7 is twice the sum */

/* Bytes of two pixels, `count` > 0 a multiple of 4, at any alignment → their panel; returns its end
 * (4 · count bytes on). */
int16_t *tinytl_pack_pair_s16(const int8_t *pixel0, const int8_t *pixel1, int16_t *panel, uint32_t count);
int16_t *tinytl_pack_pair_s8(const int8_t *pixel0, const int8_t *pixel1, int16_t *panel, uint32_t count);

#endif
