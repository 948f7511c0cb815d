/* SPDX-License-Identifier: Apache-2.0
 * Windows as rows of bytes (windows.h). */
#include "kernels/mve/windows.h"

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* One row of an undilated window: what is outside on the left, inside, outside on the right. */
static void gather_row(const mve_windows *w, const int8_t *row, int32_t column, int8_t *to)
{
    const int32_t taps = w->params[MVE_TAPS_W];
    if (column >= 0 && column + taps <= w->width) {
        mve_copy(to, row + column * w->channels, (uint32_t)w->row_bytes);
        return;
    }
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

void tinytl_mve_gather(const mve_windows *w, int32_t row, int32_t column, int8_t *to)
{
    const int32_t *p = w->params;
    for (int32_t tap = 0; tap < p[MVE_TAPS_H]; tap++, row += p[MVE_DILATION_H], to += w->row_bytes) {
        if ((uint32_t)row >= (uint32_t)w->height)
            mve_fill(to, w->zero, (uint32_t)w->row_bytes);
        else if (p[MVE_DILATION_W] == 1)
            gather_row(w, w->input + row * w->width * w->channels, column, to);
        else
            gather_dilated_row(w, w->input + row * w->width * w->channels, column, to);
    }
}
