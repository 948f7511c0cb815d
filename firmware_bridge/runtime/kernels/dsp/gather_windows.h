/* SPDX-License-Identifier: Apache-2.0
 * The windows of a convolution as rows of a matrix: the bytes of two windows, padding filled with the zero point,
 * packed into the panel that a tile multiplies (tile.h). A window has taps_h · taps_w · channels bytes, rounded up
 * to a multiple of 4. */
#ifndef TINYTL_KERNELS_DSP_WINDOWS_H
#define TINYTL_KERNELS_DSP_WINDOWS_H

#include "kernels/call.h"

/* Parameters that the convolutions of this family share, in this order. */
enum { WINDOW_PAD_TOP, WINDOW_PAD_LEFT, WINDOW_STRIDE_H, WINDOW_STRIDE_W, WINDOW_DILATION_H, WINDOW_DILATION_W,
       WINDOW_TAPS_H, WINDOW_TAPS_W, WINDOW_RESCALING, WINDOW_ACT_MIN, WINDOW_ACT_MAX };

typedef int16_t *tinytl_pack_pair(const int8_t *pixel0, const int8_t *pixel1, int16_t *panel, uint32_t count);

/* One window: where its tap (0, 0) lies in the input, which may be outside. */
typedef struct tinytl_window {
    int32_t row, column;
} tinytl_window;

/* Some rows of a window, as they lie in the input. Assembly reads the fields by their order. */
typedef struct tinytl_window_rows {
    const int8_t *from;
    uint32_t row_step;  /* bytes from row to row; 0 repeats one */
    uint32_t row_bytes; /* > 0 */
    uint32_t rows;      /* may be 0 */
} tinytl_window_rows;

/* Copy rows one behind the other; returns the end of the copy. A call of memcpy would cost more than a row. */
int8_t *tinytl_gather_rows(const tinytl_window_rows *rows, int8_t *to);

typedef struct tinytl_windows {
    const int8_t *input;
    int32_t height, width, channels; /* of the input */
    const int32_t *params;
    int32_t row_bytes;   /* taps_w · channels: of one row of a window without dilation */
    int32_t last_row, last_column; /* of a window that lies inside; negative: none does */
    int undilated, in_words; /* columns of a row lie side by side; such a row is whole words */
    tinytl_window_rows rows; /* all rows of a window inside */
    uint32_t padded;     /* bytes of a window, rounded up */
    int16_t *panel;      /* 4 · padded bytes */
    int8_t *bytes[2];    /* two windows */
    int8_t *outside;     /* row_bytes times the zero point */
    tinytl_pack_pair *pack;
} tinytl_windows;

/* Scratch: panel, two windows, one row outside; each rounded up to 4 bytes. */
uint32_t tinytl_windows_scratch_bytes(uint32_t window_bytes, uint32_t row_bytes);

/* Bind to a call with the parameters above; fills what is constant of the scratch. */
tinytl_windows tinytl_windows_of(const tinytl_call *call, tinytl_pack_pair *pack);

/* Build the panel of two windows; returns its end. */
int16_t *tinytl_windows_pack(const tinytl_windows *windows, tinytl_window first, tinytl_window second);

#endif
