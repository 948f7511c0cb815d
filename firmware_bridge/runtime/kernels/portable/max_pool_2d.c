/* SPDX-License-Identifier: Apache-2.0
 * Max pooling: input s8 [1,H,W,C] → output s8 [1,OH,OW,C], the largest of the places inside the input, then the clamp;
 * scales are equal. Exact. Parameters: kernels/pooling.h. */
#include "kernels/arithmetic.h"
#include "kernels/checks/pooling_checks.h"
#include "kernels/pooling.h"

static int32_t largest_of(const int8_t *input, pool_span rows, pool_span columns, int32_t width, int32_t channels)
{
    int32_t largest = INT8_MIN;
    for (int32_t y = rows.first; y < rows.last; y++) {
        const int8_t *place = input + (y * width + columns.first) * channels;
        for (int32_t x = columns.first; x < columns.last; x++, place += channels)
            largest = *place > largest ? *place : largest;
    }
    return largest;
}

int tinytl_rule_max_pool_2d(const tinytl_call *call)
{
    return pool_ok(call, POOL_MOST_PLACES_S32);
}

void tinytl_max_pool_2d(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int32_t *p = call->params;
    const int32_t width = (int32_t)in->dims[2], channels = (int32_t)in->dims[3];
    int8_t *output = call_output_data(call);

    for (int32_t y = 0; y < (int32_t)out->dims[1]; y++) {
        const pool_span rows =
            pool_clip(y * p[POOL_STRIDE_H] - p[POOL_PAD_TOP], p[POOL_FILTER_H], (int32_t)in->dims[1]);
        for (int32_t x = 0; x < (int32_t)out->dims[2]; x++) {
            const pool_span columns = pool_clip(x * p[POOL_STRIDE_W] - p[POOL_PAD_LEFT], p[POOL_FILTER_W], width);
            for (int32_t c = 0; c < channels; c++)
                *output++ = (int8_t)clamp(largest_of(input + c, rows, columns, width, channels), p[POOL_ACT_MIN],
                                          p[POOL_ACT_MAX]);
        }
    }
}
