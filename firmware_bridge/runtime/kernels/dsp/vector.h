/* SPDX-License-Identifier: Apache-2.0
 * One vector times a matrix, four outputs at a time: the inner kernels of fully connected layers. Numbers, groups and
 * halves are those of tile.h, but the panel holds one row, every channel has a shift of its own,
 * sat8((c + (acc · m >> 32)) >> e), and the weights of four channels lie interleaved: 16-bit (k, k + 2) of the four,
 * then (k + 1, k + 3) of the four; 8-bit one word each. Table: four biases, then m c e of the four. */
#ifndef TINYTL_KERNELS_DSP_VECTOR_H
#define TINYTL_KERNELS_DSP_VECTOR_H

#include <stdint.h>

/* Parameters. */
enum {
    CONNECTION_DEPTH,   /* inputs of an output: 1 … 2^24 */
    CONNECTION_ACT_MIN, /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    CONNECTION_ACT_MAX
};

/* Assembly reads the fields by their order. */
typedef struct tinytl_vector {
    const void *weights;     /* panels of four channels each */
    const void *panel;
    const int32_t *channels; /* 16 words a panel of weights */
    int8_t *output;
    const void *weights_end;
    const void *panel_end;
} tinytl_vector;

void tinytl_vector_s16(const tinytl_vector *vector);
void tinytl_vector_s8(const tinytl_vector *vector);

/* `count` > 0 bytes, a multiple of 4, at any alignment → panel; returns its end (2 · count bytes on). */
int16_t *tinytl_pack_vector_s16(const int8_t *input, int16_t *panel, uint32_t count);
int16_t *tinytl_pack_vector_s8(const int8_t *input, int16_t *panel, uint32_t count);

#endif
