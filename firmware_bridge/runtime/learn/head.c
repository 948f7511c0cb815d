/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainable head: features → logits, and one step of learning. Works on a checked image (head_check.c) and on
 * nothing but the arena ranges that its head section names.
 */
#include <math.h>

#include "learn/arithmetic/elementary.h"
#include "learn/groups.h"
#include "learn/layers/loss.h"
#include "learn/arithmetic/random.h"
#include "learn/replay.h"
#include "learn/layers/schedule.h"
#include "learn/layers/update.h"
#include "tinytl.h"

static uint32_t logits_value(const tinytl_model *model)
{
    return model->head->value_count - 1;
}

/* One sigmoid tells two classes apart: class 1 if its logit is above 0, and the target is 1 for that class. */
static int is_one_sigmoid(const tinytl_model *model)
{
    return model->class_count == 2 && tinytl_head_logit_count(model) == 1;
}

static uint32_t predicted(const tinytl_model *model)
{
    const float *logits = tinytl_head_logits(model);
    return is_one_sigmoid(model) ? logits[0] > 0.0f : tinytl_largest(logits, tinytl_head_logit_count(model));
}

static int has_dropout(const tinytl_model *model)
{
    for (uint32_t number = 0; number < model->head->layer_count; number++)
        if (model->layers[number].kind == TINYTL_DROPOUT)
            return 1;
    return 0;
}

/* One step on the features of the sample that was inferred, or of the one that is replayed. */
static tinytl_step_result learn(tinytl_model *model, uint32_t label, float learning_rate)
{
    tinytl_pass pass = tinytl_pass_of(model, learning_rate);
    tinytl_step_result result = {TINYTL_STATUS_diverged, 0, INFINITY};
    const float *logits = tinytl_head_logits(model);
    uint32_t count = tinytl_head_logit_count(model), largest, target = is_one_sigmoid(model) ? 1u - label : label;
    tinytl_groups_forward(&pass);
    result.predicted = predicted(model);
    if (has_dropout(model)) {
        pass.noise = tinytl_random(model);
        tinytl_groups_forward(&pass);
    }
    largest = pass.noise == 0 && count > 1 ? result.predicted : tinytl_largest(logits, count);
    result.loss =
        tinytl_loss_of(model->head, logits, count, target, largest, tinytl_gradient_at(model, logits_value(model), 0));
    if (tinytl_magnitude(result.loss) >= TINYTL_MAGNITUDE_INFINITE) {
        result.loss = INFINITY;
        return result;
    }
    if (model->head->int8_scratch_bytes != 0)
        pass.rounding = tinytl_random(model);
    tinytl_groups_backward(&pass);
    tinytl_update_apply(&pass, model);
    if (!pass.diverged)
        result.status = TINYTL_STATUS_ok;
    return result;
}

/* A replayed sample whose own step would diverge is passed over. */
static void replay(tinytl_model *model, float learning_rate)
{
    uint32_t count = model->head->replays_per_step;
    uint32_t turn = model->steps * count;
    for (uint32_t r = 0; r < count; r++) {
        tinytl_replayed sample = tinytl_replay_draw(model, turn + r);
        if (sample.features == NULL)
            return;
        model->features = sample.features;
        (void)learn(model, sample.label, learning_rate);
    }
}

uint32_t tinytl_head_infer(tinytl_model *model)
{
    tinytl_pass pass = tinytl_pass_of(model, 0.0f);
    if (model->head == NULL)
        return 0;
    tinytl_groups_forward(&pass);
    return predicted(model);
}

tinytl_recalled tinytl_head_recall(tinytl_model *model, uint32_t place)
{
    const tinytl_replayed sample = tinytl_replay_set_at(model, place);
    tinytl_recalled recalled = {sample.label, 0};
    model->features = sample.features;
    recalled.predicted = tinytl_head_infer(model);
    model->features = NULL;
    return recalled;
}

const float *tinytl_head_logits(const tinytl_model *model)
{
    return model->head == NULL ? NULL : tinytl_value_at(model, logits_value(model), 0);
}

uint32_t tinytl_head_logit_count(const tinytl_model *model)
{
    return model->head == NULL ? 0 : tinytl_rows_of(model, model->head->layer_count - 1);
}

tinytl_step_result tinytl_head_step(tinytl_model *model, uint32_t label)
{
    tinytl_step_result result = {TINYTL_STATUS_no_head, 0, 0.0f};
    float learning_rate;
    if (model->head == NULL)
        return result;
    result.status = TINYTL_STATUS_bad_label;
    if (label >= model->class_count)
        return result;
    learning_rate = tinytl_learning_rate(model->head, model->steps);
    result = learn(model, label, learning_rate);
    if (result.status != TINYTL_STATUS_ok)
        return result;
    replay(model, learning_rate);
    model->features = NULL;
    tinytl_replay_offer(model, label);
    model->steps++;
    return result;
}
