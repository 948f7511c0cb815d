/* SPDX-License-Identifier: Apache-2.0
 * input s8/u8 → output f32 of its dims: (q − zero_point) · scale. */
#include "kernels/checks/shape_checks.h"

int tinytl_rule_dequantize(const tinytl_call *call)
{
    return counts(call, 1) && is_8_bit(call_input(call, 0)) && is(call_output(call), TINYTL_FLOAT32) &&
           same_dims(call_input(call, 0), call_output(call));
}

void tinytl_dequantize(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0);
    const uint8_t *input = call_input_data(call, 0);
    float *output = call_output_data(call);

    for (uint32_t i = 0; i < in->bytes; i++) {
        const int32_t q = in->dtype == TINYTL_INT8 ? (int8_t)input[i] : input[i];
        output[i] = (float)(q - in->zero_point) * in->scale;
    }
}
