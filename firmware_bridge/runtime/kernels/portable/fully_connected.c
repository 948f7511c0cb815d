/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer, int8: input s8, flattened to rows × in · weights s8 [O,in] · bias, multiplier, shift,
 * multiplier_low s32 [O] → output s8, rows × O. The reference rescales this layer in double; two words of mantissa and
 * one rounding give the same bytes for all inputs (SPEC.md section 2.4). */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"
#include "kernels/dot_product.h"

enum {
    ACT_MIN, /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

/* One row of the input: all outputs. */
static void connect(const tinytl_call *call, const int8_t *input, int8_t *output)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *weights = call_input_data(call, 1);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3),
                  *shift = call_input_data(call, 4);
    const int32_t *multiplier_low = call_input_data(call, 5);
    const int32_t outputs = (int32_t)w->dims[0], depth = (int32_t)w->dims[1];

    for (int32_t o = 0, count; o < outputs; o += count) {
        uint32_t sums[TINYTL_DOT_BLOCK];
        count = dot_outputs(outputs - o);
        for (int32_t k = 0; k < count; k++)
            sums[k] = (uint32_t)bias[o + k];
        dot_products(input, weights + o * depth, depth, depth, -in->zero_point, count, sums);
        for (int32_t k = 0; k < count; k++) {
            const int32_t sum = (int32_t)sums[k];
            const int32_t scaled =
                multiply_by_wide_multiplier(sum, multiplier[o + k], multiplier_low[o + k], shift[o + k]);
            output[o + k] = (int8_t)clamp_from(scaled, out->zero_point, call->params[ACT_MIN], call->params[ACT_MAX]);
        }
    }
}

/* The low words of wide multipliers: int32 constants, not negative. */
static int wide_ok(const tinytl_call *call, uint32_t channels)
{
    const tinytl_tensor *low = call_input(call, 5);
    if (!is_s32_constant(low, channels))
        return 0;
    const int32_t *low_words = call_constant_data(call, 5);
    for (uint32_t c = 0; c < channels; c++)
        if (low_words[c] < 0)
            return 0;
    return 1;
}

int tinytl_rule_fully_connected(const tinytl_call *call)
{
    if (!counts(call, 6) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    return wide_ok(call, w->dims[0]) && is(w, TINYTL_INT8) && w->rank == 2 && in->bytes % w->dims[1] == 0 &&
           (uint64_t)(in->bytes / w->dims[1]) * w->dims[0] == out->bytes && tinytl_channels_ok(call, w->dims[0]) &&
           clamp_ok(call->params[ACT_MIN], call->params[ACT_MAX]);
}

void tinytl_fully_connected(const tinytl_call *call)
{
    const uint32_t outputs = call_input(call, 1)->dims[0], depth = call_input(call, 1)->dims[1];
    const uint32_t rows = tensor_elements(call_input(call, 0)) / depth;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t row = 0; row < rows; row++)
        connect(call, input + row * depth, output + row * outputs);
}
