/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer over packed weights, four outputs at a time (tile.h): input flattened to rows × in. A last
 * block that would reach beyond the input is copied to scratch first. */
#include "kernels/mve/tile.h"
#include "kernels/mve/ring.h"

void tinytl_mve_fully_connected(const tinytl_call *call)
{
    const uint32_t depth = (uint32_t)call->params[MVE_CONNECTION_DEPTH], padded = mve_in_blocks(depth);
    const uint32_t rows = tensor_elements(call_input(call, 0)) / depth,
                   outputs = tensor_elements(call_output(call)) / rows;
    const int8_t *input = call_input_data(call, 0);
    tinytl_mve_vector vector = {
        .blocks = padded / MVE_BLOCK,
        .weights = call_input_data(call, 1),
        .channel_count = outputs,
        .output = call_output_data(call),
        .channels = call_input_data(call, 2),
        .act_max = call->params[MVE_CONNECTION_ACT_MAX],
        .act_min = call->params[MVE_CONNECTION_ACT_MIN],
    };
    for (uint32_t row = 0; row < rows; row++, input += depth, vector.output += outputs) {
        vector.row = input;
        if ((rows - row) * depth < padded) {
            mve_copy((int8_t *)call->scratch, input, depth);
            vector.row = (const int8_t *)call->scratch;
        }
        tinytl_mve_vector_shifted(&vector);
    }
}
