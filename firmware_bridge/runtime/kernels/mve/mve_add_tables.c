/* SPDX-License-Identifier: Apache-2.0
 * Addition of two int8 tensors of equal dims, by tables. May work in place. */
#include "kernels/call.h"
#include "kernels/mve/tables.h"

void tinytl_mve_add_tables(const tinytl_call *call)
{
    const tinytl_mve_addition addition = {
        .a = call_input_data(call, 0),
        .b = call_input_data(call, 1),
        .output = call_output_data(call),
        .tables = call_input_data(call, 2),
        .count = tensor_elements(call_output(call)),
        .act_min = call->params[MVE_ADDITION_ACT_MIN],
        .act_max = call->params[MVE_ADDITION_ACT_MAX],
    };
    tinytl_mve_add_by_tables(&addition);
}
