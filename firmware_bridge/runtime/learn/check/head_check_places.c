/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the head's buffers lie in the arena. What outlasts an inference (parameters, moments, sums of gradients, replay
 * buffer, held-out samples, names) touches nothing else. Graph outputs, which are the features, stay as they are over a
 * whole step. What values, gradients, masks and columns share among themselves is the compiler's business: SPEC.md
 * tells when each is in use.
 */
#include "learn/check/head_check.h"

#include "ground/error.h"

#define LASTING 7u

typedef struct place {
    uint64_t start;
    uint64_t bytes;
    uint32_t record; /* image offset of what names it */
    uint32_t field;
} place;

/* A number for each parameter, or nothing. */
#define OPTIONAL(member) \
    {head->member == TINYTL_NONE ? 0 : head->member, head->member == TINYTL_NONE ? 0 : parameters, header->head, \
     FIELD(tinytl_head_section, member)}

typedef struct places {
    const tinytl_image_header *header;
    const tinytl_head_section *head;
    place lasting[LASTING];
} places;

static int overlap(const place *a, uint64_t start, uint64_t bytes)
{
    return a->start < start + bytes && start < a->start + a->bytes && a->bytes != 0 && bytes != 0;
}

static uint64_t samples_bytes(const tinytl_head_section *head, uint32_t capacity)
{
    return (((uint64_t)capacity * head->feature_count + 3u) & ~(uint64_t)3u) + capacity * (uint64_t)2u;
}

static places list_places(const tinytl_image_header *header, const tinytl_head_section *head)
{
    uint64_t parameters = (uint64_t)head->parameter_count * sizeof(float);
    uint64_t replayed = samples_bytes(head, head->replay_capacity);
    uint64_t held_out = head->guard_capacity == 0 ? 0 :
        samples_bytes(head, head->guard_capacity) + head->class_capacity * (uint64_t)2u + head->guard_capacity;
    uint64_t names = (uint64_t)(head->class_capacity - head->class_count) * TINYTL_CLASS_NAME_BYTES;
    return (places){header, head, {
        {head->parameters, parameters, header->head, FIELD(tinytl_head_section, parameters)},
        OPTIONAL(moments), OPTIONAL(second_moments), OPTIONAL(gradients),
        {head->replay_buffer, replayed, header->head, FIELD(tinytl_head_section, replay_buffer)},
        {head->guard_buffer, held_out, header->head, FIELD(tinytl_head_section, guard_buffer)},
        {head->class_names, names, header->head, FIELD(tinytl_head_section, class_names)},
    }};
}

static tinytl_error check_inside(const places *all, const place *one)
{
    uint64_t end = one->start + one->bytes;
    uint32_t limit = all->header->arena_bytes;
    if (end > limit)
        return refusal(TINYTL_STATUS_bad_offset, capped(end), limit);
    if (one->start % TINYTL_ALIGNMENT != 0)
        return refusal(TINYTL_STATUS_misaligned, (uint32_t)one->start, TINYTL_ALIGNMENT);
    return fine();
}

/* A place touches none of the first `count` lasting ones. */
static tinytl_error check_apart(const places *all, uint32_t count, const place *one)
{
    for (uint32_t i = 0; i < count; i++)
        if (overlap(&all->lasting[i], one->start, one->bytes))
            return bad_record(one->record, one->field);
    return fine();
}

static tinytl_error check_lasting(const places *all)
{
    tinytl_error error = fine();
    for (uint32_t i = 0; i < LASTING && error.status == TINYTL_STATUS_ok; i++) {
        error = check_inside(all, &all->lasting[i]);
        if (error.status == TINYTL_STATUS_ok)
            error = check_apart(all, i, &all->lasting[i]);
    }
    return error;
}

static const tinytl_tensor *output_tensor(const tinytl_image_header *header, uint32_t index)
{
    const uint8_t *image = (const uint8_t *)header;
    const uint16_t *outputs =
        (const uint16_t *)(const void *)(image + header->operands) + header->graph_operands + header->input_count;
    return (const tinytl_tensor *)(const void *)(image + header->tensors) + outputs[index];
}

/* A place of the graph, told by the lasting one that it touches. */
static tinytl_error check_graph_place(const places *all, uint32_t start, uint32_t bytes)
{
    for (uint32_t i = 0; i < LASTING; i++)
        if (overlap(&all->lasting[i], start, bytes))
            return bad_record(all->lasting[i].record, all->lasting[i].field);
    return fine();
}

