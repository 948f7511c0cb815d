/* SPDX-License-Identifier: Apache-2.0
 * The image's check: everything it says is tested here, once, before anything of it is used (SPEC.md section 2).
 * Offsets are compared in 64 bits, so that no sum wraps. */
#include "ground/error.h"
#include "image/operator_call.h"

enum { MAX_DIM = 1 << 24, HEADER_BYTES = 128, FLAG_HEAD = 1 };

#define BAD_HEADER(member) bad_record(0, FIELD(tinytl_image_header, member))
#define BAD_TENSOR(member) bad_record(record, FIELD(tinytl_tensor, member))
#define BAD_OPERATOR(member) bad_record(record, FIELD(tinytl_operator, member))

/* The structs are the records of SPEC.md, without a byte between their fields. */
typedef char header_is_128_bytes[sizeof(tinytl_image_header) == HEADER_BYTES ? 1 : -1];
typedef char tensor_is_40_bytes[sizeof(tinytl_tensor) == 40 ? 1 : -1];
typedef char operator_is_32_bytes[sizeof(tinytl_operator) == 32 ? 1 : -1];

tinytl_error tinytl_image_header_check(const tinytl_image_header *header, size_t arena_bytes, size_t slot_bytes,
                                       uint32_t family_mask)
{
    if (header->magic[0] != 'T' || header->magic[1] != 'L' || header->magic[2] != 'I' || header->magic[3] != 'M')
        return refusal(TINYTL_STATUS_bad_magic, 0, 0);
    if (header->format_version != TINYTL_IMAGE_FORMAT)
        return refusal(TINYTL_STATUS_bad_version, header->format_version, TINYTL_IMAGE_FORMAT);
    if (header->header_bytes != HEADER_BYTES)
        return refusal(TINYTL_STATUS_bad_length, header->header_bytes, HEADER_BYTES);
    if (header->image_bytes < HEADER_BYTES || header->image_bytes % TINYTL_ALIGNMENT != 0)
        return refusal(TINYTL_STATUS_bad_length, header->image_bytes, HEADER_BYTES);
    if (header->family > 31u || !((family_mask >> header->family) & 1u))
        return refusal(TINYTL_STATUS_bad_family, header->family, family_mask);
    if (header->flags != (header->head ? FLAG_HEAD : 0u))
        return BAD_HEADER(flags);
    if (header->arena_bytes % TINYTL_ALIGNMENT != 0)
        return refusal(TINYTL_STATUS_misaligned, header->arena_bytes, TINYTL_ALIGNMENT);
    for (uint32_t i = 0; i < 11; i++)
        if (header->reserved[i] != 0)
            return BAD_HEADER(reserved);
    if (header->arena_bytes > arena_bytes)
        return refusal(TINYTL_STATUS_arena_too_small, header->arena_bytes, (uint32_t)arena_bytes);
    if (header->image_bytes > slot_bytes)
        return refusal(TINYTL_STATUS_slot_too_small, header->image_bytes, (uint32_t)slot_bytes);
    return fine();
}

