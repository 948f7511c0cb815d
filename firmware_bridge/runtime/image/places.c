/* SPDX-License-Identifier: Apache-2.0
 * Where the tensors of one call may lie in the arena. */
#include "image/rules.h"

static int overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static int runs_in_place(uint16_t opcode)
{
    return opcode == OPCODE_add || opcode == OPCODE_mul || opcode == OPCODE_requantize || opcode == OPCODE_relu || opcode == OPCODE_lookup ||
           opcode == OPCODE_sub || opcode == OPCODE_maximum || opcode == OPCODE_minimum || opcode == OPCODE_prelu;
}

static int goes_by_rows(uint16_t opcode)
{
    return opcode == OPCODE_conv_2d || opcode == OPCODE_depthwise_conv_2d || opcode == OPCODE_average_pool_2d || opcode == OPCODE_max_pool_2d;
}

static int may_share(uint16_t opcode, uint32_t input, const tinytl_tensor *in, const tinytl_tensor *out)
{
    if (goes_by_rows(opcode))
        return input == 0 && in->offset >= out->offset;
    return runs_in_place(opcode) && in->offset == out->offset && in->bytes == out->bytes;
}

int tinytl_places_ok(const tinytl_call *call, const tinytl_operator *op)
{
    const tinytl_tensor *out = call_output(call);
    if (out->region != 0 || overlap(op->scratch_offset, op->scratch_bytes, out->offset, out->bytes))
        return 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const tinytl_tensor *in = call_input(call, i);
        if (in->region != 0)
            continue;
        if (overlap(in->offset, in->bytes, out->offset, out->bytes) && !may_share(op->opcode, i, in, out))
            return 0;
        if (overlap(op->scratch_offset, op->scratch_bytes, in->offset, in->bytes))
            return 0;
    }
    return 1;
}
