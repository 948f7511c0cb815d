/* SPDX-License-Identifier: Apache-2.0
 * input f32 → output s8/u8 of its dims: round(x / scale) + zero_point, half away from zero, saturated. NaN
 * becomes the zero point. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

/* Round half away from zero; |x| < 2^22 on entry, so that x ± 0.5 is exact enough never to cross a tie. */
static int32_t round_away(float x)
{
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

int tinytl_rule_quantize(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    return counts(call, 1) && is(call_input(call, 0), TINYTL_FLOAT32) && is_8_bit(out) &&
           same_dims(call_input(call, 0), out) && out->scale > 0.0f;
}

void tinytl_quantize(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const float *input = call_input_data(call, 0);
    uint8_t *output = call_output_data(call);
    const int32_t low = out->dtype == TINYTL_INT8 ? INT8_MIN : 0,
                  high = out->dtype == TINYTL_INT8 ? INT8_MAX : UINT8_MAX;

    for (uint32_t i = 0; i < out->bytes; i++) {
        float x = input[i] / out->scale;
        x = x > 1024.0f ? 1024.0f : x < -1024.0f ? -1024.0f : x == x ? x : 0.0f;
        output[i] = (uint8_t)clamp(round_away(x) + out->zero_point, low, high);
    }
}
