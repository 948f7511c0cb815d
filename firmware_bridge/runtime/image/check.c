/* SPDX-License-Identifier: Apache-2.0
 * The image's check: everything it says is tested here, once, before anything of it is used (SPEC.md section 2). Offsets are
 * compared in 64 bits, so that no sum wraps. */
#include <stddef.h>

#include "image/operator_call.h"

enum { MAX_DIM = 1 << 24, HEADER_BYTES = 128, FLAG_HEAD = 1 };

/* No field is wrong. */
#define NONE UINT32_MAX

#define FIELD(record, member) ((uint32_t)offsetof(record, member))

/* The structs are the records of SPEC.md, without a byte between their fields. */
typedef char header_is_128_bytes[sizeof(tinytl_image_header) == HEADER_BYTES ? 1 : -1];
typedef char tensor_is_40_bytes[sizeof(tinytl_tensor) == 40 ? 1 : -1];
typedef char operator_is_32_bytes[sizeof(tinytl_operator) == 32 ? 1 : -1];

static tinytl_error error_of(tinytl_status status, uint64_t got, uint64_t expected)
{
    const tinytl_error error = {status, (uint32_t)(got > UINT32_MAX ? UINT32_MAX : got), (uint32_t)(expected > UINT32_MAX ? UINT32_MAX : expected)};
    return error;
}

static const tinytl_error fine = {TINYTL_STATUS_ok, 0, 0};

/* `record`: its offset in the image; `field`: the field's in the record. */
static tinytl_error malformed(uint64_t record, uint32_t field)
{
    return error_of(TINYTL_STATUS_bad_record, record, field);
}

tinytl_error tinytl_image_header_check(const tinytl_image_header *header, size_t arena_bytes, size_t slot_bytes, uint32_t family_mask)
{
    if (header->magic[0] != 'T' || header->magic[1] != 'L' || header->magic[2] != 'I' || header->magic[3] != 'M')
        return error_of(TINYTL_STATUS_bad_magic, 0, 0);
    if (header->format_version != TINYTL_IMAGE_FORMAT)
        return error_of(TINYTL_STATUS_bad_version, header->format_version, TINYTL_IMAGE_FORMAT);
    if (header->header_bytes != HEADER_BYTES)
        return error_of(TINYTL_STATUS_bad_length, header->header_bytes, HEADER_BYTES);
    if (header->image_bytes < HEADER_BYTES || header->image_bytes % TINYTL_ALIGNMENT != 0)
        return error_of(TINYTL_STATUS_bad_length, header->image_bytes, HEADER_BYTES);
    if (header->family > 31u || !((family_mask >> header->family) & 1u))
        return error_of(TINYTL_STATUS_bad_family, header->family, family_mask);
    if (header->flags != (header->head ? FLAG_HEAD : 0u))
        return malformed(0, FIELD(tinytl_image_header, flags));
    if (header->arena_bytes % TINYTL_ALIGNMENT != 0)
        return error_of(TINYTL_STATUS_misaligned, header->arena_bytes, TINYTL_ALIGNMENT);
    for (uint32_t i = 0; i < 11; i++)
        if (header->reserved[i] != 0)
            return malformed(0, FIELD(tinytl_image_header, reserved));
    if (header->arena_bytes > arena_bytes)
        return error_of(TINYTL_STATUS_arena_too_small, header->arena_bytes, arena_bytes);
    if (header->image_bytes > slot_bytes)
        return error_of(TINYTL_STATUS_slot_too_small, header->image_bytes, slot_bytes);
    return fine;
}

/* A section of `count` records lies inside the image, on a multiple of 16. */
static tinytl_error table_check(const tinytl_image_header *header, uint32_t offset, uint32_t count, uint32_t record_bytes)
{
    const uint64_t end = (uint64_t)offset + (uint64_t)count * record_bytes;
    if (offset < HEADER_BYTES || end > header->image_bytes)
        return error_of(TINYTL_STATUS_bad_offset, end, header->image_bytes);
    return offset % TINYTL_ALIGNMENT ? error_of(TINYTL_STATUS_misaligned, offset, TINYTL_ALIGNMENT) : fine;
}

