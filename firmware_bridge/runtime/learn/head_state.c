/* SPDX-License-Identifier: Apache-2.0
 *
 * The head's state: opened, reset, and as bytes (SPEC.md section 4, payload of kind 2; names of added classes
 * come last). Momentum and the replay buffer are not part of the bytes: a restored head starts with zero
 * velocities and an empty buffer.
 */
#include <string.h>

#include "ground/error.h"
#include "learn/class_names.h"
#include "learn/arithmetic/elementary.h"
#include "learn/guard_buffer.h"
#include "learn/check/head_check.h"
#include "learn/head_state.h"

#define STATE_WORDS 4u
#define WORD 4u

static uint32_t word_at(const uint8_t *state, uint32_t number)
{
    uint32_t word;
    memcpy(&word, state + (size_t)number * WORD, WORD);
    return word;
}

static void empty(const tinytl_model *model, uint32_t offset)
{
    if (offset != TINYTL_NONE)
        memset(model->arena + offset, 0, (size_t)model->head->parameter_count * sizeof(float));
}

void tinytl_head_reset(tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    size_t bytes;
    if (head == NULL)
        return;
    bytes = (size_t)head->parameter_count * sizeof(float);
    memcpy(tinytl_head_parameters(model), model->image + head->initial_parameters, bytes);
    empty(model, head->moments);
    empty(model, head->second_moments);
    empty(model, head->gradients);
    model->class_count = head->class_count;
    model->steps = 0;
    model->random = head->seed;
    model->replay_count = 0;
    model->gathered = 0;
    model->updates = 0;
    model->parameters = tinytl_head_parameters(model);
    tinytl_guard_reset(model);
}

tinytl_error tinytl_head_open(tinytl_model *model)
{
    tinytl_error error = refusal(TINYTL_STATUS_no_head, 0, 0);
    const tinytl_head_section *head = (const tinytl_head_section *)(const void *)(model->image + model->header->head);
    if (model->header->head == 0)
        return error;
    error = tinytl_head_check(model->image);
    if (error.status != TINYTL_STATUS_ok)
        return error;
    model->head = head;
    model->layers = (const tinytl_head_layer *)(const void *)(model->image + head->layers);
    model->values = (const tinytl_head_value *)(const void *)(model->image + head->values);
    tinytl_head_reset(model);
    return error;
}

uint32_t tinytl_head_crc32(const tinytl_model *model)
{
    if (model->head == NULL)
        return 0;
    return tinytl_crc32(0, tinytl_head_parameters(model), (size_t)model->head->parameter_count * sizeof(float));
}

/* Bytes up to the names of added classes. */
static uint32_t fixed_bytes(const tinytl_model *model)
{
    return (STATE_WORDS + model->head->parameter_count) * WORD;
}

static uint32_t names_bytes(const tinytl_model *model, uint32_t classes)
{
    return (classes - model->head->class_count) * TINYTL_CLASS_NAME_BYTES;
}

uint32_t tinytl_head_state_bytes(const tinytl_model *model)
{
    return model->head == NULL ? 0 : fixed_bytes(model) + names_bytes(model, model->class_count);
}

uint32_t tinytl_head_state_within(const tinytl_model *model, size_t bytes)
{
    if (model->head == NULL || bytes < fixed_bytes(model))
        return 0;
    return (uint32_t)(bytes - (bytes - fixed_bytes(model)) % TINYTL_CLASS_NAME_BYTES);
}

tinytl_head_part tinytl_head_state_part(const tinytl_model *model, uint32_t number, uint32_t header[4])
{
    const tinytl_head_section *head = model->head;
    if (head == NULL || number >= TINYTL_HEAD_STATE_PARTS)
        return (tinytl_head_part){NULL, 0};
    if (number == 1)
        return (tinytl_head_part){tinytl_head_parameters(model), head->parameter_count * WORD};
    if (number == 2)
        return (tinytl_head_part){tinytl_head_class_name(model, head->class_count),
                                  names_bytes(model, model->class_count)};
    header[0] = head->parameter_count;
    header[1] = model->class_count;
    header[2] = model->steps;
    header[3] = model->random;
    return (tinytl_head_part){header, STATE_WORDS * WORD};
}

tinytl_kept_head tinytl_head_state_view(const tinytl_model *model, const void *state)
{
    const void *factory = model->image + model->head->initial_parameters;
    if (state == NULL)
        return (tinytl_kept_head){factory, model->head->class_count};
    return (tinytl_kept_head){(const float *)state + STATE_WORDS, word_at(state, 1)};
}

/* `first`: word of the state where the names begin. */
static tinytl_error check_names(const uint8_t *state, uint32_t first, uint32_t count)
{
    const char *names = (const char *)state + (size_t)first * WORD;
    for (uint32_t number = 0; number < count; number++) {
        uint32_t word = first + number * (TINYTL_CLASS_NAME_BYTES / WORD);
        if (tinytl_class_name_check(names + (size_t)number * TINYTL_CLASS_NAME_BYTES, names, number).status !=
            TINYTL_STATUS_ok)
            return refusal(TINYTL_STATUS_bad_head, word, word_at(state, word));
    }
    return fine();
}

tinytl_error tinytl_head_state_check(const tinytl_model *model, const void *from, size_t bytes)
{
    const uint8_t *state = from;
    uint32_t expected, classes, number;
    if (model->head == NULL)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    expected = fixed_bytes(model);
    if (bytes < STATE_WORDS * WORD)
        return refusal(TINYTL_STATUS_bad_payload, (uint32_t)bytes, expected);
    if (word_at(state, 0) != model->head->parameter_count)
        return refusal(TINYTL_STATUS_head_mismatch, word_at(state, 0), model->head->parameter_count);
    classes = word_at(state, 1);
    if (classes < model->head->class_count || classes > model->head->class_capacity)
        return refusal(TINYTL_STATUS_bad_head, 1, classes);
    expected += names_bytes(model, classes);
    if (bytes != expected)
        return refusal(TINYTL_STATUS_bad_payload, (uint32_t)bytes, expected);
    if (word_at(state, 3) == 0)
        return refusal(TINYTL_STATUS_bad_head, 3, 0);
    number = tinytl_head_not_finite(model->head, model->layers, state + STATE_WORDS * WORD);
    if (number != TINYTL_NONE)
        return refusal(TINYTL_STATUS_bad_head, STATE_WORDS + number, word_at(state, STATE_WORDS + number));
    return check_names(state, STATE_WORDS + model->head->parameter_count, classes - model->head->class_count);
}

tinytl_error tinytl_head_state_restore(tinytl_model *model, const void *state, size_t bytes)
{
    const uint8_t *from = state;
    tinytl_error error = tinytl_head_state_check(model, from, bytes);
    if (error.status != TINYTL_STATUS_ok)
        return error;
    tinytl_head_reset(model);
    model->class_count = word_at(from, 1);
    model->steps = word_at(from, 2);
    model->random = word_at(from, 3);
    memcpy(tinytl_head_parameters(model), from + STATE_WORDS * WORD, (size_t)model->head->parameter_count * WORD);
    memcpy(model->arena + model->head->class_names, from + fixed_bytes(model), names_bytes(model, model->class_count));
    return error;
}
