/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard: whether a head is to be kept, by its held-out samples (guard_buffer.c).
 */
#include <string.h>

#include "ground/error.h"
#include "learn/guard_buffer.h"
#include "learn/head_state.h"

/* Samples of the replay set that are right. */
static uint32_t count_recalled(tinytl_model *model)
{
    uint32_t right = 0;
    for (uint32_t place = 0; place < model->head->replay_set_count; place++) {
        const tinytl_recalled sample = tinytl_head_recall(model, place);
        right += sample.predicted == sample.label;
    }
    return right;
}

/* What a head has right: of the held-out samples, of the fresh ones among them, and, where that is asked
 * for, of the replay set. */
typedef struct score {
    uint32_t right;
    uint32_t fresh;
    uint32_t recalled;
} score;

/* Of the head with these parameters and classes. */
static score score_of(tinytl_model *model, const float *parameters, uint32_t classes, int recall)
{
    const float *own = model->parameters;
    const tinytl_sample_buffer buffer = tinytl_guard_held_out(model);
    uint32_t own_classes = model->class_count;
    score counts = {0, 0, 0};
    model->parameters = parameters;
    model->class_count = classes;
    for (uint32_t place = 0; place < buffer.count; place++) {
        tinytl_replayed sample = tinytl_sample_at(&buffer, place);
        model->features = sample.features;
        if (tinytl_head_infer(model) != sample.label)
            continue;
        counts.right++;
        counts.fresh += tinytl_guard_fresh(model)[place];
    }
    model->features = NULL;
    if (recall)
        counts.recalled = count_recalled(model);
    model->parameters = own;
    model->class_count = own_classes;
    return counts;
}

static uint32_t count_fresh(const tinytl_model *model)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < model->guard_count; place++)
        count += tinytl_guard_fresh(model)[place];
    return count;
}

/* Three standard deviations above always answering the largest class. */
static int beats_chance(uint64_t held, uint64_t right, uint64_t largest)
{
    return right > largest && held * (right - largest) * (right - largest) > 9u * largest * (held - largest);
}

/* Whether more of the replay set is lost than TINYTL_GUARD_LOSS_PERCENT, and more than one sample,
 * which may be chance. */
static int loses_source(const tinytl_model *model, score present, score kept)
{
    const uint64_t limit = TINYTL_GUARD_LOSS_PERCENT * (uint64_t)model->head->replay_set_count;
    return kept.recalled > present.recalled + 1u && 100u * (uint64_t)(kept.recalled - present.recalled) > limit;
}

/* Take places out whose sample is fresh, or whose class is gone. */
static void drop(tinytl_model *model, uint32_t count, int with_fresh)
{
    const tinytl_sample_buffer buffer = tinytl_guard_held_out(model);
    uint8_t *fresh = tinytl_guard_fresh(model);
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

tinytl_guard_report tinytl_guard_compare(tinytl_model *model, const void *state)
{
    const tinytl_kept_head kept = tinytl_head_state_view(model, state);
    const tinytl_sample_buffer buffer = tinytl_guard_held_out(model);
    tinytl_guard_report report = {TINYTL_WAIT, model->guard_count, 0, 0, count_fresh(model), 0, 0};
    uint32_t largest = tinytl_sample_largest(model, &buffer, tinytl_guard_fresh(model));
    const int grown = model->class_count > model->head->class_count;
    const score present = score_of(model, model->parameters, model->class_count, grown);
    const score before = score_of(model, kept.parameters, kept.class_count, grown);
    int worse, trusted;
    report.right = present.right;
    report.fresh_right = present.fresh;
    report.kept_right = before.right;
    report.forgets = (uint32_t)loses_source(model, present, before);
    model->guard_learned = 0;
    worse = report.forgets || (report.held >= TINYTL_GUARD_LEAST && report.right < report.kept_right);
    if (worse || model->guard_doubts)
        report.verdict = TINYTL_UNDO;
    if (report.fresh < TINYTL_GUARD_LEAST || largest == report.fresh)
        return report;
    trusted = beats_chance(report.fresh, report.fresh_right, largest);
    report.verdict = trusted && !worse ? TINYTL_COMMIT : TINYTL_UNDO;
    model->guard_doubts = !trusted;
    if (!trusted)
        drop(model, model->guard_count, 1);
    memset(tinytl_guard_fresh(model), 0, model->guard_count);
    return report;
}

tinytl_error tinytl_guard_undo(tinytl_model *model, const void *state, size_t bytes)
{
    tinytl_error error = fine();
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
