/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, depth multiplier 1 (depthwise.h): any window, stride, dilation and padding.
 *
 * Input rows are copied once into a ring of rows with the zero point on both sides, so that no window crosses an edge.
 * Scratch: the taps' addresses, one row outside, the ring, 16 bytes that a last block may read. */
#include "kernels/mve/ring.h"
#include "kernels/mve/depthwise.h"
#include "kernels/mve/tile.h"
#include "kernels/mve/windows.h"

enum { ADDRESS_BYTES = 8 }; /* at most: scratch is the same on every machine */

typedef struct ring {
    int8_t *outside, *rows;
    uint32_t row_bytes, count; /* rows[n % count] is input row n */
    int32_t filled;            /* input rows so far */
} ring;

static uint32_t row_columns(const int32_t *p, uint32_t out_width)
{
    return (out_width - 1u) * (uint32_t)p[MVE_STRIDE_W] + (uint32_t)((p[MVE_TAPS_W] - 1) * p[MVE_DILATION_W]) + 1u;
}

static uint32_t ring_rows(const int32_t *p)
{
    return (uint32_t)((p[MVE_TAPS_H] - 1) * p[MVE_DILATION_H]) + 1u;
}

static uint32_t address_bytes(const int32_t *p)
{
    return mve_in_blocks((uint32_t)(p[MVE_TAPS_H] * p[MVE_TAPS_W]) * ADDRESS_BYTES);
}

uint64_t tinytl_mve_ring_scratch_bytes(const int32_t *params, uint32_t out_width, uint32_t channels)
{
    const uint64_t row = (uint64_t)row_columns(params, out_width) * channels;
    return address_bytes(params) + row * (ring_rows(params) + 1u) + 16u;
}

static ring ring_of(const tinytl_call *call)
{
    const int32_t *p = call->params;
    const uint32_t row_bytes = row_columns(p, call_output(call)->dims[2]) * call_input(call, 0)->dims[3];
    int8_t *first = (int8_t *)call->scratch + address_bytes(p);
    const ring r = {first, first + row_bytes, row_bytes, ring_rows(p), 0};
    mve_fill(first, (int8_t)call_input(call, 0)->zero_point, row_bytes * (r.count + 1u));
    return r;
}

/* Copy input rows up to `last`, as far as there are. */
static void fill(const tinytl_call *call, ring *r, int32_t last)
{
    const tinytl_tensor *in = call_input(call, 0);
    const uint32_t before = (uint32_t)call->params[MVE_PAD_LEFT] * in->dims[3], row = in->dims[2] * in->dims[3];
    const uint32_t room = r->row_bytes > before ? r->row_bytes - before : 0u;
    const int32_t height = (int32_t)in->dims[1];
    for (; r->filled <= last && r->filled < height; r->filled++)
        mve_copy(r->rows + (uint32_t)r->filled % r->count * r->row_bytes + before,
                 (const int8_t *)call_input_data(call, 0) + (uint32_t)r->filled * row, row < room ? row : room);
}

static void point(const tinytl_call *call, const ring *r, int32_t row, const int8_t **taps)
{
    const int32_t *p = call->params;
    const uint32_t column = (uint32_t)p[MVE_DILATION_W] * call_input(call, 0)->dims[3];
    for (int32_t ky = 0; ky < p[MVE_TAPS_H]; ky++, row += p[MVE_DILATION_H]) {
        const int inside = (uint32_t)row < call_input(call, 0)->dims[1];
        const int8_t *at = inside ? r->rows + (uint32_t)row % r->count * r->row_bytes : r->outside;
        for (int32_t kx = 0; kx < p[MVE_TAPS_W]; kx++, at += column)
            *taps++ = at;
    }
}

/* is_flat: the lanes are those of a whole row. */
static void convolve(const tinytl_call *call, int is_flat)
{
    const int32_t *p = call->params;
    const tinytl_tensor *out = call_output(call);
    const uint32_t channels = out->dims[3], width = out->dims[2];
    const int8_t **taps = (const int8_t **)(void *)call->scratch;
    ring r = ring_of(call);
    tinytl_mve_depthwise rows = {
        .taps = taps,
        .tap_count = (uint32_t)(p[MVE_TAPS_H] * p[MVE_TAPS_W]),
        .step = (uint32_t)p[MVE_STRIDE_W] * channels,
        .pixels = is_flat ? 1u : width,
        .lanes = is_flat ? width * channels : channels,
        .cycle = is_flat ? 1u : mve_in_blocks(channels) / MVE_LANES,
        .weights = call_input_data(call, 1),
        .channels = call_input_data(call, 2),
        .output = call_output_data(call),
        .zero_point = out->zero_point,
        .act_min = p[MVE_ACT_MIN],
        .act_max = p[MVE_ACT_MAX],
        .columns = (uint32_t)p[MVE_TAPS_W],
    };
    for (uint32_t y = 0; y < out->dims[1]; y++, rows.output += width * channels) {
        const int32_t row = (int32_t)y * p[MVE_STRIDE_H] - p[MVE_PAD_TOP];
        fill(call, &r, row + (int32_t)r.count - 1);
        point(call, &r, row, taps);
        if (p[MVE_RESCALING] == MVE_SIGNED)
            tinytl_mve_depthwise_signed(&rows);
        else
            tinytl_mve_depthwise_rounded(&rows);
    }
}

void tinytl_mve_depthwise_pixels(const tinytl_call *call)
{
    convolve(call, 0);
}

void tinytl_mve_depthwise_flat(const tinytl_call *call)
{
    convolve(call, 1);
}
