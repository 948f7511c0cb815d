/* SPDX-License-Identifier: Apache-2.0
 * The check rules of the mve family's kernels (SPEC.md section 2.8), together for the tests that they share. */
#include "kernels/mve/variant_rules.h"

#include "kernels/checks/pooling_checks.h"
#include "kernels/checks/shape_checks.h"
#include "kernels/mve/depthwise.h"
#include "kernels/mve/ring.h"
#include "kernels/mve/sums.h"
#include "kernels/mve/tables.h"
#include "kernels/mve/tile.h"

enum { MOST_BYTES = 1 << 24 };

/* `tensor` is a constant of rows × columns elements of a type. */
static int matrix_ok(const tinytl_tensor *tensor, tinytl_dtype dtype, uint64_t rows, uint64_t columns)
{
    return is(tensor, dtype) && tensor->region == 1 && tensor->rank == 2 && tensor->dims[0] == rows &&
           tensor->dims[1] == columns;
}

/* The last `count` words of each row of a table are shifts to the right, or none. */
static int shifts_ok(const tinytl_call *call, uint32_t operand, uint32_t count)
{
    const tinytl_tensor *table = call_input(call, operand);
    const int32_t *words = call_constant_data(call, operand);
    for (uint32_t row = 0; row < table->dims[0]; row++, words += table->dims[1])
        for (uint32_t i = table->dims[1] - count; i < table->dims[1]; i++)
            if (!in_range(words[i], -31, 0))
                return 0;
    return 1;
}

static int convolution_ok(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return tinytl_images(call, 3) && in_range(p[MVE_RESCALING], MVE_ROUNDED, MVE_SIGNED) &&
           tinytl_window_ok(call, p[MVE_TAPS_H], p[MVE_TAPS_W], p[MVE_DILATION_H], p[MVE_DILATION_W]) &&
           clamp_ok(p[MVE_ACT_MIN], p[MVE_ACT_MAX]);
}

/* Input bytes of a pixel's window, 0 where they are too many. */
static uint32_t window_bytes(const tinytl_call *call, uint32_t depth)
{
    const uint64_t row = (uint64_t)(uint32_t)call->params[MVE_TAPS_W] * depth;
    const uint64_t window = row > MOST_BYTES ? 0u : row * (uint32_t)call->params[MVE_TAPS_H];
    return window > MOST_BYTES ? 0u : (uint32_t)window;
}

static int pixelwise(const int32_t *p)
{
    return p[MVE_TAPS_H] == 1 && p[MVE_TAPS_W] == 1 && p[MVE_STRIDE_H] == 1 && p[MVE_STRIDE_W] == 1;
}

static uint64_t conv_scratch_bytes(const tinytl_call *call, uint32_t padded)
{
    const int32_t *p = call->params;
    const uint64_t windows = MVE_ROWS * (uint64_t)padded;
    if (pixelwise(p))
        return windows;
    const uint32_t channels = call_input(call, 0)->dims[3];
    return windows + MVE_BLOCK + tinytl_mve_ring_bytes(p, mve_together(p), call_output(call)->dims[2], channels);
}

int tinytl_rule_mve_conv_2d(const tinytl_call *call)
{
    if (!convolution_ok(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t window = window_bytes(call, in->dims[3]), padded = mve_in_blocks(window);
    const uint32_t quads = (out->dims[3] + 3u) / MVE_QUAD;
    const int in_place = in->dims[1] == out->dims[1] && in->dims[2] == out->dims[2];
    return window && (!pixelwise(call->params) || in_place) &&
           matrix_ok(call_input(call, 1), TINYTL_INT8, quads, 4u * padded) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, quads, 12) && shifts_ok(call, 2, MVE_QUAD) &&
           call->scratch_bytes >= conv_scratch_bytes(call, padded);
}

static int depthwise_ok(const tinytl_call *call)
{
    if (!convolution_ok(call) || call_input(call, 0)->dims[3] != call_output(call)->dims[3])
        return 0;
    const uint32_t channels = call_output(call)->dims[3], blocks = mve_in_blocks(channels) / MVE_LANES;
    const uint32_t taps = window_bytes(call, 1), columns = call_output(call)->dims[2];
    return taps && matrix_ok(call_input(call, 1), TINYTL_INT8, blocks, (uint64_t)taps * MVE_LANES) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, blocks, MVE_TABLE_WORDS) && shifts_ok(call, 2, MVE_LANES) &&
           call->scratch_bytes >= tinytl_mve_ring_bytes(call->params, 1, columns, channels);
}

int tinytl_rule_mve_depthwise_pixels(const tinytl_call *call)
{
    return depthwise_ok(call);
}

int tinytl_rule_mve_depthwise_flat(const tinytl_call *call)
{
    return depthwise_ok(call) && MVE_LANES % call_output(call)->dims[3] == 0 && call->params[MVE_STRIDE_W] == 1;
}

int tinytl_rule_mve_fully_connected(const tinytl_call *call)
{
    const int32_t *p = call->params;
    if (!counts(call, 3) || !s8_to_s8(call) || !in_range(p[MVE_CONNECTION_DEPTH], 1, MOST_BYTES) ||
        !clamp_ok(p[MVE_CONNECTION_ACT_MIN], p[MVE_CONNECTION_ACT_MAX]))
        return 0;
    const uint32_t depth = (uint32_t)p[MVE_CONNECTION_DEPTH], padded = mve_in_blocks(depth);
    const uint32_t in = call_input(call, 0)->bytes, out = call_output(call)->bytes;
    if (in % depth != 0 || out % (in / depth) != 0)
        return 0;
    const uint32_t quads = (out / (in / depth) + 3u) / MVE_QUAD;
    return matrix_ok(call_input(call, 1), TINYTL_INT8, quads, 4u * padded) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, quads, 16) && shifts_ok(call, 2, MVE_QUAD) &&
           call->scratch_bytes >= padded;
}

/* Two tables whose entries, one of each, never sum to more than 32 bits. */
static int addends_ok(const int32_t *tables)
{
    for (uint32_t i = 0; i < 2u * MVE_TABLE_ENTRIES; i++)
        if (!in_range(tables[i], -(1 << 30), (1 << 30) - 1))
            return 0;
    return 1;
}

int tinytl_rule_mve_add_tables(const tinytl_call *call)
{
    return counts(call, 3) && s8_to_s8(call) && is(call_input(call, 1), TINYTL_INT8) &&
           same_dims(call_input(call, 0), call_output(call)) && same_dims(call_input(call, 1), call_output(call)) &&
           matrix_ok(call_input(call, 2), TINYTL_INT32, 2, MVE_TABLE_ENTRIES) &&
           addends_ok(call_constant_data(call, 2)) &&
           clamp_ok(call->params[MVE_ADDITION_ACT_MIN], call->params[MVE_ADDITION_ACT_MAX]);
}

int tinytl_rule_mve_average_pool_2d(const tinytl_call *call)
{
    return average_pool_blocks_ok(call) && call_input(call, 0)->dims[3] % MVE_SUMS == 0;
}

int tinytl_rule_mve_mean(const tinytl_call *call)
{
    return mean_blocks_ok(call) && call_input(call, 0)->dims[3] % MVE_SUMS == 0;
}