/* A section of `count` records lies inside the image, on a multiple of 16. */
static tinytl_error table_check(const tinytl_image_header *header, uint32_t offset, uint32_t count,
                                uint32_t record_bytes)
{
    const uint64_t end = (uint64_t)offset + (uint64_t)count * record_bytes;
    if (offset < HEADER_BYTES || end > header->image_bytes)
        return refusal(TINYTL_STATUS_bad_offset, capped(end), header->image_bytes);
    return offset % TINYTL_ALIGNMENT ? refusal(TINYTL_STATUS_misaligned, offset, TINYTL_ALIGNMENT) : fine();
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
        return BAD_HEADER(tensor_count);
    if (header->input_count == 0)
        return BAD_HEADER(input_count);
    return header->output_count == 0 ? BAD_HEADER(output_count) : fine();
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
    const int32_t low = tensor->dtype == TINYTL_UINT8 ? 0 : INT8_MIN,
                  high = tensor->dtype == TINYTL_UINT8 ? UINT8_MAX : INT8_MAX;
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

static tinytl_error tensor_check(const uint8_t *image, const tinytl_image_header *header, uint32_t number)
{
    const uint32_t record = header->tensors + number * (uint32_t)sizeof(tinytl_tensor);
    const tinytl_tensor *tensor = (const tinytl_tensor *)(const void *)(image + record);
    if (element_bytes(tensor->dtype) == 0)
        return BAD_TENSOR(dtype);
    if (tensor->region > 1)
        return BAD_TENSOR(region);
    if (tensor->rank > 4)
        return BAD_TENSOR(rank);
    if (tensor->reserved0 != 0)
        return BAD_TENSOR(reserved0);
    if (tensor->reserved1 != 0)
        return BAD_TENSOR(reserved1);
    if (!dims_ok(tensor))
        return BAD_TENSOR(dims);
    if (!zero_point_ok(tensor))
        return BAD_TENSOR(zero_point);
    if (!(tensor->scale >= 0.0f && tensor->scale < 3.0e38f)) /* also what is no number */
        return BAD_TENSOR(scale);
    if (tensor->offset % TINYTL_ALIGNMENT != 0)
        return BAD_TENSOR(offset);
    const uint32_t limit = tensor->region ? header->image_bytes : header->arena_bytes;
    const uint64_t end = (uint64_t)tensor->offset + tensor->bytes;
    if (end > limit)
        return refusal(TINYTL_STATUS_bad_offset, capped(end), limit);
    return fine();
}

static tinytl_error tensors_check(const uint8_t *image, const tinytl_image_header *header)
{
    for (uint32_t i = 0; i < header->tensor_count; i++) {
        const tinytl_error error = tensor_check(image, header, i);
        if (error.status)
            return error;
    }
    return fine();
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

static tinytl_error operator_check(const uint8_t *image, const tinytl_image_header *header, uint32_t number)
{
    const uint32_t record = header->operators + number * (uint32_t)sizeof(tinytl_operator);
    const tinytl_operator *op = (const tinytl_operator *)(const void *)(image + record);
    const operator_entry *entry = tinytl_operator_find(op->opcode, op->kernel);
    if (!entry && !tinytl_operator_find(op->opcode, 0))
        return refusal(TINYTL_STATUS_bad_operator, number, op->opcode);
    if (!entry || (op->kernel != 0 && header->family == 0))
        return BAD_OPERATOR(kernel);
    if (!operands_ok(image, header, op->operands, (uint32_t)op->input_count + op->output_count))
        return BAD_OPERATOR(operands);
    if (op->params_bytes != entry->params * 4u)
        return BAD_OPERATOR(params_bytes);
    if (op->params % 4u != 0 || (uint64_t)op->params + op->params_bytes > header->image_bytes)
        return BAD_OPERATOR(params);
    if (op->scratch_offset % TINYTL_ALIGNMENT != 0 ||
        (uint64_t)op->scratch_offset + op->scratch_bytes > header->arena_bytes)
        return BAD_OPERATOR(scratch_offset);
    const tinytl_call call = tinytl_operator_call(image, NULL, op);
    if (!entry->rule(&call))
        return BAD_OPERATOR(opcode);
    return tinytl_places_ok(&call, op, entry->traits) ? fine() : BAD_OPERATOR(operands);
}

static tinytl_error operators_check(const uint8_t *image, const tinytl_image_header *header)
{
    for (uint32_t i = 0; i < header->operator_count; i++) {
        const tinytl_error error = operator_check(image, header, i);
        if (error.status)
            return error;
    }
    return fine();
}

static tinytl_error graph_check(const uint8_t *image, const tinytl_image_header *header)
{
    const uint32_t count = (uint32_t)header->input_count + header->output_count;
    if (!operands_ok(image, header, header->graph_operands, count))
        return BAD_HEADER(graph_operands);
    const uint16_t *graph = (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands;
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t record = header->tensors + graph[i] * (uint32_t)sizeof *tensors;
        if (tensors[graph[i]].region != 0)
            return BAD_TENSOR(region);
    }
    return fine();
}

tinytl_error tinytl_image_check(const void *image, size_t image_bytes, uint32_t family_mask)
{
    const tinytl_image_header *header = image;
    tinytl_error error;
    if ((uintptr_t)image % TINYTL_ALIGNMENT != 0)
        return refusal(TINYTL_STATUS_misaligned, (uint32_t)(uintptr_t)image, TINYTL_ALIGNMENT);
    if (image_bytes < HEADER_BYTES)
        return refusal(TINYTL_STATUS_bad_length, (uint32_t)image_bytes, HEADER_BYTES);
    error = tinytl_image_header_check(header, SIZE_MAX, SIZE_MAX, family_mask);
    if (error.status)
        return error;
    if (header->image_bytes > image_bytes)
        return refusal(TINYTL_STATUS_bad_length, (uint32_t)image_bytes, header->image_bytes);
    const uint32_t crc = tinytl_crc32(0, (const uint8_t *)image + 16, header->image_bytes - 16u);
    if (crc != header->crc32)
        return refusal(TINYTL_STATUS_bad_crc, crc, header->crc32);
    error = sections_check(header);
    if (error.status)
        return error;
    error = tensors_check(image, header);
    if (error.status)
        return error;
    error = graph_check(image, header);
    return error.status ? error : operators_check(image, header);
}