static tinytl_error check_graph(const places *all)
{
    const tinytl_image_header *header = all->header;
    const uint8_t *image = (const uint8_t *)header;
    const tinytl_tensor *tensors = (const tinytl_tensor *)(const void *)(image + header->tensors);
    const tinytl_operator *operators = (const tinytl_operator *)(const void *)(image + header->operators);
    tinytl_error error = fine();
    for (uint32_t i = 0; i < header->tensor_count && error.status == TINYTL_STATUS_ok; i++)
        if (tensors[i].region == 0)
            error = check_graph_place(all, tensors[i].offset, tensors[i].bytes);
    for (uint32_t i = 0; i < header->operator_count && error.status == TINYTL_STATUS_ok; i++)
        error = check_graph_place(all, operators[i].scratch_offset, operators[i].scratch_bytes);
    return error;
}

/* A buffer of a step: inside the arena, apart from what lasts and from graph outputs. */
static tinytl_error check_buffer(const places *all, uint32_t offset, uint64_t bytes, uint32_t record, uint32_t field)
{
    const place one = {offset, bytes, record, field};
    tinytl_error error = check_inside(all, &one);
    if (error.status == TINYTL_STATUS_ok)
        error = check_apart(all, LASTING, &one);
    for (uint32_t i = 0; i < all->header->output_count && error.status == TINYTL_STATUS_ok; i++)
        if (overlap(&one, output_tensor(all->header, i)->offset, output_tensor(all->header, i)->bytes))
            error = bad_record(record, field);
    return error;
}

static tinytl_error check_optional(const places *all, uint32_t offset, uint64_t bytes, uint32_t record, uint32_t field)
{
    return offset == TINYTL_NONE ? fine() : check_buffer(all, offset, bytes, record, field);
}

/* `least`: floats that the gradient has room for. */
static tinytl_error check_value(const places *all, uint32_t number, uint32_t least)
{
    uint32_t record = all->head->values + number * (uint32_t)sizeof(tinytl_head_value);
    const tinytl_head_value *value = (const tinytl_head_value *)(const void *)((const uint8_t *)all->header + record);
    uint64_t pixels = (uint64_t)value->height * value->width, bits = pixels * ((value->channels + 7u) / 8u);
    uint64_t floats = (value->storage == TINYTL_WHOLE ? pixels : 1u) * value->channels;
    tinytl_error error =
        check_buffer(all, value->place, floats * sizeof(float), record, FIELD(tinytl_head_value, place));
    floats = floats < least ? least : floats;
    if (error.status == TINYTL_STATUS_ok)
        error =
            check_optional(all, value->gradient, floats * sizeof(float), record, FIELD(tinytl_head_value, gradient));
    if (error.status == TINYTL_STATUS_ok)
        error = check_optional(all, value->mask, bits, record, FIELD(tinytl_head_value, mask));
    return error;
}

static tinytl_error check_max_pool(const places *all, uint32_t number)
{
    uint32_t record = all->head->layers + number * (uint32_t)sizeof(tinytl_head_layer);
    const tinytl_head_layer *layer = (const tinytl_head_layer *)(const void *)((const uint8_t *)all->header + record);
    const tinytl_head_value *output =
        (const tinytl_head_value *)(const void *)((const uint8_t *)all->header + all->head->values);
    output += all->head->feature_values + number;
    if (layer->kind != TINYTL_MAX_POOL)
        return fine();
    return check_buffer(all, layer->places, (uint64_t)output->height * output->width * output->channels, record,
                        FIELD(tinytl_head_layer, places));
}

/* The gradient of the logits has room for a number a class that there may be: the replay buffer
 * counts classes there. */
tinytl_error tinytl_head_check_places(const void *image)
{
    const tinytl_image_header *header = image;
    const tinytl_head_section *head =
        (const tinytl_head_section *)(const void *)((const uint8_t *)image + header->head);
    const places all = list_places(header, head);
    tinytl_error error = check_lasting(&all);
    if (error.status == TINYTL_STATUS_ok)
        error = check_graph(&all);
    if (error.status == TINYTL_STATUS_ok)
        error = check_buffer(&all, head->columns, (uint64_t)head->columns_floats * sizeof(float), header->head,
                             FIELD(tinytl_head_section, columns));
    if (error.status == TINYTL_STATUS_ok)
        error = check_buffer(&all, head->int8_scratch, head->int8_scratch_bytes, header->head,
                             FIELD(tinytl_head_section, int8_scratch));
    for (uint32_t number = 0; number < head->layer_count && error.status == TINYTL_STATUS_ok; number++) {
        error = check_value(&all, head->feature_values + number,
                            number + 1 == head->layer_count ? head->class_capacity : 0);
        if (error.status == TINYTL_STATUS_ok)
            error = check_max_pool(&all, number);
    }
    return error;
}
