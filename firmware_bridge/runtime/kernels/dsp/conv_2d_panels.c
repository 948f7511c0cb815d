/* SPDX-License-Identifier: Apache-2.0
 * Convolution as a matrix product, two pixels times two output channels at a time (tile.h): any window, stride,
 * dilation and padding.
 *
 * input [1,H,W,C] · packed weights · channel table → output [1,OH,OW,O], O ≥ 2. The input's zero point is in the
 * biases of the table, so padding is the zero point itself. An odd O ends with a panel of the last two channels, one
 * of which is computed twice. */
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/tile.h"
#include "kernels/dsp/gather_windows.h"

typedef void run_tile(const tinytl_tile *tile);

typedef struct product {
    tinytl_tile tile;
    run_tile *run;
    uint32_t channels, panel_bytes; /* of the weights of two channels */
    const uint8_t *last_weights; /* of the panel that repeats a channel; NULL where the number of channels is even */
    const int32_t *last_channels;
} product;

static product product_of(const tinytl_call *call, run_tile *run)
{
    const tinytl_tensor *weights = call_input(call, 1);
    const uint8_t *data = call_input_data(call, 1);
    const uint32_t channels = call_output(call)->dims[3], pairs = channels / 2u + channels % 2u;
    const uint32_t words = call_input(call, 2)->dims[1];
    product made = {.run = run, .channels = channels, .panel_bytes = weights->bytes / pairs};
    made.tile.weights = data;
    made.tile.channels = call_input_data(call, 2);
    made.tile.weights_end = data + made.panel_bytes * (channels / 2u);
    if (channels % 2u) {
        made.last_weights = data + made.panel_bytes * (pairs - 1u);
        made.last_channels = made.tile.channels + words * (pairs - 1u);
    }
    return made;
}

/* All channels of two pixels. */
static void multiply(const product *of, const int16_t *panel, const int16_t *panel_end, int8_t *output0,
                     int8_t *output1)
{
    tinytl_tile tile = of->tile;
    tile.panel = panel;
    tile.panel_end = panel_end;
    tile.output0 = output0;
    tile.output1 = output1;
    of->run(&tile);
    if (!of->last_weights)
        return;
    tile.weights_end = of->last_weights + of->panel_bytes;
    tile.weights = of->last_weights;
    tile.channels = of->last_channels;
    tile.output0 = output0 + of->channels - 2;
    tile.output1 = output1 + of->channels - 2;
    of->run(&tile);
}

/* A window of one pixel that moves by one: pixels are rows of the matrix as they lie. */
static void convolve_pixels(const tinytl_call *call, const product *of, tinytl_pack_pair *pack)
{
    const tinytl_tensor *out = call_output(call);
    const uint32_t pixels = out->dims[1] * out->dims[2], depth = call_input(call, 0)->dims[3];
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);
    int16_t *panel = (int16_t *)(void *)call->scratch;

    for (uint32_t p = 0; p < pixels; p += 2) {
        const uint32_t step = p + 1u < pixels ? 1u : 0u; /* an odd last pixel meets itself */
        const int16_t *end = pack(input, input + step * depth, panel, depth);
        multiply(of, panel, end, output, output + step * of->channels);
        input += 2u * depth;
        output += 2u * of->channels;
    }
}

static void convolve_windows(const tinytl_call *call, const product *of, tinytl_pack_pair *pack)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t *p = call->params;
    const tinytl_windows windows = tinytl_windows_of(call, pack);
    const uint32_t pixels = out->dims[1] * out->dims[2];
    const int32_t right = (int32_t)out->dims[2] * p[WINDOW_STRIDE_W] - p[WINDOW_PAD_LEFT];
    int8_t *output = call_output_data(call);
    tinytl_window next = {-p[WINDOW_PAD_TOP], -p[WINDOW_PAD_LEFT]}, pair[2];

    for (uint32_t pixel = 0; pixel < pixels; pixel += 2) {
        const uint32_t count = pixel + 1u < pixels ? 2u : 1u;
        for (uint32_t i = 0; i < count; i++) {
            pair[i] = next;
            next.column += p[WINDOW_STRIDE_W];
            if (next.column == right) {
                next.column = -p[WINDOW_PAD_LEFT];
                next.row += p[WINDOW_STRIDE_H];
            }
        }
        const int16_t *end = tinytl_windows_pack(&windows, pair[0], pair[count - 1u]);
        multiply(of, windows.panel, end, output, output + (count - 1u) * of->channels);
        output += 2u * of->channels;
    }
}

static void convolve(const tinytl_call *call, run_tile *run, tinytl_pack_pair *pack)
{
    const int32_t *p = call->params;
    const product of = product_of(call, run);
    const int pixelwise = p[WINDOW_TAPS_H] == 1 && p[WINDOW_TAPS_W] == 1 && p[WINDOW_STRIDE_H] == 1 &&
                          p[WINDOW_STRIDE_W] == 1 && call_input(call, 0)->dims[3] % 4u == 0;
    if (pixelwise)
        convolve_pixels(call, &of, pack);
    else
        convolve_windows(call, &of, pack);
    tinytl_clamp_output(call, p[WINDOW_ACT_MIN], p[WINDOW_ACT_MAX]);
}

void tinytl_conv_2d_panels_s16(const tinytl_call *call)
{
    const int is_signed = call->params[WINDOW_RESCALING] == RESCALE_SIGNED;
    convolve(call, is_signed ? tinytl_tile_s16_signed : tinytl_tile_s16_saturating, tinytl_pack_pair_s16);
}

void tinytl_conv_2d_panels_s8(const tinytl_call *call)
{
    const int is_signed = call->params[WINDOW_RESCALING] == RESCALE_SIGNED;
    convolve(call, is_signed ? tinytl_tile_s8_signed : tinytl_tile_s8_saturating, tinytl_pack_pair_s8);
}
