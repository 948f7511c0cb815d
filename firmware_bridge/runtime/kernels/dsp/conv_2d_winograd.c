/* SPDX-License-Identifier: Apache-2.0
 * Convolution 3×3, stride 1, by exact Winograd transforms (winograd.h): any size and padding, input channels a
 * multiple of 4 up to 64.
 *
 * input [1,H,W,C] · transformed weights · channel table → output [1,OH,OW,O], O ≥ 2. Patches that cross the
 * input's edge are gathered with the zero point around them; tiles that cross the output's are made apart and
 * their inner part is copied. */
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/tile.h"
#include "kernels/dsp/winograd.h"

#include <string.h>

enum { TAPS = 3, TILES = 2 };

typedef struct method {
    uint32_t side; /* of a tile */
    tinytl_winograd_input *input;
    tinytl_winograd_output *output;
} method;

typedef struct layer {
    method how;
    uint32_t height, width, channels;         /* of the input */
    uint32_t out_height, out_width, outputs;
    int32_t pad_top, pad_left, zero_point;
    int is_signed;
    const int8_t *input;
    int8_t *output;
    const int16_t *weights;
    const int32_t *table;
    uint32_t *v;
    int32_t *m;
    int8_t *patch;
    int8_t *edge; /* one tile a number: outputs · side² bytes each */
} layer;

typedef struct place {
    uint32_t row, column; /* of a tile's first output */
} place;

uint32_t tinytl_winograd_scratch_bytes(uint32_t side, uint32_t in_channels, uint32_t out_channels)
{
    const uint32_t reach = side + 2u, positions = reach * reach;
    const uint32_t edge = (TILES * side * side * out_channels + 3u) & ~3u;
    return 4u * TILES * positions * in_channels / 2u + 16u * positions + positions * in_channels + edge;
}

static layer layer_of(const tinytl_call *call, method how)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t reach = how.side + 2u, positions = reach * reach;
    layer l = {
        .how = how,
        .height = in->dims[1],
        .width = in->dims[2],
        .channels = in->dims[3],
        .out_height = out->dims[1],
        .out_width = out->dims[2],
        .outputs = out->dims[3],
        .pad_top = call->params[WINOGRAD_PAD_TOP],
        .pad_left = call->params[WINOGRAD_PAD_LEFT],
        .zero_point = in->zero_point,
        .is_signed = call->params[WINOGRAD_RESCALING] == RESCALE_SIGNED,
        .input = call_input_data(call, 0),
        .output = call_output_data(call),
        .weights = call_input_data(call, 1),
        .table = call_input_data(call, 2),
    };
    l.v = (uint32_t *)(void *)call->scratch;
    l.m = (int32_t *)(void *)(call->scratch + 4u * positions * l.channels);
    l.patch = (int8_t *)(l.m + 4u * positions);
    l.edge = l.patch + positions * l.channels;
    return l;
}

/* The patch of a tile, gathered: rows and columns outside the input hold the zero point. */
static void gather(const layer *l, int32_t top, int32_t left)
{
    const int32_t reach = (int32_t)l->how.side + 2;
    int8_t *to = l->patch;
    for (int32_t row = top; row < top + reach; row++)
        for (int32_t column = left; column < left + reach; column++, to += l->channels) {
            if ((uint32_t)row < l->height && (uint32_t)column < l->width)
                memcpy(to, l->input + ((uint32_t)row * l->width + (uint32_t)column) * l->channels, l->channels);
            else
                memset(to, l->zero_point, l->channels);
        }
}

static void transform_input(const layer *l, place at, uint32_t tile)
{
    const int32_t top = (int32_t)at.row - l->pad_top, left = (int32_t)at.column - l->pad_left,
                  reach = (int32_t)l->how.side + 2;
    const int inside = top >= 0 && left >= 0 && top + reach <= (int32_t)l->height && left + reach <= (int32_t)l->width;
    if (inside) {
        const int8_t *from = l->input + ((uint32_t)top * l->width + (uint32_t)left) * l->channels;
        l->how.input(from, l->width * l->channels, l->channels, l->v + tile);
        return;
    }
    gather(l, top, left);
    l->how.input(l->patch, (uint32_t)reach * l->channels, l->channels, l->v + tile);
}

