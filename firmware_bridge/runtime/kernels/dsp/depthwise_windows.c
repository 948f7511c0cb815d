/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution of any window, stride, dilation and padding, depth multiplier 1, channels a
 * multiple of 4 (taps.h).
 *
 * Taps beside the input lie on a pixel of the zero point, whose part is in the biases. */
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/gather_windows.h"
#include "kernels/dsp/taps.h"
#include "kernels/dsp/tile.h"

#include <string.h>

typedef void run_taps(const tinytl_pixel_taps *pixel);

typedef struct layer {
    const int32_t *params;
    int32_t height, width, channels;
    int32_t outside; /* bytes from the input to the pixel of the zero point */
} layer;

/* The taps of the window whose first one lies at (top, left); returns their end. */
static int32_t *find_taps(const layer *l, int32_t top, int32_t left, int32_t *taps)
{
    const int32_t *p = l->params;
    for (int32_t ky = 0, row = top; ky < p[WINDOW_TAPS_H]; ky++, row += p[WINDOW_DILATION_H]) {
        const int row_inside = (uint32_t)row < (uint32_t)l->height;
        const uint32_t step = (uint32_t)p[WINDOW_DILATION_W] * (uint32_t)l->channels;
        /* wraps beside the input, where it is not used */
        uint32_t at = ((uint32_t)row * (uint32_t)l->width + (uint32_t)left) * (uint32_t)l->channels;
        int32_t column = left;
        for (int32_t kx = 0; kx < p[WINDOW_TAPS_W]; kx++, column += p[WINDOW_DILATION_W], at += step)
            *taps++ = row_inside && (uint32_t)column < (uint32_t)l->width ? (int32_t)at : l->outside;
    }
    return taps;
}

void tinytl_depthwise_windows(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    run_taps *run = p[WINDOW_RESCALING] == RESCALE_SIGNED ? tinytl_taps_signed : tinytl_taps_saturating;
    int32_t *taps = (int32_t *)(void *)call->scratch;
    int8_t *beside = (int8_t *)(taps + p[WINDOW_TAPS_H] * p[WINDOW_TAPS_W]);
    tinytl_pixel_taps pixel = {
        .taps = taps,
        .input = call_input_data(call, 0),
        .table = call_input_data(call, 1),
        .output = call_output_data(call),
        .channels = in->dims[3],
    };
    const layer l = {p, (int32_t)in->dims[1], (int32_t)in->dims[2], (int32_t)in->dims[3],
                     (int32_t)(beside - pixel.input)};

    memset(beside, in->zero_point, in->dims[3]);
    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++)
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++, pixel.output += pixel.channels) {
            pixel.taps_end = find_taps(&l, y * p[WINDOW_STRIDE_H] - p[WINDOW_PAD_TOP],
                                       x * p[WINDOW_STRIDE_W] - p[WINDOW_PAD_LEFT], taps);
            run(&pixel);
        }
    tinytl_clamp_output(call, p[WINDOW_ACT_MIN], p[WINDOW_ACT_MAX]);
}
