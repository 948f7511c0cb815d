/* SPDX-License-Identifier: Apache-2.0
 * The check rules of the dsp family's kernels (SPEC.md section 2.7). They stand together because they share tests of
 * tables and panels, which a library of several kernels then holds once. */
#include "kernels/dsp/variant_rules.h"

#include "kernels/checks/pooling_checks.h"
#include "kernels/checks/shape_checks.h"
#include "kernels/dsp/depthwise.h"
#include "kernels/dsp/tables.h"
#include "kernels/dsp/taps.h"
#include "kernels/dsp/tile.h"
#include "kernels/dsp/vector.h"
#include "kernels/dsp/gather_windows.h"
#include "kernels/dsp/winograd.h"

/* Shifts of signed rescaling: every third word of each group of `words`, from `first` on. */
static int shifts_ok(const int32_t *table, uint32_t count, uint32_t words, uint32_t first, uint32_t step)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t at = first; at < words; at += step)
            if (!in_range(table[i * words + at], 1, 31))
                return 0;
    return 1;
}

/* `tensor` is a constant of rows × columns elements of a type. */
static int matrix_ok(const tinytl_tensor *tensor, tinytl_dtype dtype, uint32_t rows, uint32_t columns)
{
    return is(tensor, dtype) && tensor->region == 1 && tensor->rank == 2 && tensor->dims[0] == rows &&
           tensor->dims[1] == columns;
}

enum { MOST_TAPS = 1 << 10 };

static int rescaling_ok(int32_t rescaling)
{
    return in_range(rescaling, RESCALE_SATURATING, RESCALE_SIGNED);
}

/* The channel table of tiles: per two channels four biases and twice (m, c) or (m, c, e). */
static int tile_table_ok(const tinytl_call *call, uint32_t operand, uint32_t pairs, int32_t rescaling)
{
    const uint32_t words = rescaling == RESCALE_SIGNED ? 10u : 8u;
    return rescaling_ok(rescaling) && matrix_ok(call_input(call, operand), TINYTL_INT32, pairs, words) &&
           (rescaling != RESCALE_SIGNED || shifts_ok(call_constant_data(call, operand), pairs, words, 6, 3));
}

static int convolution_ok(const tinytl_call *call, uint32_t inputs)
{
    const int32_t *p = call->params;
    return tinytl_images(call, inputs) && call_output(call)->dims[3] >= 2u &&
           tinytl_window_ok(call, p[WINDOW_TAPS_H], p[WINDOW_TAPS_W], p[WINDOW_DILATION_H], p[WINDOW_DILATION_W]) &&
           clamp_ok(p[WINDOW_ACT_MIN], p[WINDOW_ACT_MAX]);
}

/* weight_numbers: 16-bit numbers of one output channel's group of four. */
static int panels_ok(const tinytl_call *call, uint32_t weight_numbers)
{
    if (!convolution_ok(call, 3))
        return 0;
    const int32_t *p = call->params;
    const uint64_t row = (uint64_t)(uint32_t)p[WINDOW_TAPS_W] * call_input(call, 0)->dims[3],
                   window = row * (uint32_t)p[WINDOW_TAPS_H];
    const uint32_t channels = call_output(call)->dims[3], pairs = channels / 2u + channels % 2u;
    if (window > 1u << 24)
        return 0;
    const uint32_t groups = ((uint32_t)window + 3u) / 4u;
    return matrix_ok(call_input(call, 1), TINYTL_INT16, pairs, 2u * weight_numbers * groups) &&
           tile_table_ok(call, 2, pairs, p[WINDOW_RESCALING]) &&
           call->scratch_bytes >= tinytl_windows_scratch_bytes((uint32_t)window, (uint32_t)row);
}

int tinytl_rule_conv_2d_panels_s16(const tinytl_call *call)
{
    return panels_ok(call, 4);
}

int tinytl_rule_conv_2d_panels_s8(const tinytl_call *call)
{
    return panels_ok(call, 2);
}

/* Two tables whose entries, one of each, never sum to more than 32 bits. */
static int addends_ok(const int32_t *tables)
{
    for (uint32_t i = 0; i < 2u * TABLE_ENTRIES; i++)
        if (!in_range(tables[i], -(1 << 30), (1 << 30) - 1))
            return 0;
    return 1;
}

int tinytl_rule_add_tables(const tinytl_call *call)
{
    return counts(call, 3) && s8_to_s8(call) && is(call_input(call, 1), TINYTL_INT8) &&
           same_dims(call_input(call, 0), call_output(call)) && same_dims(call_input(call, 1), call_output(call)) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, 2, TABLE_ENTRIES) && addends_ok(call_constant_data(call, 2)) &&
           clamp_ok(call->params[ADDITION_ACT_MIN], call->params[ADDITION_ACT_MAX]);
}

static int winograd_ok(const tinytl_call *call, uint32_t side)
{
    const int32_t *p = call->params;
    const int32_t pad_top = p[WINOGRAD_PAD_TOP], pad_left = p[WINOGRAD_PAD_LEFT], rescaling = p[WINOGRAD_RESCALING];
    if (!tinytl_images(call, 3) || !clamp_ok(p[WINOGRAD_ACT_MIN], p[WINOGRAD_ACT_MAX]))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t depth = in->dims[3], channels = out->dims[3], pairs = channels / 2u + channels % 2u;
    const uint32_t positions = (side + 2u) * (side + 2u);
    return channels >= 2u && depth % 4u == 0 && depth <= WINOGRAD_MAX_CHANNELS &&
           tinytl_side_ok(out->dims[1], in->dims[1], 3, 1, 1, pad_top) &&
           tinytl_side_ok(out->dims[2], in->dims[2], 3, 1, 1, pad_left) &&
           matrix_ok(call_input(call, 1), TINYTL_INT16, pairs, 2u * positions * depth) &&
           tile_table_ok(call, 2, pairs, rescaling) &&
           call->scratch_bytes >= tinytl_winograd_scratch_bytes(side, depth, channels);
}

