/* SPDX-License-Identifier: Apache-2.0
 * What changes the head by samples: TEACH, GROW; and STREAM, the place in the host's stream that they have come to. */
#include <math.h>

#include "link/commands.h"

enum { FLAG_TRACE = 1, FLAG_UNGUARDED = 2, FLAG_WRONG = 4, FLAG_UNSURE = 8 };
enum { LEARNED, HELD_OUT, DIVERGED, SKIPPED };

/* What both commands begin with, before their own fields. */
typedef struct lesson {
    uint32_t label;
    uint32_t flags;
} lesson;

/* What came of it. */
typedef struct lesson_result {
    uint32_t outcome;
    uint32_t predicted;
    float loss;       /* 0 where nothing was learned */
    look found;       /* zeros where neither asked for nor due */
    tinytl_guard_report report;
} lesson_result;

static lesson read_lesson(const uint8_t *data)
{
    return (lesson){get16(data), get16(data + 2)};
}

static int is_guarded(const tinytl_model *model, lesson given)
{
    return model->head->guard_capacity != 0 && !(given.flags & FLAG_UNGUARDED);
}

static void answer(const tinytl_session *session, lesson given, const lesson_result *result, payload *out)
{
    put16(out, result->predicted);
    put16(out, result->outcome);
    put_float(out, result->loss);
    put32(out, session->model.steps);
    put32(out, given.flags & FLAG_TRACE ? tinytl_head_crc32(&session->model) : 0);
    put_float(out, result->found.confidence);
    put_float(out, result->found.drift);
    if (result->report.verdict != TINYTL_NOT_CHECKED)
        tinytl_session_tell(session, &result->report, out);
}

/* What the head says of a sample before it learns: of those that are due to be looked at, and of those that may
 * be left out for it. */
static void look_before(tinytl_session *session, lesson given, lesson_result *result)
{
    const int due = tinytl_watch_is_due(&session->watch);
    if (!due && result->outcome != HELD_OUT && !(given.flags & (FLAG_WRONG | FLAG_UNSURE)))
        return;
    result->predicted = tinytl_head_infer(&session->model);
    if (due)
        result->found = tinytl_session_look(session);
    else
        result->found.confidence = tinytl_head_confidence(&session->model);
}

/* Whether the flags leave out a sample that the head has right already, as surely as they ask. The high byte holds the
 * probability, in 1/256. */
static int is_skipped(lesson given, const lesson_result *result)
{
    const float threshold = (float)(given.flags >> 8) / 256.0f;
    return result->predicted == given.label &&
           ((given.flags & FLAG_WRONG) || ((given.flags & FLAG_UNSURE) && result->found.confidence >= threshold));
}

/* A step that diverged is the device's to undo where there is a guard, else the host's to hear. */
static tinytl_error diverged(tinytl_session *session, lesson given, lesson_result *result)
{
    if (!is_guarded(&session->model, given))
        return refusal(TINYTL_STATUS_diverged, given.label, session->model.class_count);
    result->outcome = DIVERGED;
    result->loss = INFINITY;
    return tinytl_session_undo(session);
}

/* Learn the sample that was inferred, and check where it is time to. */
static tinytl_error learn(tinytl_session *session, lesson given, lesson_result *result)
{
    tinytl_model *model = &session->model;
    const tinytl_step_result step = tinytl_head_step(model, given.label);
    result->predicted = step.predicted;
    if (step.status == TINYTL_STATUS_diverged)
        return diverged(session, given, result);
    if (step.status)
        return refusal(step.status, given.label, model->class_count);
    result->outcome = LEARNED;
    result->loss = step.loss;
    if (!is_guarded(model, given) || ++model->guard_learned != model->head->guard_check_every)
        return fine();
    return tinytl_session_check(session, &result->report);
}

tinytl_error tinytl_command_teach(tinytl_session *session, command in, payload *out)
{
    tinytl_model *model = &session->model;
    if (in.bytes < 8)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 8);
    const lesson given = read_lesson(in.data);
    tinytl_error error = tinytl_session_complete(session, get32(in.data + 4), in.data + 8, in.bytes - 8u);
    if (error.status)
        return error;
    if (!model->head)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    if (given.label >= model->class_count)
        return refusal(TINYTL_STATUS_bad_label, given.label, model->class_count);
    session->position++; /* before the guard may save it */
    tinytl_session_extract(session);
    lesson_result result = {LEARNED, 0, 0.0f, {0.0f, 0.0f}, {TINYTL_NOT_CHECKED, 0, 0, 0, 0, 0, 0}};
    if (is_guarded(model, given) && tinytl_guard_holds_out(model, given.label))
        result.outcome = HELD_OUT;
    look_before(session, given, &result);
    if (result.outcome != HELD_OUT && is_skipped(given, &result))
        result.outcome = SKIPPED;
    if (result.outcome == LEARNED)
        error = learn(session, given, &result);
    if (!error.status)
        answer(session, given, &result, out);
    return error;
}

tinytl_error tinytl_command_grow(tinytl_session *session, command in, payload *out)
{
    tinytl_model *model = &session->model;
    const uint32_t front = 4u + TINYTL_CLASS_NAME_BYTES + 4u;
    if (in.bytes < front)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, front);
    const lesson given = read_lesson(in.data);
    tinytl_error error =
        tinytl_session_complete(session, get32(in.data + front - 4u), in.data + front, in.bytes - front);
    if (error.status)
        return error;
    if (!model->head)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    if (given.label != model->class_count)
        return refusal(TINYTL_STATUS_bad_label, given.label, model->class_count);
    tinytl_session_extract(session);
    const uint32_t predicted = tinytl_head_infer(model);
    lesson_result result = {LEARNED, 0, 0.0f, {0.0f, 0.0f}, {TINYTL_NOT_CHECKED, 0, 0, 0, 0, 0, 0}};
    if (tinytl_watch_is_due(&session->watch))
        result.found = tinytl_session_look(session);
    error = tinytl_head_grow(model, (const char *)in.data + 4);
    if (!error.status || error.status == TINYTL_STATUS_diverged)
        session->position++;
    if (!error.status)
        error = learn(session, given, &result);
    result.predicted = predicted;
    if (!error.status)
        answer(session, given, &result, out);
    return error;
}

tinytl_error tinytl_command_stream(tinytl_session *session, command in, payload *out)
{
    const tinytl_error error = tinytl_session_need_head(session);
    if (in.bytes != 0 && in.bytes != 8)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 8);
    if (error.status)
        return error;
    if (in.bytes != 0) {
        session->stream = get32(in.data);
        session->position = get32(in.data + 4);
    }
    put32(out, session->stream);
    put32(out, session->position);
    return fine();
}
