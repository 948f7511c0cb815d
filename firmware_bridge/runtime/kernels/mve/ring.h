/* SPDX-License-Identifier: Apache-2.0
 * Input rows of a convolution, copied once into a ring with the input's zero point on both sides, so that no
 * window crosses an edge.
 *
 * A window is then a number of pieces, runs of bytes that lie together: its rows, or its single taps where it
 * is dilated in width. */
#ifndef TINYTL_KERNELS_MVE_RING_H
#define TINYTL_KERNELS_MVE_RING_H

#include "kernels/call.h"
#include "kernels/mve/copying.h"

/* Parameters that the convolutions of this family share, in this order. */
enum { MVE_PAD_TOP, MVE_PAD_LEFT, MVE_STRIDE_H, MVE_STRIDE_W, MVE_DILATION_H, MVE_DILATION_W, MVE_TAPS_H, MVE_TAPS_W,
       MVE_RESCALING, MVE_ACT_MIN, MVE_ACT_MAX };

/* Bytes rounded up to whole blocks of 16. */
static inline uint32_t mve_in_blocks(uint32_t bytes)
{
    return (bytes + 15u) & ~15u;
}

/* Columns of a window that lie together. */
static inline uint32_t mve_together(const int32_t *params)
{
    return params[MVE_DILATION_W] == 1 ? (uint32_t)params[MVE_TAPS_W] : 1u;
}

typedef struct mve_ring {
    const tinytl_call *call;
    const int8_t **pieces;     /* of the window at column 0 of the row that was last moved to */
    uint32_t piece_columns;    /* taps that lie together */
    int8_t *outside, *rows;
    uint32_t row_bytes, count; /* rows[n % count] is input row n */
    int32_t filled;            /* input rows so far */
} mve_ring;

/* Bytes that a ring takes; 15 bytes beyond its last row may be read. params: of the convolution; piece_columns:
 * 1 … taps_w, a divisor. */
uint64_t tinytl_mve_ring_bytes(const int32_t *params, uint32_t piece_columns, uint32_t out_width, uint32_t channels);

/* Lay a ring out in memory and fill it with the zero point. */
mve_ring tinytl_mve_ring_of(const tinytl_call *call, uint32_t piece_columns, uint8_t *memory);

/* Let the pieces be those of an output row; rows only go up. */
void tinytl_mve_ring_move(mve_ring *ring, uint32_t out_row);

#endif
