/* SPDX-License-Identifier: Apache-2.0
 * One shape rule an operator (SPEC.md section 2.4). Tensor records have been checked before: dims are 1 … 2^24 each, their
 * product is the bytes, operand numbers exist. A rule answers whether the kernel may run; of tensor data it reads multipliers and
 * shifts alone, which the fixed-point arithmetic bounds. */
#include "image/operator_rules.h"
#include "image/rules.h"
#include "image/shape_checks.h"

static int rule_conv_2d(const tinytl_call *call)
{
    if (!counts(call, 5) || !images(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params;
    if (!is(w, TINYTL_INT8) || w->rank != 4 || in->dims[3] % w->dims[3] != 0)
        return 0;
    const uint32_t groups = in->dims[3] / w->dims[3];
    return w->dims[0] == out->dims[3] && out->dims[3] % groups == 0 && channels_ok(call, out->dims[3]) &&
           window_ok(call, (int32_t)w->dims[1], (int32_t)w->dims[2], p[4], p[5]) && clamp_ok(p[6], p[7]);
}

static int rule_depthwise_conv_2d(const tinytl_call *call)
{
    if (!counts(call, 5) || !images(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    const int32_t *p = call->params;
    return is(w, TINYTL_INT8) && w->rank == 4 && w->dims[0] == 1 && w->dims[3] == out->dims[3] && p[6] >= 1 &&
           (uint64_t)in->dims[3] * (uint32_t)p[6] == out->dims[3] && channels_ok(call, out->dims[3]) &&
           window_ok(call, (int32_t)w->dims[1], (int32_t)w->dims[2], p[4], p[5]) && clamp_ok(p[7], p[8]);
}

/* The low words of wide multipliers: int32 constants, not negative. */
static int wide_ok(const tinytl_call *call, uint32_t channels)
{
    const tinytl_tensor *low = call_input(call, 5);
    if (!is_s32_constant(low, channels))
        return 0;
    const int32_t *low_words = call_input_data(call, 5);
    for (uint32_t c = 0; c < channels; c++)
        if (low_words[c] < 0)
            return 0;
    return 1;
}

static int rule_fully_connected(const tinytl_call *call)
{
    if (!counts(call, 6) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *w = call_input(call, 1), *out = call_output(call);
    return wide_ok(call, w->dims[0]) && is(w, TINYTL_INT8) && w->rank == 2 && in->bytes % w->dims[1] == 0 &&
           (uint64_t)(in->bytes / w->dims[1]) * w->dims[0] == out->bytes && channels_ok(call, w->dims[0]) &&
           clamp_ok(call->params[0], call->params[1]);
}

static int rule_pool(const tinytl_call *call)
{
    if (!counts(call, 1) || !images(call) || call_input(call, 0)->dims[3] != call_output(call)->dims[3])
        return 0;
    const int32_t *p = call->params;
    return window_ok(call, p[4], p[5], 1, 1) && (int64_t)p[4] * p[5] <= 1 << 22 && clamp_ok(p[6], p[7]);
}

static int rule_average_pool_2d(const tinytl_call *call)
{
    return rule_pool(call);
}

static int rule_max_pool_2d(const tinytl_call *call)
{
    return rule_pool(call);
}

static int broadcast_ok(const tinytl_call *call)
{
    if (!counts(call, 2) || !s8_to_s8(call) || !is(call_input(call, 1), TINYTL_INT8))
        return 0;
    const tinytl_tensor *a = call_input(call, 0), *b = call_input(call, 1);
    for (uint32_t d = 0; d < 4; d++)
        if (b->dims[d] != a->dims[d] && b->dims[d] != 1)
            return 0;
    return same_dims(a, call_output(call));
}

static int rule_add(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return broadcast_ok(call) && in_range(p[0], -127, 128) && in_range(p[3], -127, 128) && rescale_ok(p[1], p[2]) &&
           rescale_ok(p[4], p[5]) && in_range(p[6], 0, 22) && rescale_ok(p[7], p[8]) && in_range(p[9], INT8_MIN, INT8_MAX) && clamp_ok(p[10], p[11]);
}

static int rule_mul(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return broadcast_ok(call) && in_range(p[0], -127, 128) && in_range(p[1], -127, 128) && rescale_ok(p[2], p[3]) &&
           in_range(p[4], INT8_MIN, INT8_MAX) && clamp_ok(p[5], p[6]);
}

static int rule_pad(const tinytl_call *call)
{
    if (!counts(call, 1) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0), *out = call_output(call);
    const int32_t *p = call->params;
    for (uint32_t d = 0; d < 4; d++)
        if (p[d] < 0 || p[4 + d] < 0 || (uint64_t)in->dims[d] + (uint32_t)p[d] + (uint32_t)p[4 + d] != out->dims[d])
            return 0;
    return in_range(p[8], INT8_MIN, INT8_MAX);
}

static int rule_reshape(const tinytl_call *call)
{
    return counts(call, 1) && call_input(call, 0)->dtype == call_output(call)->dtype && call_input(call, 0)->bytes == call_output(call)->bytes;
}

static int rule_mean(const tinytl_call *call)
{
    if (!counts(call, 1) || !s8_to_s8(call))
        return 0;
    const tinytl_tensor *in = call_input(call, 0);
    const int32_t mask = call->params[0];
    uint64_t kept = 1;
    if (mask < 1 || mask > 15)
        return 0;
    for (uint32_t d = 0; d < 4; d++)
        kept *= (mask >> d) & 1 ? 1u : in->dims[d];
    return kept == call_output(call)->bytes && in->bytes / kept <= 1u << 22 && rescale_ok(call->params[1], call->params[2]);
}

static int rule_softmax(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) &&
           tensor_last_dim(call_input(call, 0)) <= 4096 && p[0] >= 0 && in_range(p[1], 0, 31) && in_range(p[2], INT32_MIN, 0);
}

static int rule_requantize(const tinytl_call *call)
{
    return counts(call, 1) && is_8_bit(call_input(call, 0)) && is_8_bit(call_output(call)) &&
           same_dims(call_input(call, 0), call_output(call)) && rescale_ok(call->params[0], call->params[1]);
}

static int rule_quantize(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    return counts(call, 1) && is(call_input(call, 0), TINYTL_FLOAT32) && is_8_bit(out) && same_dims(call_input(call, 0), out) && out->scale > 0.0f;
}

static int rule_dequantize(const tinytl_call *call)
{
    return counts(call, 1) && is_8_bit(call_input(call, 0)) && is(call_output(call), TINYTL_FLOAT32) &&
           same_dims(call_input(call, 0), call_output(call));
}

static int rule_concatenation(const tinytl_call *call)
{
    const tinytl_tensor *out = call_output(call);
    const int32_t axis = call->params[0];
    if (call->input_count < 1 || call->output_count != 1 || !is_8_bit(out) || !in_range(axis, 0, 3))
        return 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < call->input_count; i++) {
        const tinytl_tensor *in = call_input(call, i);
        for (uint32_t d = 0; d < 4; d++)
            if (d != (uint32_t)axis && in->dims[d] != out->dims[d])
                return 0;
        if (in->dtype != out->dtype)
            return 0;
        total += in->dims[axis];
    }
    return total == out->dims[axis];
}

static int rule_relu(const tinytl_call *call)
{
    const int32_t *p = call->params;
    return counts(call, 1) && s8_to_s8(call) && same_dims(call_input(call, 0), call_output(call)) && rescale_ok(p[0], p[1]) &&
           clamp_ok(p[2], p[3]);
}

static const operator_entry entries[] = {
#define OPERATOR(opcode, name, params) {opcode, 0, params, rule_##name, tinytl_##name},
#include "kernels/linked.def"
#undef OPERATOR
    {OPCODE_none, 0, 0, NULL, NULL} /* the list may be empty; never found */
};

static const operator_entry *find(const operator_entry *first, uint32_t count, uint16_t opcode, uint16_t kernel)
{
    for (uint32_t i = 0; i < count; i++)
        if (first[i].opcode == opcode && first[i].kernel == kernel)
            return &first[i];
    return NULL;
}

const operator_entry *tinytl_operator_find(uint16_t opcode, uint16_t kernel)
{
    if (kernel == 0)
        return find(entries, sizeof entries / sizeof entries[0] - 1u, opcode, 0);
    return find(tinytl_variants, tinytl_variant_count, opcode, kernel);
}
