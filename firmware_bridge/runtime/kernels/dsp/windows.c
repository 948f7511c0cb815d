/* SPDX-License-Identifier: Apache-2.0
 * Panels of windows (windows.h). Rows of a window that lie side by side in the input are packed where they are; windows that cross the
 * input's left or right edge, are dilated, or have rows of odd length are gathered first. */
#include "kernels/dsp/windows.h"

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
    w.padded = in_words((uint32_t)(p[WINDOW_TAPS_H] * w.row_bytes));
    w.panel = (int16_t *)(void *)call->scratch;
    w.bytes[0] = (int8_t *)call->scratch + 4u * w.padded;
    w.bytes[1] = w.bytes[0] + w.padded;
    w.outside = w.bytes[1] + w.padded;
    memset(w.bytes[0], 0, 2u * w.padded); /* what rounds a window up meets weights of zero */
    memset(w.outside, in->zero_point, (size_t)w.row_bytes);
    return w;
}

/* Copies of a few bytes to a few dozen: a call of memcpy costs more than they do. */
static int8_t *copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        uint32_t word;
        memcpy(&word, from, 4);
        memcpy(to, &word, 4);
    }
    for (; count > 0; count--)
        *to++ = *from++;
    return to;
}

static int inside(int32_t place, int32_t side)
{
    return (uint32_t)place < (uint32_t)side;
}

/* Columns of an undilated window lie inside the input. */
static int spans(const tinytl_windows *w, tinytl_window window)
{
    return window.column >= 0 && window.column + w->params[WINDOW_TAPS_W] <= w->width;
}

static const int8_t *address(const tinytl_windows *w, int32_t row, int32_t column)
{
    return w->input + (row * w->width + column) * w->channels;
}

static void gather(const tinytl_windows *w, tinytl_window window, int8_t *to)
{
    const int32_t *p = w->params;
    const int whole = p[WINDOW_DILATION_W] == 1 && spans(w, window);
    for (int32_t ky = 0; ky < p[WINDOW_TAPS_H]; ky++) {
        const int32_t row = window.row + ky * p[WINDOW_DILATION_H];
        if (!inside(row, w->height)) {
            to = copy(to, w->outside, w->row_bytes);
            continue;
        }
        if (whole) {
            to = copy(to, address(w, row, window.column), w->row_bytes);
            continue;
        }
        for (int32_t kx = 0; kx < p[WINDOW_TAPS_W]; kx++) {
            const int32_t column = window.column + kx * p[WINDOW_DILATION_W];
            to = copy(to, inside(column, w->width) ? address(w, row, column) : w->outside, w->channels);
        }
    }
}

static const int8_t *row_of(const tinytl_windows *w, tinytl_window window, int32_t ky)
{
    const int32_t row = window.row + ky * w->params[WINDOW_DILATION_H];
    return inside(row, w->height) ? address(w, row, window.column) : w->outside;
}

int16_t *tinytl_windows_pack(const tinytl_windows *w, tinytl_window first, tinytl_window second)
{
    const int32_t *p = w->params;
    if (p[WINDOW_DILATION_W] == 1 && w->row_bytes % 4 == 0 && spans(w, first) && spans(w, second)) {
        int16_t *end = w->panel;
        for (int32_t ky = 0; ky < p[WINDOW_TAPS_H]; ky++)
            end = w->pack(row_of(w, first, ky), row_of(w, second, ky), end, (uint32_t)w->row_bytes);
        return end;
    }
    gather(w, first, w->bytes[0]);
    gather(w, second, w->bytes[1]);
    return w->pack(w->bytes[0], w->bytes[1], w->panel, w->padded);
}