static tinytl_error sections_check(const tinytl_image_header *header)
{
    const uint32_t tables[][3] = {{header->tensors, header->tensor_count, sizeof(tinytl_tensor)},
                                  {header->operators, header->operator_count, sizeof(tinytl_operator)},
                                  {header->operands, header->operand_count, sizeof(uint16_t)},
                                  {header->metadata, header->metadata_bytes, 1}};
    for (uint32_t i = 0; i < 4; i++) {
        const tinytl_error error = table_check(header, tables[i][0], tables[i][1], tables[i][2]);
        if (error.status)
            return error;
    }
    if (header->tensor_count > UINT16_MAX)
        return malformed(0, FIELD(tinytl_image_header, tensor_count));
    if (header->input_count == 0)
        return malformed(0, FIELD(tinytl_image_header, input_count));
    return header->output_count == 0 ? malformed(0, FIELD(tinytl_image_header, output_count)) : fine;
}

static uint32_t element_bytes(uint8_t dtype)
{
    switch (dtype) {
    case TINYTL_INT8:
    case TINYTL_UINT8:
        return 1;
    case TINYTL_INT16:
        return 2;
    case TINYTL_INT32:
    case TINYTL_FLOAT32:
        return 4;
    default:
        return 0;
    }
}

static int zero_point_ok(const tinytl_tensor *tensor)
{
    const int32_t low = tensor->dtype == TINYTL_UINT8 ? 0 : INT8_MIN, high = tensor->dtype == TINYTL_UINT8 ? UINT8_MAX : INT8_MAX;
    return element_bytes(tensor->dtype) != 1 || (tensor->zero_point >= low && tensor->zero_point <= high);
}

/* Every side is 1 … 2^24 and 1 beyond the rank, and the bytes are their product. */
static int dims_ok(const tinytl_tensor *tensor)
{
    uint64_t bytes = element_bytes(tensor->dtype);
    for (uint32_t d = 0; d < 4; d++) {
        if (tensor->dims[d] < 1 || tensor->dims[d] > MAX_DIM || (d >= tensor->rank && tensor->dims[d] != 1))
            return 0;
        bytes *= tensor->dims[d];
        if (bytes > INT32_MAX)
            return 0;
    }
    return bytes == tensor->bytes;
}

/* Return the offset of the first field that is wrong, or NONE. */
static uint32_t wrong_tensor_field(const tinytl_tensor *tensor)
{
    if (element_bytes(tensor->dtype) == 0)
        return FIELD(tinytl_tensor, dtype);
    if (tensor->region > 1)
        return FIELD(tinytl_tensor, region);
    if (tensor->rank > 4)
        return FIELD(tinytl_tensor, rank);
    if (tensor->reserved0 != 0)
        return FIELD(tinytl_tensor, reserved0);
    if (tensor->reserved1 != 0)
        return FIELD(tinytl_tensor, reserved1);
    if (!dims_ok(tensor))
        return FIELD(tinytl_tensor, dims);
    if (!zero_point_ok(tensor))
        return FIELD(tinytl_tensor, zero_point);
    if (!(tensor->scale >= 0.0f && tensor->scale < 3.0e38f)) /* also what is no number */
        return FIELD(tinytl_tensor, scale);
    return tensor->offset % TINYTL_ALIGNMENT != 0 ? FIELD(tinytl_tensor, offset) : NONE;
}

static tinytl_error tensors_check(const uint8_t *image, const tinytl_image_header *header)
{
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    for (uint32_t i = 0; i < header->tensor_count; i++) {
        const uint32_t field = wrong_tensor_field(&tensors[i]);
        if (field != NONE)
            return malformed(header->tensors + i * (uint32_t)sizeof *tensors, field);
        const uint64_t end = (uint64_t)tensors[i].offset + tensors[i].bytes;
        const uint32_t limit = tensors[i].region ? header->image_bytes : header->arena_bytes;
        if (end > limit)
            return error_of(TINYTL_STATUS_bad_offset, end, limit);
    }
    return fine;
}