/* Where a tile's outputs go: into the output if all of it lies inside, else beside it. */
typedef struct destination {
    int8_t *first;
    uint32_t row_bytes;
    int whole;
} destination;

static destination destination_of(const layer *l, place at, uint32_t tile)
{
    const uint32_t side = l->how.side;
    const int whole = at.row + side <= l->out_height && at.column + side <= l->out_width;
    const destination inside = {l->output + (at.row * l->out_width + at.column) * l->outputs, l->out_width * l->outputs,
                                1};
    const destination beside = {l->edge + tile * side * side * l->outputs, side * l->outputs, 0};
    return whole ? inside : beside;
}

static void copy_inner_part(const layer *l, place at, const destination *from)
{
    const uint32_t rows = l->out_height - at.row < l->how.side ? l->out_height - at.row : l->how.side;
    const uint32_t columns = l->out_width - at.column < l->how.side ? l->out_width - at.column : l->how.side;
    for (uint32_t row = 0; row < rows; row++)
        memcpy(l->output + ((at.row + row) * l->out_width + at.column) * l->outputs,
               from->first + row * from->row_bytes, columns * l->outputs);
}

/* All channels of two tiles whose patches are in V. An odd number of channels ends with the last two. */
static void transform_products(const layer *l, const destination to[TILES])
{
    const uint32_t positions = (l->how.side + 2u) * (l->how.side + 2u), words = l->is_signed ? 3u : 2u;
    const int16_t *u = l->weights;
    const int32_t *table = l->table;
    for (uint32_t o = 0; o < l->outputs; o += 2, u += 2u * positions * l->channels, table += 4u + 2u * words) {
        const uint32_t first = o + 2u <= l->outputs ? o : l->outputs - 2u;
        tinytl_winograd_multiply(u, l->v, l->m, l->channels / 4u, positions);
        for (uint32_t k = 0; k < 2; k++) {
            const tinytl_winograd_channel channel = {(uint32_t)table[2 * k], table + 4u + k * words, l->is_signed};
            for (uint32_t tile = 0; tile < TILES; tile++)
                l->how.output(l->m + 2u * k + tile, &channel, to[tile].first + first + k, to[tile].row_bytes,
                              l->outputs);
        }
    }
}

static place next_tile(const layer *l, place at)
{
    at.column += l->how.side;
    if (at.column >= l->out_width) {
        at.column = 0;
        at.row += l->how.side;
    }
    return at;
}

static void convolve(const tinytl_call *call, method how)
{
    const layer l = layer_of(call, how);
    place at = {0, 0};
    while (at.row < l.out_height) {
        place tiles[TILES] = {at, next_tile(&l, at)};
        if (tiles[1].row >= l.out_height)
            tiles[1] = at; /* an odd last tile is made twice */
        at = next_tile(&l, tiles[1]);
        destination to[TILES];
        for (uint32_t tile = 0; tile < TILES; tile++) {
            transform_input(&l, tiles[tile], tile);
            to[tile] = destination_of(&l, tiles[tile], tile);
        }
        transform_products(&l, to);
        for (uint32_t tile = 0; tile < TILES; tile++)
            if (!to[tile].whole)
                copy_inner_part(&l, tiles[tile], &to[tile]);
    }
    tinytl_clamp_output(call, call->params[WINOGRAD_ACT_MIN], call->params[WINOGRAD_ACT_MAX]);
}

void tinytl_conv_2d_winograd_2(const tinytl_call *call)
{
    const method how = {2, tinytl_winograd_input_2, tinytl_winograd_output_2};
    convolve(call, how);
}

void tinytl_conv_2d_winograd_4(const tinytl_call *call)
{
    const method how = {4, tinytl_winograd_input_4, tinytl_winograd_output_4};
    convolve(call, how);
}
