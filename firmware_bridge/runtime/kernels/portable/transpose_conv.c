/* SPDX-License-Identifier: Apache-2.0
 * Transposed convolution, one scale a channel: input s8 [1,H,W,C] · weights s8 [O,KH,KW,C] · bias, multiplier, shift
 * s32 [O] → output s8 [1,OH,OW,O]; tap k of input place i adds to output place i · stride + k − pad. Computed from the
 * output's side, so that no buffer of sums is needed. Exact: integer sums do not depend on their order. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

enum {
    PAD_TOP,  /* 0 … 32,768 */
    PAD_LEFT,
    STRIDE_H, /* 1 … 32,768 */
    STRIDE_W,
    ACT_MIN,  /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

/* Taps k, k + stride, … of one dimension meet the input at places `in`, in − 1, …; `in` may lie behind its end. */
typedef struct meeting {
    int32_t tap;
    int32_t in;
} meeting;

static inline meeting first_meeting(uint32_t out, int32_t pad, int32_t stride)
{
    const int32_t place = (int32_t)out + pad;
    const meeting result = {place % stride, place / stride};
    return result;
}

static uint32_t dot(const int8_t *input, const int8_t *weights, uint32_t count, int32_t zero_point)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint32_t)((input[i] - zero_point) * weights[i]);
    return sum;
}

static int32_t sum_at(const tinytl_call *call, meeting row, meeting column, uint32_t channel)
{
    const tinytl_tensor *in = call_input(call, 0);
    const uint32_t *dims = in->dims, *taps = call_input(call, 1)->dims;
    const int8_t *input = call_input_data(call, 0), *weights = call_input_data(call, 1);
    uint32_t sum = 0; /* wraps as the reference's does */

    for (; row.tap < (int32_t)taps[1] && row.in >= 0; row.tap += call->params[STRIDE_H], row.in--) {
        if (row.in >= (int32_t)dims[1])
            continue;
        meeting at = column;
        for (; at.tap < (int32_t)taps[2] && at.in >= 0; at.tap += call->params[STRIDE_W], at.in--) {
            if (at.in >= (int32_t)dims[2])
                continue;
            const int8_t *place = input + ((uint32_t)row.in * dims[2] + (uint32_t)at.in) * dims[3];
            const int8_t *tap =
                weights + ((channel * taps[1] + (uint32_t)row.tap) * taps[2] + (uint32_t)at.tap) * taps[3];
            sum += dot(place, tap, dims[3], in->zero_point);
        }
    }
    return (int32_t)sum;
}

static int sides_ok(uint32_t in, uint32_t out, uint32_t taps, int32_t stride, int32_t pad)
{
    return in <= MAX_SIDE && out <= MAX_SIDE && taps <= MAX_SIDE && in_range(stride, 1, MAX_SIDE) &&
           in_range(pad, 0, MAX_SIDE);
}

int tinytl_rule_transpose_conv(const tinytl_call *call)
{
    if (!tinytl_images(call, 5))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params;
    return is(w, TINYTL_INT8) && w->rank == 4 && w->dims[0] == out->dims[3] && w->dims[3] == in->dims[3] &&
           tinytl_channels_ok(call, out->dims[3]) &&
           sides_ok(in->dims[1], out->dims[1], w->dims[1], p[STRIDE_H], p[PAD_TOP]) &&
           sides_ok(in->dims[2], out->dims[2], w->dims[2], p[STRIDE_W], p[PAD_LEFT]) &&
           clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_transpose_conv(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3),
                  *shift = call_input_data(call, 4), *p = call->params;
    int8_t *output = call_output_data(call);

    for (uint32_t y = 0; y < out->dims[1]; y++)
        for (uint32_t x = 0; x < out->dims[2]; x++) {
            const meeting row = first_meeting(y, p[PAD_TOP], p[STRIDE_H]),
                          column = first_meeting(x, p[PAD_LEFT], p[STRIDE_W]);
            for (uint32_t c = 0; c < out->dims[3]; c++) {
                const int32_t sum = (int32_t)((uint32_t)bias[c] + (uint32_t)sum_at(call, row, column, c));
                const int32_t scaled = multiply_by_quantized_multiplier(sum, multiplier[c], shift[c]);
                *output++ = (int8_t)clamp_from(scaled, out->zero_point, p[ACT_MIN], p[ACT_MAX]);
            }
        }
}
