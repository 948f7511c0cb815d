/* SPDX-License-Identifier: Apache-2.0
 * From the 32-bit sums of a convolution to int8 outputs: per-channel rescaling, zero point, clamp. */
#ifndef TINYTL_KERNELS_RESCALE_H
#define TINYTL_KERNELS_RESCALE_H

#include "kernels/arithmetic.h"
#include "kernels/call.h"

typedef struct rescaling {
    const int32_t *multiplier; /* one an output */
    const int32_t *shift;
    int32_t zero_point;
    int32_t act_min;
    int32_t act_max;
} rescaling;

/* Of a convolution: operands 3 and 4 are multipliers and shifts, the clamp starts at `params[act]`. */
static inline rescaling rescaling_of(const tinytl_call *call, uint32_t act)
{
    const rescaling r = {call_input_data(call, 3), call_input_data(call, 4), call_output(call)->zero_point,
                         call->params[act], call->params[act + 1]};
    return r;
}

/* output[o] = clamp(zero_point + sums[o − first] · multiplier[o] · 2^(shift[o] − 31)) for `count`
 * outputs from `first` on. */
static inline void rescale(const rescaling *r, int32_t first, int32_t count, const uint32_t *sums, int8_t *output)
{
    /* Copies: a store to an int8 may alias anything, so what is read through a pointer would be
     * read again after each. */
    const int32_t *multiplier = r->multiplier + first, *shift = r->shift + first;
    const int32_t zero_point = r->zero_point, low = r->act_min - zero_point, high = r->act_max - zero_point;
    output += first;
    for (int32_t k = 0; k < count; k++) {
        const int32_t scaled = multiply_by_quantized_multiplier((int32_t)sums[k], multiplier[k], shift[k]);
        output[k] = (int8_t)(clamp(scaled, low, high) + zero_point);
    }
}

#endif