/* Tensor numbers of `count` operands exist. */
static int operands_ok(const uint8_t *image, const tinytl_image_header *header, uint32_t first, uint32_t count)
{
    const uint16_t *operands = (const uint16_t *)(const void *)(image + header->operands);
    if ((uint64_t)first + count > header->operand_count)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        if (operands[first + i] >= header->tensor_count)
            return 0;
    return 1;
}

/* Return the offset of the first field that is wrong, or NONE; `entry`: of the operator's kernel, NULL where there is none. */
static uint32_t wrong_operator_field(const uint8_t *image, const tinytl_operator *op, const operator_entry *entry)
{
    const tinytl_image_header *header = (const tinytl_image_header *)(const void *)image;
    if (!entry || (op->kernel != 0 && header->family == 0))
        return FIELD(tinytl_operator, kernel);
    if (!operands_ok(image, header, op->operands, (uint32_t)op->input_count + op->output_count))
        return FIELD(tinytl_operator, operands);
    if (op->params_bytes != entry->params * 4u)
        return FIELD(tinytl_operator, params_bytes);
    if (op->params % 4u != 0 || (uint64_t)op->params + op->params_bytes > header->image_bytes)
        return FIELD(tinytl_operator, params);
    if (op->scratch_offset % TINYTL_ALIGNMENT != 0 || (uint64_t)op->scratch_offset + op->scratch_bytes > header->arena_bytes)
        return FIELD(tinytl_operator, scratch_offset);
    const tinytl_call call = tinytl_operator_call(image, NULL, op);
    if (!entry->rule(&call))
        return FIELD(tinytl_operator, opcode);
    return tinytl_places_ok(&call, op, entry->traits) ? NONE : FIELD(tinytl_operator, operands);
}

static tinytl_error operators_check(const uint8_t *image, const tinytl_image_header *header)
{
    const tinytl_operator *operators = (const tinytl_operator *)(const void *)(image + header->operators);
    for (uint32_t i = 0; i < header->operator_count; i++) {
        const operator_entry *entry = tinytl_operator_find(operators[i].opcode, operators[i].kernel);
        if (!entry && !tinytl_operator_find(operators[i].opcode, 0))
            return error_of(TINYTL_STATUS_bad_operator, i, operators[i].opcode);
        const uint32_t field = wrong_operator_field(image, &operators[i], entry);
        if (field != NONE)
            return malformed(header->operators + i * (uint32_t)sizeof *operators, field);
    }
    return fine;
}

static tinytl_error graph_check(const uint8_t *image, const tinytl_image_header *header)
{
    const uint32_t count = (uint32_t)header->input_count + header->output_count;
    if (!operands_ok(image, header, header->graph_operands, count))
        return malformed(0, FIELD(tinytl_image_header, graph_operands));
    const uint16_t *graph = (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands;
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    for (uint32_t i = 0; i < count; i++)
        if (tensors[graph[i]].region != 0)
            return malformed(header->tensors + graph[i] * (uint32_t)sizeof *tensors, FIELD(tinytl_tensor, region));
    return operators_check(image, header);
}

tinytl_error tinytl_image_check(const void *image, size_t image_bytes, uint32_t family_mask)
{
    const tinytl_image_header *header = image;
    tinytl_error error;
    if ((uintptr_t)image % TINYTL_ALIGNMENT != 0)
        return error_of(TINYTL_STATUS_misaligned, (uint32_t)(uintptr_t)image, TINYTL_ALIGNMENT);
    if (image_bytes < HEADER_BYTES)
        return error_of(TINYTL_STATUS_bad_length, image_bytes, HEADER_BYTES);
    error = tinytl_image_header_check(header, SIZE_MAX, SIZE_MAX, family_mask);
    if (error.status)
        return error;
    if (header->image_bytes > image_bytes)
        return error_of(TINYTL_STATUS_bad_length, image_bytes, header->image_bytes);
    const uint32_t crc = tinytl_crc32(0, (const uint8_t *)image + 16, header->image_bytes - 16u);
    if (crc != header->crc32)
        return error_of(TINYTL_STATUS_bad_crc, crc, header->crc32);
    error = sections_check(header);
    if (!error.status)
        error = tensors_check(image, header);
    if (!error.status)
        error = graph_check(image, header);
    return error;
}
