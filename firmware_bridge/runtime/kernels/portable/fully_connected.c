/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer, int8: input flattened to rows × in, weights [O,in] → rows × O. The reference rescales this layer in
 * double; two words of mantissa and one rounding give the same bytes for all inputs (SPEC.md section 2.4). */
#include "kernels/arithmetic.h"
#include "kernels/call.h"

enum { ACT_MIN, ACT_MAX };

void tinytl_fully_connected(const tinytl_call *call)
{
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int8_t *input = call_input_data(call, 0);
    const int8_t *const weights = call_input_data(call, 1);
    const int32_t *bias = call_input_data(call, 2), *multiplier = call_input_data(call, 3), *shift = call_input_data(call, 4);
    const int32_t *multiplier_low = call_input_data(call, 5);
    const uint32_t outputs = w->dims[0], depth = w->dims[1];
    const uint32_t rows = tensor_elements(in) / depth;
    const int32_t offset = -in->zero_point;
    int8_t *output = call_output_data(call);

    for (uint32_t row = 0; row < rows; row++, input += depth) {
        const int8_t *w_row = weights;
        for (uint32_t o = 0; o < outputs; o++, w_row += depth) {
            int32_t sum = bias[o];
            for (uint32_t i = 0; i < depth; i++)
                sum += (input[i] + offset) * w_row[i];
            const int32_t scaled = multiply_by_wide_multiplier(sum, multiplier[o], multiplier_low[o], shift[o]);
            *output++ = (int8_t)clamp(scaled + out->zero_point, call->params[ACT_MIN], call->params[ACT_MAX]);
        }
    }
}
