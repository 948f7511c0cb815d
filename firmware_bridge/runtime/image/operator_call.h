/* SPDX-License-Identifier: Apache-2.0
 * From an operator record to a kernel call. */
#ifndef TINYTL_IMAGE_OPERATOR_CALL_H
#define TINYTL_IMAGE_OPERATOR_CALL_H

#include "kernels/call.h"

/* `arena` may be NULL while an image is checked. */
static inline tinytl_call operator_call(const uint8_t *image, uint8_t *arena, const tinytl_operator *op)
{
    const tinytl_image_header *header = (const tinytl_image_header *)(const void *)image;
    const tinytl_call call = {
        image,
        arena,
        (const tinytl_tensor *)(const void *)(image + header->tensors),
        (const uint16_t *)(const void *)(image + header->operands) + op->operands,
        op->input_count,
        op->output_count,
        (const int32_t *)(const void *)(image + op->params),
        arena ? arena + op->scratch_offset : NULL,
        op->scratch_bytes,
    };
    return call;
}

#endif
