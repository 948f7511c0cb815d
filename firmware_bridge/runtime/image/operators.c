/* SPDX-License-Identifier: Apache-2.0
 * From an operator record to its kernel and the call of it. */
#include "image/operator_call.h"

static const operator_entry entries[] = {
#define OPERATOR(opcode, name, traits, params, names) {opcode, 0, params, traits, tinytl_rule_##name, tinytl_##name},
#include "kernels/linked.def"
#undef OPERATOR
    {OPCODE_none, 0, 0, 0, NULL, NULL} /* the list may be empty; never found */
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

tinytl_call tinytl_operator_call(const uint8_t *image, uint8_t *arena, const tinytl_operator *op)
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
