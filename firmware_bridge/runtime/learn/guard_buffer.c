/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind the guard's buffer of held-out samples stands a counter a class, which sample of the class it is, so that
 * a stream that repeats itself is held out evenly; then a byte a place: whether the sample is fresh, held out
 * since the last decision.
 */
#include "learn/guard_buffer.h"

#include <string.h>

tinytl_sample_buffer tinytl_guard_held_out(const tinytl_model *model)
{
    return tinytl_sample_buffer_at(model, model->head->guard_buffer, model->head->guard_capacity, model->guard_count);
}

static uint16_t *class_counters(const tinytl_model *model)
{
    return tinytl_guard_held_out(model).labels + model->head->guard_capacity;
}

uint8_t *tinytl_guard_fresh(const tinytl_model *model)
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
    buffer = tinytl_guard_held_out(model);
    tinytl_guard_fresh(model)[tinytl_sample_put(model, &buffer, label)] = 1;
    model->guard_count = buffer.count;
    return 1;
}
