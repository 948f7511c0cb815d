/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/sample_buffer.h"

#include <string.h>

#include "learn/layers/graph.h"
#include "learn/arithmetic/random.h"

tinytl_sample_buffer tinytl_sample_buffer_at(const tinytl_model *model, uint32_t offset, uint32_t capacity,
                                             uint32_t count)
{
    uint32_t width = model->head->feature_count;
    size_t features_bytes = ((size_t)capacity * width + 3u) & ~(size_t)3u;
    uint8_t *start = model->arena + offset;
    return (tinytl_sample_buffer){(int8_t *)start, (uint16_t *)(void *)(start + features_bytes), capacity, count,
                                  width};
}

tinytl_replayed tinytl_sample_at(const tinytl_sample_buffer *buffer, uint32_t place)
{
    return (tinytl_replayed){buffer->features + (size_t)place * buffer->feature_count, buffer->labels[place]};
}

/* Counts places by class, in the gradient of the logits, which nobody needs between steps; they are floats (exact
 * to 2^24) because that is float memory. counted: bytes of the places that count, NULL: all. Returns the first
 * class with the most. */
static uint32_t count_classes(const tinytl_model *model, const tinytl_sample_buffer *buffer, const uint8_t *counted,
                              float *counts)
{
    uint32_t largest = 0;
    for (uint32_t j = 0; j < model->class_count; j++)
        counts[j] = 0.0f;
    for (uint32_t place = 0; place < buffer->count; place++)
        if (counted == NULL || counted[place])
            counts[buffer->labels[place]] += 1.0f;
    for (uint32_t j = 1; j < model->class_count; j++)
        if (counts[j] > counts[largest])
            largest = j;
    return largest;
}

static float *counts_of(const tinytl_model *model)
{
    return tinytl_gradient_at(model, model->head->value_count - 1, 0);
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

uint32_t tinytl_sample_put(tinytl_model *model, tinytl_sample_buffer *buffer, uint32_t label)
{
    float *counts = counts_of(model);
    uint32_t place = buffer->count, victim;
    if (buffer->count < buffer->capacity) {
        buffer->count++;
    } else {
        victim = count_classes(model, buffer, NULL, counts);
        if (!(counts[label] < counts[victim]))
            victim = label;
        place = place_of(buffer->labels, victim, tinytl_random_below(model, (uint32_t)counts[victim]));
    }
    copy_outputs(model, buffer->features + (size_t)place * buffer->feature_count);
    buffer->labels[place] = (uint16_t)label;
    return place;
}

uint32_t tinytl_sample_largest(const tinytl_model *model, const tinytl_sample_buffer *buffer, const uint8_t *counted)
{
    float *counts = counts_of(model);
    return (uint32_t)counts[count_classes(model, buffer, counted, counts)];
}
