/* SPDX-License-Identifier: Apache-2.0
 * Windows as rows of bytes (windows.h). */
#include "kernels/mve/windows.h"
#include "kernels/window.h"

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* One row of an undilated window that crosses an edge: what is outside on the left, inside, outside on the right. */
static void gather_row(const mve_windows *w, const int8_t *row, int32_t column, int8_t *to)
{
    const int32_t taps = w->params[MVE_TAPS_W];
    const int32_t before = column < 0 ? least(-column, taps) : 0, first = column + before;
    const int32_t inside = least(taps - before, w->width > first ? w->width - first : 0), after = taps - before - inside;
    mve_fill(to, w->zero, (uint32_t)(before * w->channels));
    to += before * w->channels;
    mve_copy(to, row + first * w->channels, (uint32_t)(inside * w->channels));
    mve_fill(to + inside * w->channels, w->zero, (uint32_t)(after * w->channels));
}

static void gather_dilated_row(const mve_windows *w, const int8_t *row, int32_t column, int8_t *to)
{
    for (int32_t tap = 0; tap < w->params[MVE_TAPS_W]; tap++, column += w->params[MVE_DILATION_W], to += w->channels) {
        if ((uint32_t)column < (uint32_t)w->width)
            mve_copy(to, row + column * w->channels, (uint32_t)w->channels);
        else
            mve_fill(to, w->zero, (uint32_t)w->channels);
    }
}

static const int8_t *row_at(const mve_windows *w, int32_t row)
{
    return w->input + row * w->width * w->channels;
}

/* `count` rows of a window that crosses neither the left nor the right edge. */
static void gather_inside(const mve_windows *w, const int8_t *from, int32_t count, int8_t *to)
{
    const uint32_t bytes = (uint32_t)w->row_bytes;
    const int32_t step = w->params[MVE_DILATION_H] * w->width * w->channels;
    for (; count > 0; count--, from += step, to += bytes)
        mve_copy(to, from, bytes);
}

void tinytl_mve_gather(const mve_windows *w, int32_t row, int32_t column, int8_t *to)
{
    const int32_t *p = w->params;
    const window rows = window_clip(row, p[MVE_DILATION_H], p[MVE_TAPS_H], w->height);
    const int32_t count = rows.last - rows.first;
    if (rows.first > 0)
        mve_fill(to, w->zero, (uint32_t)(rows.first * w->row_bytes));
    if (rows.last < p[MVE_TAPS_H])
        mve_fill(to + rows.last * w->row_bytes, w->zero, (uint32_t)((p[MVE_TAPS_H] - rows.last) * w->row_bytes));
    row += rows.first * p[MVE_DILATION_H];
    to += rows.first * w->row_bytes;
    if (p[MVE_DILATION_W] == 1 && column >= 0 && column + p[MVE_TAPS_W] <= w->width) {
        gather_inside(w, row_at(w, row) + column * w->channels, count, to);
        return;
    }
    for (int32_t i = 0; i < count; i++, row += p[MVE_DILATION_H], to += w->row_bytes) {
        if (p[MVE_DILATION_W] == 1)
            gather_row(w, row_at(w, row), column, to);
        else
            gather_dilated_row(w, row_at(w, row), column, to);
    }
}
