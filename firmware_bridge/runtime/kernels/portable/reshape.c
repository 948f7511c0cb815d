/* SPDX-License-Identifier: Apache-2.0
 * Reshape: the same bytes with other dims. input of any type → output of that type and as many bytes. The compiler
 * normally aliases the two tensors instead. */
#include <string.h>

#include "kernels/checks/shape_checks.h"

int tinytl_rule_reshape(const tinytl_call *call)
{
    return counts(call, 1) && call_input(call, 0)->dtype == call_output(call)->dtype &&
           call_input(call, 0)->bytes == call_output(call)->bytes;
}

void tinytl_reshape(const tinytl_call *call)
{
    memcpy(call_output_data(call), call_input_data(call, 0), call_output(call)->bytes);
}
