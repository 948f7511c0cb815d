/* SPDX-License-Identifier: Apache-2.0
 * Where the tensors of one call may lie in the arena. */
#include "image/operator_call.h"

static int overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static int may_share(uint32_t traits, uint32_t input, const tinytl_tensor *in, const tinytl_tensor *out)
{
    if (traits & BY_ROWS)
        return input == 0 && in->offset >= out->offset;
    return (traits & IN_PLACE) && in->offset == out->offset && in->bytes == out->bytes;
}

int tinytl_places_ok(const tinytl_call *call, const tinytl_operator *op, uint32_t traits)
{
    const tinytl_tensor *out = call_output(call);
    if (out->region != 0 || overlap(op->scratch_offset, op->scratch_bytes, out->offset, out->bytes))
        return 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const tinytl_tensor *in = call_input(call, i);
        if (in->region != 0)
            continue;
        if (overlap(in->offset, in->bytes, out->offset, out->bytes) && !may_share(traits, i, in, out))
            return 0;
        if (overlap(op->scratch_offset, op->scratch_bytes, in->offset, in->bytes))
            return 0;
    }
    return 1;
}
