/* SPDX-License-Identifier: Apache-2.0
 * What a kernel is given: one operator of a checked image, its parameters and tensors. Kernels trust it: the image's
 * check has tested every shape, offset and count, and has asked the check rule that stands beside the kernel. */
#ifndef TINYTL_KERNELS_CALL_H
#define TINYTL_KERNELS_CALL_H

#include "tinytl.h"

/* Of a function that runs once, when an image is opened: small rather than fast. */
#if defined(__GNUC__)
#define TINYTL_ONCE __attribute__((cold))
#else
#define TINYTL_ONCE
#endif

typedef struct tinytl_call {
    const uint8_t *image;
    uint8_t *arena; /* NULL while an image is checked: kernels never see that */
    const tinytl_tensor *tensors;
    const uint16_t *operands; /* inputs, then outputs */
    uint32_t input_count;
    uint32_t output_count;
    const int32_t *params;
    uint8_t *scratch;
    uint32_t scratch_bytes;
} tinytl_call;

static inline const tinytl_tensor *call_input(const tinytl_call *call, uint32_t index)
{
    return &call->tensors[call->operands[index]];
}

static inline const tinytl_tensor *call_output(const tinytl_call *call)
{
    return &call->tensors[call->operands[call->input_count]];
}

static inline const void *call_input_data(const tinytl_call *call, uint32_t index)
{
    const tinytl_tensor *tensor = call_input(call, index);
    return (tensor->region ? call->image : call->arena) + tensor->offset;
}

/* Of an input that is known to be a constant. */
static inline const void *call_constant_data(const tinytl_call *call, uint32_t index)
{
    return call->image + call_input(call, index)->offset;
}

static inline void *call_output_data(const tinytl_call *call)
{
    return call->arena + call_output(call)->offset;
}

/* Elements of a tensor. */
static inline uint32_t tensor_elements(const tinytl_tensor *tensor)
{
    return tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
}

/* Last used dimension, 1 for a scalar. */
static inline uint32_t tensor_last_dim(const tinytl_tensor *tensor)
{
    return tensor->rank ? tensor->dims[tensor->rank - 1u] : 1u;
}

/* The check rule, 1 if tensors and parameters are as the kernel expects, and the kernel. */
#define OPERATOR(opcode, name, traits, params, names) \
    int tinytl_rule_##name(const tinytl_call *call) TINYTL_ONCE; \
    void tinytl_##name(const tinytl_call *call);
#include "kernels/operators.def"
#undef OPERATOR

#endif
