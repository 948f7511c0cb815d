/* SPDX-License-Identifier: Apache-2.0
 * Rows of a convolution's input (ring.h). In memory: the pieces' addresses, one row outside the input, the ring. */
#include "kernels/mve/ring.h"

enum { ADDRESS_BYTES = 8 }; /* at most: scratch is the same on every machine */

static uint32_t row_columns(const int32_t *p, uint32_t out_width)
{
    return (out_width - 1u) * (uint32_t)p[MVE_STRIDE_W] + (uint32_t)((p[MVE_TAPS_W] - 1) * p[MVE_DILATION_W]) + 1u;
}

static uint32_t ring_rows(const int32_t *p)
{
    return (uint32_t)((p[MVE_TAPS_H] - 1) * p[MVE_DILATION_H]) + 1u;
}

static uint32_t address_bytes(const int32_t *p, uint32_t piece_columns)
{
    return mve_in_blocks((uint32_t)(p[MVE_TAPS_H] * p[MVE_TAPS_W]) / piece_columns * ADDRESS_BYTES);
}

uint64_t tinytl_mve_ring_bytes(const int32_t *params, uint32_t piece_columns, uint32_t out_width, uint32_t channels)
{
    const uint64_t row = (uint64_t)row_columns(params, out_width) * channels;
    return address_bytes(params, piece_columns) + row * (ring_rows(params) + 1u) + 16u;
}

mve_ring tinytl_mve_ring_of(const tinytl_call *call, uint32_t piece_columns, uint8_t *memory)
{
    const int32_t *p = call->params;
    const uint32_t row_bytes = row_columns(p, call_output(call)->dims[2]) * call_input(call, 0)->dims[3];
    int8_t *first = (int8_t *)memory + address_bytes(p, piece_columns);
    const mve_ring ring = {call, (const int8_t **)(void *)memory, piece_columns, first, first + row_bytes, row_bytes,
                           ring_rows(p), 0};
    mve_fill(first, (int8_t)call_input(call, 0)->zero_point, row_bytes * (ring.count + 1u));
    return ring;
}

/* Copy input rows up to `last`, as far as there are. */
static void fill(mve_ring *ring, int32_t last)
{
    const tinytl_call *call = ring->call;
    const tinytl_tensor *in = call_input(call, 0);
    const uint32_t before = (uint32_t)call->params[MVE_PAD_LEFT] * in->dims[3], row = in->dims[2] * in->dims[3];
    const uint32_t room = ring->row_bytes > before ? ring->row_bytes - before : 0u, bytes = row < room ? row : room;
    const int32_t height = (int32_t)in->dims[1];
    for (; ring->filled <= last && ring->filled < height; ring->filled++)
        mve_copy(ring->rows + (uint32_t)ring->filled % ring->count * ring->row_bytes + before,
                 (const int8_t *)call_input_data(call, 0) + (uint32_t)ring->filled * row, bytes);
}

void tinytl_mve_ring_move(mve_ring *ring, uint32_t out_row)
{
    const int32_t *p = ring->call->params;
    const uint32_t channels = call_input(ring->call, 0)->dims[3],
                   piece = ring->piece_columns * (uint32_t)p[MVE_DILATION_W] * channels;
    const uint32_t height = call_input(ring->call, 0)->dims[1], pieces = (uint32_t)p[MVE_TAPS_W] / ring->piece_columns;
    int32_t row = (int32_t)out_row * p[MVE_STRIDE_H] - p[MVE_PAD_TOP];
    const int8_t **to = ring->pieces;
    fill(ring, row + (int32_t)ring->count - 1);
    for (int32_t ky = 0; ky < p[MVE_TAPS_H]; ky++, row += p[MVE_DILATION_H]) {
        const int8_t *at =
            (uint32_t)row < height ? ring->rows + (uint32_t)row % ring->count * ring->row_bytes : ring->outside;
        for (uint32_t i = 0; i < pieces; i++, at += piece)
            *to++ = at;
    }
}