int tinytl_rule_conv_2d_winograd_2(const tinytl_call *call)
{
    return winograd_ok(call, 2);
}

int tinytl_rule_conv_2d_winograd_4(const tinytl_call *call)
{
    return winograd_ok(call, 4);
}

int tinytl_rule_depthwise_3x3(const tinytl_call *call)
{
    const int32_t *p = call->params;
    const int32_t pad_top = p[DEPTHWISE_PAD_TOP], pad_left = p[DEPTHWISE_PAD_LEFT],
                  stride = p[DEPTHWISE_STRIDE], rescaling = p[DEPTHWISE_RESCALING];
    if (!tinytl_images(call, 2) || !in_range(stride, 1, 2) || !rescaling_ok(rescaling) ||
        !clamp_ok(p[DEPTHWISE_ACT_MIN], p[DEPTHWISE_ACT_MAX]))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t channels = in->dims[3], biases = stride == 1 ? 4u : 2u,
                   words = biases + 8u + (rescaling == RESCALE_SIGNED ? 1u : 0u);
    return channels % 4u == 0 && out->dims[3] == channels &&
           tinytl_side_ok(out->dims[1], in->dims[1], 3, stride, 1, pad_top) &&
           tinytl_side_ok(out->dims[2], in->dims[2], 3, stride, 1, pad_left) &&
           matrix_ok(call_input(call, 1), TINYTL_INT32, channels, words) &&
           (rescaling != RESCALE_SIGNED ||
            shifts_ok(call_constant_data(call, 1), channels, words, words - 1u, words)) &&
           (uint64_t)in->dims[2] * channels < 1u << 24 && (uint64_t)out->dims[2] * channels < 1u << 24 &&
           call->scratch_bytes >= tinytl_depthwise_scratch_bytes(in->dims[2], out->dims[2], (uint32_t)stride, channels);
}

int tinytl_rule_depthwise_windows(const tinytl_call *call)
{
    const int32_t *p = call->params;
    if (!convolution_ok(call, 2) || !rescaling_ok(p[WINDOW_RESCALING]) ||
        (int64_t)p[WINDOW_TAPS_H] * p[WINDOW_TAPS_W] > MOST_TAPS)
        return 0;
    const tinytl_tensor *in = call_input(call, 0);
    const int is_signed = p[WINDOW_RESCALING] == RESCALE_SIGNED;
    const uint32_t channels = in->dims[3], quads = channels / 4u,
                   taps = (uint32_t)(p[WINDOW_TAPS_H] * p[WINDOW_TAPS_W]);
    const uint32_t words = taps_table_words(taps, is_signed);
    return in->region == 0 && channels % 4u == 0 && call_output(call)->dims[3] == channels && channels <= 1u << 16 &&
           matrix_ok(call_input(call, 1), TINYTL_INT32, quads, words) &&
           (!is_signed || shifts_ok(call_constant_data(call, 1), quads, words, words - 10u, 3)) &&
           call->scratch_bytes >= taps_scratch_bytes(taps, channels);
}

/* weight_numbers: 16-bit numbers of one output's group of four. */
static int connection_ok(const tinytl_call *call, uint32_t weight_numbers)
{
    const int32_t *p = call->params;
    if (!counts(call, 3) || !s8_to_s8(call) || !in_range(p[CONNECTION_DEPTH], 1, 1 << 24) ||
        !clamp_ok(p[CONNECTION_ACT_MIN], p[CONNECTION_ACT_MAX]))
        return 0;
    const uint32_t depth = (uint32_t)p[CONNECTION_DEPTH], padded = (depth + 3u) & ~3u;
    const uint32_t in = call_input(call, 0)->bytes, out = call_output(call)->bytes;
    if (in % depth != 0 || out % (in / depth) != 0)
        return 0;
    const uint32_t outputs = out / (in / depth), quads = (outputs + 3u) / 4u;
    return outputs >= 4u && matrix_ok(call_input(call, 1), TINYTL_INT16, quads, weight_numbers * padded) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, quads, 16) &&
           shifts_ok(call_constant_data(call, 2), quads, 16, 6, 3) &&
           call->scratch_bytes >= (depth % 4u ? 3u : 2u) * padded;
}

int tinytl_rule_fully_connected_panels_s16(const tinytl_call *call)
{
    return connection_ok(call, 4);
}

int tinytl_rule_fully_connected_panels_s8(const tinytl_call *call)
{
    return connection_ok(call, 2);
}

int tinytl_rule_average_pool_2d_words(const tinytl_call *call)
{
    return average_pool_blocks_ok(call) && call_input(call, 0)->dims[3] % 4u == 0;
}

int tinytl_rule_mean_words(const tinytl_call *call)
{
    return mean_blocks_ok(call) && call_input(call, 0)->dims[3] % 4u == 0;
}
