/* SPDX-License-Identifier: Apache-2.0
 * Mean over a set of dimensions, int8: Σ (q − zero_point), rescaled once (1 / count is in the multiplier). input s8 →
 * output s8, whose elements follow the kept dimensions in order. Exact for all inputs whose sum fits int32. */
#include "kernels/arithmetic.h"
#include "kernels/checks/shape_checks.h"

enum {
    AXES_MASK,  /* 1 … 15: dimension d is averaged if bit d is set; at most 2^22 values */
    MULTIPLIER, /* scale of input / scale of output / count, Q31, not negative */
    SHIFT       /* −31 … 31 */
};

/* Sides and steps of the dimensions in `mask` (or not in it), 1 and 0 for the others. */
static void select_dims(const uint32_t dims[4], uint32_t mask, uint32_t sides[4])
{
    for (uint32_t d = 0; d < 4; d++)
        sides[d] = (mask >> d) & 1u ? dims[d] : 1u;
}

static int32_t sum_block(const int8_t *input, const uint32_t sides[4], const uint32_t steps[4])
{
    int32_t sum = 0;
    for (uint32_t n = 0; n < sides[0]; n++)
        for (uint32_t y = 0; y < sides[1]; y++)
            for (uint32_t x = 0; x < sides[2]; x++) {
                const int8_t *place = input + n * steps[0] + y * steps[1] + x * steps[2];
                for (uint32_t c = 0; c < sides[3]; c++)
                    sum += place[c * steps[3]];
            }
    return sum;
}

int tinytl_rule_mean(const tinytl_call *call)
{
    if (!counts(call, 1) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0);
    const int32_t *p = call->params, mask = p[AXES_MASK];
    uint64_t kept = 1;
    if (mask < 1 || mask > 15)
        return 0;
    for (uint32_t d = 0; d < 4; d++)
        kept *= (mask >> d) & 1 ? 1u : in->dims[d];
    return kept == call_output(call)->bytes && in->bytes / kept <= 1u << 22 && rescale_ok(p[MULTIPLIER], p[SHIFT]);
}

void tinytl_mean(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const uint32_t mask = (uint32_t)call->params[AXES_MASK];
    const uint32_t steps[4] = {in->dims[1] * in->dims[2] * in->dims[3], in->dims[2] * in->dims[3], in->dims[3], 1};
    const int8_t *input = call_input_data(call, 0);
    int8_t *output = call_output_data(call);
    uint32_t inner[4], outer[4];
    select_dims(in->dims, mask, inner);
    select_dims(in->dims, ~mask, outer);
    const int32_t count = (int32_t)(inner[0] * inner[1] * inner[2] * inner[3]);

    for (uint32_t n = 0; n < outer[0]; n++)
        for (uint32_t y = 0; y < outer[1]; y++)
            for (uint32_t x = 0; x < outer[2]; x++)
                for (uint32_t c = 0; c < outer[3]; c++) {
                    const int8_t *block = input + n * steps[0] + y * steps[1] + x * steps[2] + c * steps[3];
                    const int32_t sum = sum_block(block, inner, steps) - count * in->zero_point;
                    const int32_t scaled =
                        multiply_by_quantized_multiplier(sum, call->params[MULTIPLIER], call->params[SHIFT]);
                    *output++ = (int8_t)clamp_from(scaled, out->zero_point, INT8_MIN, INT8_MAX);
                }
}
