/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution 3×3, stride 1 or 2, depth multiplier 1, channels a multiple of 4 (depthwise.h):
 * any size and padding.
 *
 * Pair j holds the input rows 2j − pad_top and the next. Both strides read pairs j and j + 1: for output rows 2j,
 * 2j + 1 with stride 1, for row j with stride 2. Two pairs are kept, in turn. */
#include "kernels/dsp/depthwise.h"
#include "kernels/dsp/clamping.h"
#include "kernels/dsp/tile.h"

#include <string.h>

typedef void run_rows(const tinytl_depthwise_rows *rows);

typedef struct layer {
    const int8_t *input;
    uint32_t height, width, channels;
    int32_t pad_top;
    uint32_t plane_columns, pad_left;
    uint32_t *planes[2];
    const int8_t *outside; /* one input row of the zero point */
    int8_t *beside;        /* where an output row goes that is not there */
} layer;

static uint32_t in_words(uint32_t bytes)
{
    return (bytes + 3u) & ~3u;
}

uint32_t tinytl_depthwise_scratch_bytes(uint32_t width, uint32_t out_width, uint32_t stride, uint32_t channels)
{
    const uint32_t planes = 2u * 4u * channels * depthwise_plane_columns(out_width, stride);
    return planes + in_words(width * channels) + in_words(out_width * channels);
}

static layer layer_of(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    layer l = {
        .input = call_input_data(call, 0),
        .height = in->dims[1],
        .width = in->dims[2],
        .channels = in->dims[3],
        .pad_top = p[DEPTHWISE_PAD_TOP],
        .plane_columns = depthwise_plane_columns(out->dims[2], (uint32_t)p[DEPTHWISE_STRIDE]),
        .pad_left = (uint32_t)p[DEPTHWISE_PAD_LEFT],
    };
    const uint32_t plane_words = l.channels * l.plane_columns, row_bytes = l.width * l.channels;
    const uint32_t zero = (uint32_t)in->zero_point & 0xFFFFu;
    l.planes[0] = (uint32_t *)(void *)call->scratch;
    l.planes[1] = l.planes[0] + plane_words;
    for (uint32_t i = 0; i < 2u * plane_words; i++) /* columns beside the input keep this */
        l.planes[0][i] = zero | zero << 16;
    int8_t *rows = (int8_t *)(l.planes[1] + plane_words);
    memset(rows, in->zero_point, row_bytes);
    l.outside = rows;
    l.beside = rows + in_words(row_bytes);
    return l;
}

static const int8_t *row_of(const layer *l, int32_t row)
{
    return (uint32_t)row < l->height ? l->input + (uint32_t)row * l->width * l->channels : l->outside;
}

static void pack_pair(const layer *l, uint32_t pair)
{
    const int32_t row = 2 * (int32_t)pair - l->pad_top;
    const uint32_t room = l->plane_columns - l->pad_left;
    const tinytl_depthwise_pack rows = {
        .upper = row_of(l, row),
        .lower = row_of(l, row + 1),
        .planes = l->planes[pair % 2u] + l->pad_left,
        .columns = l->width < room ? l->width : room,
        .channels = l->channels,
        .plane_bytes = 4u * l->plane_columns,
    };
    tinytl_depthwise_pack_rows(&rows);
}

void tinytl_depthwise_3x3(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t *p = call->params;
    const layer l = layer_of(call);
    const int is_signed = p[DEPTHWISE_RESCALING] == RESCALE_SIGNED;
    const uint32_t at_once = p[DEPTHWISE_STRIDE] == 1 ? 2 : 1, out_row = out->dims[2] * l.channels;
    run_rows *run = p[DEPTHWISE_STRIDE] == 1
                        ? (is_signed ? tinytl_depthwise_rows_1_signed : tinytl_depthwise_rows_1_saturating)
                        : (is_signed ? tinytl_depthwise_rows_2_signed : tinytl_depthwise_rows_2_saturating);
    tinytl_depthwise_rows rows = {
        .table = call_input_data(call, 1),
        .output0 = call_output_data(call),
        .channels = l.channels,
        .step = l.channels,
        .columns = out->dims[2],
        .plane_bytes = 4u * l.plane_columns,
    };

    pack_pair(&l, 0);
    for (uint32_t y = 0, pair = 0; y < out->dims[1]; y += at_once, pair++) {
        pack_pair(&l, pair + 1u);
        rows.planes0 = l.planes[pair % 2u];
        rows.planes1 = l.planes[(pair + 1u) % 2u];
        rows.output1 = y + 1u < out->dims[1] ? rows.output0 + out_row : l.beside;
        run(&rows);
        rows.output0 += at_once * out_row;
    }
    tinytl_clamp_output(call, p[DEPTHWISE_ACT_MIN], p[DEPTHWISE_ACT_MAX]);
}
