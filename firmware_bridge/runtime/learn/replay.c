/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/replay.h"

#include <string.h>

uint32_t tinytl_random(tinytl_model *model)
{
    uint32_t x = model->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    model->random = x;
    return x;
}

static uint32_t random_below(tinytl_model *model, uint32_t limit)
{
    return (uint32_t)(((uint64_t)tinytl_random(model) * limit) >> 32);
}

static int8_t *buffer_features(const tinytl_model *model, uint32_t place)
{
    const tinytl_head_section *head = model->head;
    return (int8_t *)model->arena + head->replay_buffer + (size_t)place * head->feature_count;
}

static uint16_t *buffer_labels(const tinytl_model *model)
{
    const tinytl_head_section *head = model->head;
    size_t features_bytes = (size_t)head->replay_capacity * head->feature_count;
    return (uint16_t *)(void *)(model->arena + head->replay_buffer + ((features_bytes + 3u) & ~(size_t)3u));
}

tinytl_replayed tinytl_replay_set_at(const tinytl_model *model, uint32_t place)
{
    const tinytl_head_section *head = model->head;
    const void *labels = model->image + head->replay_set_labels;
    const int8_t *features = (const int8_t *)model->image + head->replay_set_features + (size_t)place * head->feature_count;
    return (tinytl_replayed){features, ((const uint16_t *)labels)[place]};
}

tinytl_replayed tinytl_replay_buffer_at(const tinytl_model *model, uint32_t place)
{
    return (tinytl_replayed){buffer_features(model, place), buffer_labels(model)[place]};
}

tinytl_replayed tinytl_replay_draw(tinytl_model *model, uint32_t turn)
{
    uint32_t set_count = model->head->replay_set_count;
    if (set_count != 0 && ((turn & 1u) == 0 || model->replay_count == 0))
        return tinytl_replay_set_at(model, random_below(model, set_count));
    if (model->replay_count != 0)
        return tinytl_replay_buffer_at(model, random_below(model, model->replay_count));
    return (tinytl_replayed){NULL, 0};
}

/* The first class with the most places. Counts are floats (exact to 2^24) because the scratch is float memory. */
static uint32_t largest_class(const tinytl_model *model, const uint16_t *labels, float *counts)
{
    uint32_t largest = 0;
    for (uint32_t j = 0; j < model->class_count; j++)
        counts[j] = 0.0f;
    for (uint32_t place = 0; place < model->replay_count; place++)
        counts[labels[place]] += 1.0f;
    for (uint32_t j = 1; j < model->class_count; j++)
        if (counts[j] > counts[largest])
            largest = j;
    return largest;
}

/* Place of the `number`-th sample of a class; it exists. */
static uint32_t place_of(const uint16_t *labels, uint32_t label, uint32_t number)
{
    uint32_t place = 0;
    for (;; place++)
        if (labels[place] == label && number-- == 0)
            return place;
}

static void copy_outputs(const tinytl_model *model, int8_t *to)
{
    for (uint32_t index = 0; index < model->header->output_count; index++) {
        const uint16_t *outputs = model->operands + model->header->graph_operands + model->header->input_count;
        const tinytl_tensor *tensor = &model->tensors[outputs[index]];
        memcpy(to, model->arena + tensor->offset, tensor->bytes);
        to += tensor->bytes;
    }
}

void tinytl_replay_offer(tinytl_model *model, uint32_t label, float *counts)
{
    uint32_t capacity = model->head->replay_capacity, place, victim;
    uint16_t *labels;
    if (capacity == 0)
        return;
    labels = buffer_labels(model);
    if (model->replay_count < capacity) {
        place = model->replay_count++;
    } else {
        victim = largest_class(model, labels, counts);
        if (!(counts[label] < counts[victim]))
            victim = label;
        place = place_of(labels, victim, random_below(model, (uint32_t)counts[victim]));
    }
    copy_outputs(model, buffer_features(model, place));
    labels[place] = (uint16_t)label;
}
