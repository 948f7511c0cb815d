/* SPDX-License-Identifier: Apache-2.0
 *
 * The head as bytes: SPEC.md section 4, payload of kind 2; names of added classes come last. Momentum and the replay buffer are not part of it: a restored head
 * starts with zero velocities and an empty buffer.
 */
#include <string.h>

#include "learn/arithmetic/elementary.h"
#include "learn/growing.h"
#include "learn/check/head_check.h"
#include "tinytl.h"

#define STATE_WORDS 4u
#define WORD 4u

static uint32_t word_at(const uint8_t *state, uint32_t number)
{
    uint32_t word;
    memcpy(&word, state + (size_t)number * WORD, WORD);
    return word;
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

void tinytl_head_state_header(const tinytl_model *model, uint32_t header[4])
{
    header[0] = model->head == NULL ? 0 : model->head->parameter_count;
    header[1] = model->class_count;
    header[2] = model->steps;
    header[3] = model->random;
}

/* `first`: word of the state where the names begin. */
static tinytl_error check_names(const uint8_t *state, uint32_t first, uint32_t count)
{
    const char *names = (const char *)state + (size_t)first * WORD;
    for (uint32_t number = 0; number < count; number++) {
        uint32_t word = first + number * (TINYTL_CLASS_NAME_BYTES / WORD);
        if (tinytl_class_name_check(names + (size_t)number * TINYTL_CLASS_NAME_BYTES, names, number).status != TINYTL_STATUS_ok)
            return (tinytl_error){TINYTL_STATUS_bad_head, word, word_at(state, word)};
    }
    return (tinytl_error){TINYTL_STATUS_ok, 0, 0};
}

tinytl_error tinytl_head_state_check(const tinytl_model *model, const void *from, size_t bytes)
{
    const uint8_t *state = from;
    uint32_t expected, classes, number;
    if (model->head == NULL)
        return (tinytl_error){TINYTL_STATUS_no_head, 0, 0};
    expected = fixed_bytes(model);
    if (bytes < STATE_WORDS * WORD)
        return (tinytl_error){TINYTL_STATUS_bad_payload, (uint32_t)bytes, expected};
    if (word_at(state, 0) != model->head->parameter_count)
        return (tinytl_error){TINYTL_STATUS_head_mismatch, word_at(state, 0), model->head->parameter_count};
    classes = word_at(state, 1);
    if (classes < model->head->class_count || classes > model->head->class_capacity)
        return (tinytl_error){TINYTL_STATUS_bad_head, 1, classes};
    expected += names_bytes(model, classes);
    if (bytes != expected)
        return (tinytl_error){TINYTL_STATUS_bad_payload, (uint32_t)bytes, expected};
    if (word_at(state, 3) == 0)
        return (tinytl_error){TINYTL_STATUS_bad_head, 3, 0};
    number = tinytl_head_not_finite(model->head, model->layers, state + STATE_WORDS * WORD);
    if (number != TINYTL_NONE)
        return (tinytl_error){TINYTL_STATUS_bad_head, STATE_WORDS + number, word_at(state, STATE_WORDS + number)};
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
