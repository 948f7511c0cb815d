/* SPDX-License-Identifier: Apache-2.0
 * RELU, RELU6, RELU_N1_TO_1 that stand alone: input s8 → output s8 of its dims: rescale, then the clamp. May
 * work in place. Exact. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

enum {
    MULTIPLIER, /* scale of input / scale of output, Q31, not negative */
    SHIFT,      /* −31 … 31 */
    ACT_MIN,    /* −128 ≤ ACT_MIN ≤ ACT_MAX ≤ 127 */
    ACT_MAX
};

int tinytl_rule_relu(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) &&
           rescale_ok(p[MULTIPLIER], p[SHIFT]) && clamp_ok(p[ACT_MIN], p[ACT_MAX]);
}

void tinytl_relu(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);

    for (uint32_t i = 0; i < in->bytes; i++) {
        const int32_t scaled = multiply_by_quantized_multiplier(input[i] - in->zero_point, p[MULTIPLIER], p[SHIFT]);
        output[i] = (int8_t)clamp_from(scaled, out->zero_point, p[ACT_MIN], p[ACT_MAX]);
    }
}
