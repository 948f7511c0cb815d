/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard: held-out samples, and whether a head is to be kept. Behind its buffer stands a counter a class, which sample of the class it
 * is, so that a stream that repeats itself is held out evenly; then a byte a place: whether the sample is fresh, held out since the last
 * decision.
 */
#include "learn/guard.h"

#include <string.h>

#include "learn/sample_buffer.h"

static tinytl_sample_buffer held_out(const tinytl_model *model)
{
    return tinytl_sample_buffer_at(model, model->head->guard_buffer, model->head->guard_capacity, model->guard_count);
}

static uint16_t *class_counters(const tinytl_model *model)
{
    return held_out(model).labels + model->head->guard_capacity;
}

static uint8_t *fresh_places(const tinytl_model *model)
{
    return (uint8_t *)(class_counters(model) + model->head->class_capacity);
}

void tinytl_guard_reset(tinytl_model *model)
{
    model->guard_count = 0;
    model->guard_learned = 0;
    model->guard_doubts = 0;
    if (model->head->guard_capacity != 0)
        memset(class_counters(model), 0, model->head->class_capacity * sizeof(uint16_t));
}

int tinytl_guard_holds_out(tinytl_model *model, uint32_t label)
{
    tinytl_sample_buffer buffer;
    uint16_t *counter;
    if (model->head->guard_capacity == 0)
        return 0;
    counter = class_counters(model) + label;
    if (++*counter < model->head->guard_every)
        return 0;
    *counter = 0;
    buffer = held_out(model);
    fresh_places(model)[tinytl_sample_put(model, &buffer, label)] = 1;
    model->guard_count = buffer.count;
    return 1;
}

/* Held-out samples that are right with these parameters and classes; those of them that are fresh are added to `fresh`. */
static uint32_t count_right(tinytl_model *model, const float *parameters, uint32_t classes, uint32_t *fresh)
{
    const float *own = model->parameters;
    const tinytl_sample_buffer buffer = held_out(model);
    uint32_t own_classes = model->class_count, right = 0;
    model->parameters = parameters;
    model->class_count = classes;
    for (uint32_t place = 0; place < buffer.count; place++) {
        tinytl_replayed sample = tinytl_sample_at(&buffer, place);
        model->features = sample.features;
        if (tinytl_head_infer(model) != sample.label)
            continue;
        right++;
        *fresh += fresh_places(model)[place];
    }
    model->features = NULL;
    model->parameters = own;
    model->class_count = own_classes;
    return right;
}

static uint32_t count_fresh(const tinytl_model *model)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < model->guard_count; place++)
        count += fresh_places(model)[place];
    return count;
}

/* Three standard deviations above always answering the largest class. */
static int beats_chance(uint64_t held, uint64_t right, uint64_t largest)
{
    return right > largest && held * (right - largest) * (right - largest) > 9u * largest * (held - largest);
}

/* Take places out whose sample is fresh, or whose class is gone. */
static void drop(tinytl_model *model, uint32_t count, int with_fresh)
{
    const tinytl_sample_buffer buffer = held_out(model);
    uint8_t *fresh = fresh_places(model);
    model->guard_count = 0;
    for (uint32_t place = 0; place < count; place++) {
        const tinytl_replayed sample = tinytl_sample_at(&buffer, place);
        uint32_t to = model->guard_count;
        if (sample.label >= model->class_count || (with_fresh && fresh[place]))
            continue;
        memmove(buffer.features + (size_t)to * buffer.feature_count, sample.features, buffer.feature_count);
        buffer.labels[to] = (uint16_t)sample.label;
        fresh[to] = fresh[place];
        model->guard_count++;
    }
}

tinytl_guard_report tinytl_guard_compare(tinytl_model *model, const float *kept, uint32_t kept_classes)
{
    const tinytl_sample_buffer buffer = held_out(model);
    tinytl_guard_report report = {TINYTL_WAIT, model->guard_count, 0, 0, count_fresh(model), 0};
    uint32_t largest = tinytl_sample_largest(model, &buffer, fresh_places(model)), unused = 0;
    int worse, trusted;
    report.right = count_right(model, model->parameters, model->class_count, &report.fresh_right);
    report.kept_right = count_right(model, kept, kept_classes, &unused);
    model->guard_learned = 0;
    worse = report.held >= TINYTL_GUARD_LEAST && report.right < report.kept_right;
    if (worse || model->guard_doubts)
        report.verdict = TINYTL_UNDO;
    if (report.fresh < TINYTL_GUARD_LEAST || largest == report.fresh)
        return report;
    trusted = beats_chance(report.fresh, report.fresh_right, largest);
    report.verdict = trusted && !worse ? TINYTL_COMMIT : TINYTL_UNDO;
    model->guard_doubts = !trusted;
    if (!trusted)
        drop(model, model->guard_count, 1);
    memset(fresh_places(model), 0, model->guard_count);
    return report;
}

tinytl_error tinytl_guard_undo(tinytl_model *model, const void *state, size_t bytes)
{
    tinytl_error error = {TINYTL_STATUS_ok, 0, 0};
    uint32_t count = model->guard_count, doubts = model->guard_doubts;
    if (state != NULL)
        error = tinytl_head_state_restore(model, state, bytes);
    else
        tinytl_head_reset(model);
    if (error.status == TINYTL_STATUS_ok && model->head->guard_capacity != 0) {
        drop(model, count, 0);
        model->guard_doubts = doubts;
    }
    return error;
}
