/* SPDX-License-Identifier: Apache-2.0
 * Change of scale and zero point between 8-bit tensors, signed or unsigned: input s8/u8 → output s8/u8 of its dims. May
 * work in place. Exact. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

enum {
    MULTIPLIER, /* scale of input / scale of output, Q31, not negative */
    SHIFT       /* −31 … 31 */
};

int tinytl_rule_requantize(const tinytl_call *call)
{
    return counts(call, 1) && is_8_bit(call_input(call, 0)) && is_8_bit(call_output(call)) &&
           same_dims(call_input(call, 0), call_output(call)) &&
           rescale_ok(call->params[MULTIPLIER], call->params[SHIFT]);
}

void tinytl_requantize(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint8_t *input = call_input_data(call, 0);
    uint8_t *output = call_output_data(call);
    const int32_t low = out->dtype == TINYTL_INT8 ? INT8_MIN : 0,
                  high = out->dtype == TINYTL_INT8 ? INT8_MAX : UINT8_MAX;

    for (uint32_t i = 0; i < in->bytes; i++) {
        const int32_t q = in->dtype == TINYTL_INT8 ? (int8_t)input[i] : input[i];
        const int32_t scaled =
            multiply_by_quantized_multiplier(q - in->zero_point, call->params[MULTIPLIER], call->params[SHIFT]);
        output[i] = (uint8_t)clamp_from(scaled, out->zero_point, low, high);
    }
}
