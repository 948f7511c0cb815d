/* SPDX-License-Identifier: Apache-2.0 */
#include "learn/replay.h"

#include "learn/arithmetic/random.h"

static tinytl_sample_buffer replay_buffer(const tinytl_model *model)
{
    return tinytl_sample_buffer_at(model, model->head->replay_buffer, model->head->replay_capacity,
                                   model->replay_count);
}

tinytl_replayed tinytl_replay_set_at(const tinytl_model *model, uint32_t place)
{
    const tinytl_head_section *head = model->head;
    const void *labels = model->image + head->replay_set_labels;
    const int8_t *features =
        (const int8_t *)model->image + head->replay_set_features + (size_t)place * head->feature_count;
    return (tinytl_replayed){features, ((const uint16_t *)labels)[place]};
}

tinytl_replayed tinytl_replay_buffer_at(const tinytl_model *model, uint32_t place)
{
    const tinytl_sample_buffer buffer = replay_buffer(model);
    return tinytl_sample_at(&buffer, place);
}

tinytl_replayed tinytl_replay_draw(tinytl_model *model, uint32_t turn)
{
    uint32_t set_count = model->head->replay_set_count;
    if (set_count != 0 && ((turn & 1u) == 0 || model->replay_count == 0))
        return tinytl_replay_set_at(model, tinytl_random_below(model, set_count));
    if (model->replay_count != 0)
        return tinytl_replay_buffer_at(model, tinytl_random_below(model, model->replay_count));
    return (tinytl_replayed){NULL, 0};
}

void tinytl_replay_offer(tinytl_model *model, uint32_t label)
{
    tinytl_sample_buffer buffer = replay_buffer(model);
    if (buffer.capacity == 0)
        return;
    (void)tinytl_sample_put(model, &buffer, label);
    model->replay_count = buffer.count;
}
