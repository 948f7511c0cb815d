/* SPDX-License-Identifier: Apache-2.0
 * What changes the head by samples: TEACH, GROW. */
#include "link/commands.h"

enum { FLAG_TRACE = 1 };

/* What both commands begin with, before their own fields. */
typedef struct lesson {
    uint32_t label;
    uint32_t flags;
} lesson;

static lesson read_lesson(const uint8_t *data)
{
    return (lesson){get16(data), get16(data + 2)};
}

/* Learn the sample that was inferred; `predicted` is what the head held before. */
static tinytl_error learn(tinytl_model *model, lesson given, const uint32_t *predicted, payload *out)
{
    const tinytl_step_result result = tinytl_head_step(model, given.label);
    if (result.status)
        return refuse(result.status, given.label, model->class_count);
    put16(out, predicted ? *predicted : result.predicted);
    put16(out, 0);
    put_float(out, result.loss);
    put32(out, model->steps);
    put32(out, given.flags & FLAG_TRACE ? tinytl_head_crc32(model) : 0);
    return accept();
}

tinytl_error tinytl_command_teach(tinytl_session *session, command in, payload *out)
{
    tinytl_model *model = &session->model;
    if (in.bytes < 8)
        return refuse(TINYTL_STATUS_bad_payload, in.bytes, 8);
    const lesson given = read_lesson(in.data);
    const tinytl_error error = tinytl_session_complete(session, get32(in.data + 4), in.data + 8, in.bytes - 8u);
    if (error.status)
        return error;
    if (!model->head)
        return refuse(TINYTL_STATUS_no_head, 0, 0);
    if (given.label >= model->class_count)
        return refuse(TINYTL_STATUS_bad_label, given.label, model->class_count);
    tinytl_model_invoke(model);
    return learn(model, given, NULL, out);
}

tinytl_error tinytl_command_grow(tinytl_session *session, command in, payload *out)
{
    tinytl_model *model = &session->model;
    const uint32_t front = 4u + TINYTL_CLASS_NAME_BYTES + 4u;
    if (in.bytes < front)
        return refuse(TINYTL_STATUS_bad_payload, in.bytes, front);
    const lesson given = read_lesson(in.data);
    tinytl_error error = tinytl_session_complete(session, get32(in.data + front - 4u), in.data + front, in.bytes - front);
    if (error.status)
        return error;
    if (!model->head)
        return refuse(TINYTL_STATUS_no_head, 0, 0);
    if (given.label != model->class_count)
        return refuse(TINYTL_STATUS_bad_label, given.label, model->class_count);
    tinytl_model_invoke(model);
    const uint32_t predicted = tinytl_head_infer(model);
    error = tinytl_head_grow(model, (const char *)in.data + 4);
    return error.status ? error : learn(model, given, &predicted, out);
}
