/* SPDX-License-Identifier: Apache-2.0
 * A model: a checked image bound to an arena. Runs its operators in order. */
#include <string.h>

#include "ground/error.h"
#include "image/operator_call.h"

tinytl_error tinytl_model_open(tinytl_model *model, const void *image, size_t image_bytes, void *arena,
                               size_t arena_bytes)
{
    const uint8_t *bytes = image;
    const tinytl_image_header *header = image;
    const tinytl_error error = tinytl_image_check(image, image_bytes, tinytl_family_mask());
    if (error.status)
        return error;
    if (header->arena_bytes > arena_bytes)
        return refusal(TINYTL_STATUS_arena_too_small, header->arena_bytes, (uint32_t)arena_bytes);
    if ((uintptr_t)arena % TINYTL_ALIGNMENT != 0)
        return refusal(TINYTL_STATUS_misaligned, (uint32_t)(uintptr_t)arena, TINYTL_ALIGNMENT);
    memset(model, 0, sizeof *model);
    memset(arena, 0, header->arena_bytes);
    model->image = bytes;
    model->arena = arena;
    model->header = header;
    model->tensors = (const tinytl_tensor *)(const void *)(bytes + header->tensors);
    model->operators = (const tinytl_operator *)(const void *)(bytes + header->operators);
    model->operands = (const uint16_t *)(const void *)(bytes + header->operands);
    for (uint32_t i = 0; i < header->input_count; i++)
        model->input_bytes += model->tensors[model->operands[header->graph_operands + i]].bytes;
    return error;
}

void *tinytl_model_tensor(const tinytl_model *model, uint32_t index)
{
    const tinytl_tensor *tensor = &model->tensors[index];
    return tensor->region ? NULL : model->arena + tensor->offset;
}

void *tinytl_model_input(const tinytl_model *model, uint32_t index)
{
    return tinytl_model_tensor(model, model->operands[model->header->graph_operands + index]);
}

const void *tinytl_model_output(const tinytl_model *model, uint32_t index)
{
    return tinytl_model_tensor(model,
                               model->operands[model->header->graph_operands + model->header->input_count + index]);
}

void tinytl_model_invoke_range(const tinytl_model *model, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        const tinytl_call call = tinytl_operator_call(model->image, model->arena, &model->operators[i]);
        tinytl_operator_find(model->operators[i].opcode, model->operators[i].kernel)->run(&call);
    }
}

void tinytl_model_invoke(const tinytl_model *model)
{
    tinytl_model_invoke_range(model, 0, model->header->operator_count);
}
