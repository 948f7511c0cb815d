/* SPDX-License-Identifier: Apache-2.0
 * Panels of windows (gather_windows.h). Rows of a window that lie side by side in the input are packed where they are;
 * windows that cross the input's left or right edge, are dilated, or have rows of odd length are gathered first. */
#include "kernels/dsp/gather_windows.h"

#include <string.h>

static uint32_t in_words(uint32_t bytes)
{
    return (bytes + 3u) & ~3u;
}

uint32_t tinytl_windows_scratch_bytes(uint32_t window_bytes, uint32_t row_bytes)
{
    return 6u * in_words(window_bytes) + in_words(row_bytes);
}

tinytl_windows tinytl_windows_of(const tinytl_call *call, tinytl_pack_pair *pack)
{
    const tinytl_tensor *in = call_input(call, 0);
    const int32_t *p = call->params;
    tinytl_windows w = {
        .input = call_input_data(call, 0),
        .height = (int32_t)in->dims[1],
        .width = (int32_t)in->dims[2],
        .channels = (int32_t)in->dims[3],
        .params = p,
        .row_bytes = p[WINDOW_TAPS_W] * (int32_t)in->dims[3],
        .pack = pack,
    };
    w.last_row = w.height - ((p[WINDOW_TAPS_H] - 1) * p[WINDOW_DILATION_H] + 1);
    w.last_column = w.width - p[WINDOW_TAPS_W];
    w.undilated = p[WINDOW_DILATION_W] == 1;
    w.in_words = w.row_bytes % 4 == 0;
    w.rows.row_step = (uint32_t)(p[WINDOW_DILATION_H] * w.width * w.channels);
    w.rows.row_bytes = (uint32_t)w.row_bytes;
    w.rows.rows = (uint32_t)p[WINDOW_TAPS_H];
    w.padded = in_words((uint32_t)(p[WINDOW_TAPS_H] * w.row_bytes));
    w.panel = (int16_t *)(void *)call->scratch;
    w.bytes[0] = (int8_t *)call->scratch + 4u * w.padded;
    w.bytes[1] = w.bytes[0] + w.padded;
    w.outside = w.bytes[1] + w.padded;
    memset(w.bytes[0], 0, 2u * w.padded); /* what rounds a window up meets weights of zero */
    memset(w.outside, in->zero_point, (size_t)w.row_bytes);
    return w;
}

static int inside(int32_t place, int32_t side)
{
    return (uint32_t)place < (uint32_t)side;
}

/* Rows of a window lie inside the input, each in one piece. */
static int spans(const tinytl_windows *w, tinytl_window window)
{
    return w->undilated && window.column >= 0 && window.column <= w->last_column;
}

static const int8_t *address(const tinytl_windows *w, int32_t row, int32_t column)
{
    return w->input + (row * w->width + column) * w->channels;
}

static int8_t *copy_rows(const int8_t *from, int32_t row_step, int32_t row_bytes, int32_t rows, int8_t *to)
{
    const tinytl_window_rows these = {from, (uint32_t)row_step, (uint32_t)row_bytes, (uint32_t)rows};
    return tinytl_gather_rows(&these, to);
}

/* Rows of a window that lie inside the input: taps [first, last). */
typedef struct inner_rows {
    int32_t first, last;
} inner_rows;

static inner_rows rows_inside(const tinytl_windows *w, int32_t top)
{
    const int32_t taps = w->params[WINDOW_TAPS_H], dilation = w->params[WINDOW_DILATION_H];
    inner_rows rows = {0, taps};
    while (rows.first < taps && top + rows.first * dilation < 0)
        rows.first++;
    while (rows.last > rows.first && top + (rows.last - 1) * dilation >= w->height)
        rows.last--;
    return rows;
}

/* A row of a window that is dilated or crosses the input's left or right edge. */
static int8_t *gather_row(const tinytl_windows *w, int32_t row, int32_t left, int8_t *to)
{
    const int32_t *p = w->params;
    for (int32_t kx = 0; kx < p[WINDOW_TAPS_W]; kx++) {
        const int32_t column = left + kx * p[WINDOW_DILATION_W];
        to = copy_rows(inside(column, w->width) ? address(w, row, column) : w->outside, 0, w->channels, 1, to);
    }
    return to;
}

static void gather_over_edge(const tinytl_windows *w, tinytl_window window, int8_t *to)
{
    const int32_t *p = w->params, dilation = p[WINDOW_DILATION_H];
    const inner_rows rows = rows_inside(w, window.row);
    const int32_t count = rows.last - rows.first, first = window.row + rows.first * dilation;
    to = copy_rows(w->outside, 0, w->row_bytes, rows.first, to);
    if (spans(w, window))
        to = copy_rows(address(w, first, window.column), dilation * w->width * w->channels, w->row_bytes, count, to);
    else
        for (int32_t i = 0; i < count; i++)
            to = gather_row(w, first + i * dilation, window.column, to);
    copy_rows(w->outside, 0, w->row_bytes, p[WINDOW_TAPS_H] - rows.last, to);
}

static void gather(const tinytl_windows *w, tinytl_window window, int8_t *to)
{
    if (window.row < 0 || window.row > w->last_row || !spans(w, window)) {
        gather_over_edge(w, window, to);
        return;
    }
    tinytl_window_rows rows = w->rows;
    rows.from = address(w, window.row, window.column);
    tinytl_gather_rows(&rows, to);
}

static const int8_t *row_of(const tinytl_windows *w, tinytl_window window, int32_t ky)
{
    const int32_t row = window.row + ky * w->params[WINDOW_DILATION_H];
    return inside(row, w->height) ? address(w, row, window.column) : w->outside;
}

int16_t *tinytl_windows_pack(const tinytl_windows *w, tinytl_window first, tinytl_window second)
{
    if (w->in_words && spans(w, first) && spans(w, second)) {
        int16_t *end = w->panel;
        for (int32_t ky = 0; ky < w->params[WINDOW_TAPS_H]; ky++)
            end = w->pack(row_of(w, first, ky), row_of(w, second, ky), end, (uint32_t)w->row_bytes);
        return end;
    }
    gather(w, first, w->bytes[0]);
    gather(w, second, w->bytes[1]);
    return w->pack(w->bytes[0], w->bytes[1], w->panel, w->padded);
}
