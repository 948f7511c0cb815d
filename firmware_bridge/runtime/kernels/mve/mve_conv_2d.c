/* SPDX-License-Identifier: Apache-2.0
 * Convolution as a matrix product, three pixels times four output channels at a time (tile.h): any window, stride,
 * dilation and padding.
 *
 * input [1,H,W,C] · packed weights · channel table → output [1,OH,OW,O]. The input's zero point is in the biases of the
 * table, so padding is the zero point itself. Scratch: three windows, 16 bytes behind them, a ring of rows. */
#include "kernels/mve/tile.h"
#include "kernels/mve/windows.h"

typedef void run_tile(const tinytl_mve_tile *tile);

static tinytl_mve_tile tile_of(const tinytl_call *call, uint32_t window)
{
    const int32_t *p = call->params;
    tinytl_mve_tile tile = {
        .blocks = mve_in_blocks(window) / MVE_BLOCK,
        .weights = call_input_data(call, 1),
        .channel_count = call_output(call)->dims[3],
        .channels = call_input_data(call, 2),
        .zero_point = call_output(call)->zero_point,
        .act_max = p[MVE_ACT_MAX],
        .act_min = p[MVE_ACT_MIN],
    };
    return tile;
}

/* The tile's rows that are still missing repeat the last one. */
static void fill_up(tinytl_mve_tile *tile, uint32_t rows)
{
    for (uint32_t i = rows; i < MVE_ROWS; i++) {
        tile->rows[i] = tile->rows[i - 1u];
        tile->outputs[i] = tile->outputs[i - 1u];
    }
}

static inline void point(tinytl_mve_tile *tile, uint32_t i, const int8_t *row, int8_t *output)
{
    tile->rows[i] = row;
    tile->outputs[i] = output;
}

/* Windows of one pixel that move by one are rows as they lie, but for those at the end, whose last block would
 * reach beyond the input. */
static void convolve_pixels(const tinytl_call *call, tinytl_mve_tile *tile, run_tile *run)
{
    const uint32_t depth = call_input(call, 0)->dims[3], channels = tile->channel_count,
                   padded = tile->blocks * MVE_BLOCK;
    const int8_t *input = call_input_data(call, 0),
                 *end = input + call_output(call)->dims[1] * call_output(call)->dims[2] * depth;
    int8_t *output = call_output_data(call), *rows = (int8_t *)call->scratch;

    for (; (uint32_t)(end - input) >= (MVE_ROWS - 1u) * depth + padded;
         input += MVE_ROWS * depth, output += MVE_ROWS * channels) {
        for (uint32_t i = 0; i < MVE_ROWS; i++)
            point(tile, i, input + i * depth, output + i * channels);
        run(tile);
    }
    while (input < end) {
        uint32_t i = 0;
        for (; i < MVE_ROWS && input < end; i++, input += depth, output += channels) {
            mve_copy(rows + i * padded, input, depth);
            point(tile, i, rows + i * padded, output);
        }
        fill_up(tile, i);
        run(tile);
    }
}

static void convolve_windows(const tinytl_call *call, tinytl_mve_tile *tile, run_tile *run)
{
    const tinytl_tensor *out = call_output(call);
    const uint32_t padded = tile->blocks * MVE_BLOCK, channels = call_input(call, 0)->dims[3],
                   together = mve_together(call->params);
    const uint32_t step = (uint32_t)call->params[MVE_STRIDE_W] * channels, end = out->dims[2] * step;
    mve_ring ring = tinytl_mve_ring_of(call, together, call->scratch + MVE_ROWS * padded + MVE_BLOCK);
    const uint32_t taps = (uint32_t)(call->params[MVE_TAPS_H] * call->params[MVE_TAPS_W]);
    const mve_windows windows = {ring.pieces, taps / together, together * channels};
    mve_gather *gather = tinytl_mve_gather_for(windows.bytes);
    int8_t *output = call_output_data(call);
    uint32_t gathered = 0;

    for (uint32_t i = 0; i < MVE_ROWS; i++)
        tile->rows[i] = (int8_t *)call->scratch + i * padded;
    for (uint32_t y = 0; y < out->dims[1]; y++) {
        tinytl_mve_ring_move(&ring, y);
        for (uint32_t offset = 0; offset < end; offset += step, output += tile->channel_count) {
            gather(&windows, offset, (int8_t *)call->scratch + gathered * padded);
            tile->outputs[gathered] = output;
            if (++gathered == MVE_ROWS) {
                run(tile);
                gathered = 0;
            }
        }
    }
    if (gathered) {
        fill_up(tile, gathered);
        run(tile);
    }
}

void tinytl_mve_conv_2d(const tinytl_call *call)
{
    const int32_t *p = call->params;
    const uint32_t window = (uint32_t)(p[MVE_TAPS_H] * p[MVE_TAPS_W]) * call_input(call, 0)->dims[3];
    run_tile *run = p[MVE_RESCALING] == MVE_SIGNED ? tinytl_mve_tile_signed : tinytl_mve_tile_rounded;
    tinytl_mve_tile tile = tile_of(call, window);
    if (p[MVE_TAPS_H] == 1 && p[MVE_TAPS_W] == 1 && p[MVE_STRIDE_H] == 1 && p[MVE_STRIDE_W] == 1)
        convolve_pixels(call, &tile, run);
    else
        convolve_windows(call, &tile, run);
}
