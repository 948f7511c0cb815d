/* SPDX-License-Identifier: Apache-2.0
 * Clamps that are narrower than int8. The tiles saturate to int8 at no cost, which is the clamp of nearly
 * every quantized layer. */
#ifndef TINYTL_KERNELS_DSP_CLAMPING_H
#define TINYTL_KERNELS_DSP_CLAMPING_H

#include "kernels/arithmetic.h"
#include "kernels/call.h"

static inline void tinytl_clamp_output(const tinytl_call *call, int32_t low, int32_t high)
{
    if (low == INT8_MIN && high == INT8_MAX)
        return;
    int8_t *output = call_output_data(call);
    for (uint32_t i = 0, count = tensor_elements(call_output(call)); i < count; i++)
        output[i] = (int8_t)clamp(output[i], low, high);
}

#endif
