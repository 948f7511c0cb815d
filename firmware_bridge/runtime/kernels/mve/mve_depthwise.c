/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution, depth multiplier 1 (depthwise.h): any window, stride, dilation and padding.
 *
 * Every tap is a piece of its own (ring.h). Scratch: the ring. */
#include "kernels/mve/depthwise.h"
#include "kernels/mve/ring.h"
#include "kernels/mve/tile.h"

/* is_flat: the lanes are those of a whole row. */
static void convolve(const tinytl_call *call, int is_flat)
{
    const int32_t *p = call->params;
    const tinytl_tensor *out = call_output(call);
    const uint32_t channels = out->dims[3], width = out->dims[2];
    mve_ring ring = tinytl_mve_ring_of(call, 1, call->scratch);
    tinytl_mve_depthwise rows = {
        .taps = ring.pieces,
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
        tinytl_mve_ring_move(&ring, y);
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
