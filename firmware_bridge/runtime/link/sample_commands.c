/* SPDX-License-Identifier: Apache-2.0
 * What happens to samples without learning: INPUT, INFER, EVALUATE; and MEASURE. */
#include "link/commands.h"

enum { MEASURE_INFERENCE, MEASURE_STEP, MEASURE_LOOP };

/* Copy a piece of a sample to its place: the graph inputs' bytes follow one another, in the graph's order. Never writes
 * past an input, whatever the offset. */
static void place(const tinytl_model *model, uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < model->header->input_count && bytes > 0; i++) {
        const uint32_t size = model->tensors[model->operands[model->header->graph_operands + i]].bytes;
        if (offset >= size) {
            offset -= size;
            continue;
        }
        const uint32_t run = bytes < size - offset ? bytes : size - offset;
        memcpy((uint8_t *)tinytl_model_input(model, i) + offset, data, run);
        data += run;
        bytes -= run;
        offset = 0;
    }
}

/* Take a piece of the sample into the model's inputs. A piece at offset 0 starts a new sample. */
static tinytl_error take(tinytl_session *session, uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    if (session->model_status != TINYTL_STATUS_ok)
        return refusal(TINYTL_STATUS_no_model, 0, 0);
    if (offset != 0 && offset != session->input_fill)
        return refusal(TINYTL_STATUS_out_of_order, offset, session->input_fill);
    if ((uint64_t)offset + bytes > session->model.input_bytes)
        return refusal(TINYTL_STATUS_bad_sample, offset + bytes, session->model.input_bytes);
    place(&session->model, offset, data, bytes);
    session->input_fill = offset + bytes;
    return fine();
}

tinytl_error tinytl_session_complete(tinytl_session *session, uint32_t offset, const uint8_t *data, uint32_t bytes)
{
    tinytl_error error = take(session, offset, data, bytes);
    if (!error.status && session->input_fill != session->model.input_bytes)
        error = refusal(TINYTL_STATUS_bad_sample, session->input_fill, session->model.input_bytes);
    session->input_fill = 0;
    return error;
}

tinytl_error tinytl_command_input(tinytl_session *session, command in, payload *out)
{
    if (in.bytes < 4)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 4);
    const tinytl_error error = take(session, get32(in.data), in.data + 4, in.bytes - 4u);
    if (!error.status)
        put32(out, session->input_fill);
    return error;
}

void tinytl_session_extract(tinytl_session *session)
{
    const tinytl_platform *platform = session->platform;
    if (!platform->extract || platform->extract(platform->context, &session->model) != 0)
        tinytl_model_invoke(&session->model);
}

look tinytl_session_look(tinytl_session *session)
{
    const look reading = {tinytl_head_confidence(&session->model), tinytl_head_drift(&session->model)};
    tinytl_watch_note(&session->watch, reading.confidence, reading.drift);
    return reading;
}

tinytl_error tinytl_command_infer(tinytl_session *session, command in, payload *out)
{
    if (in.bytes < 4)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 4);
    const tinytl_error error = tinytl_session_complete(session, get32(in.data), in.data + 4, in.bytes - 4u);
    if (error.status)
        return error;
    tinytl_session_extract(session);
    if (!session->model.head) {
        put32(out, 0);
        return fine();
    }
    const uint32_t best = tinytl_head_infer(&session->model);
    const float *logits = tinytl_head_logits(&session->model);
    if (tinytl_watch_is_due(&session->watch))
        (void)tinytl_session_look(session);
    const uint32_t room = (TINYTL_MAX_PAYLOAD - 4u) / 4u;
    const uint32_t logit_count = tinytl_head_logit_count(&session->model),
                   count = logit_count < room ? logit_count : room;
    put16(out, best);
    put16(out, count);
    for (uint32_t k = 0; k < count; k++)
        put_float(out, logits[k]);
    return fine();
}

tinytl_error tinytl_command_evaluate(tinytl_session *session, command in, payload *out)
{
    const tinytl_platform *platform = session->platform;
    tinytl_model *model = &session->model;
    if (in.bytes != 12)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 12);
    if (!platform->mailbox)
        return refusal(TINYTL_STATUS_no_mailbox, 0, 0);
    if (session->model_status != TINYTL_STATUS_ok)
        return refusal(TINYTL_STATUS_no_model, 0, 0);
    if (!model->head)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    const uint32_t samples = get32(in.data), count = get32(in.data + 4), predictions = get32(in.data + 8);
    const uint64_t samples_end = samples + (uint64_t)count * model->input_bytes,
                   predictions_end = predictions + (uint64_t)count * 2u;
    if (samples_end > platform->mailbox_bytes || predictions_end > platform->mailbox_bytes)
        return refusal(TINYTL_STATUS_bad_range, capped(samples_end > predictions_end ? samples_end : predictions_end),
                       platform->mailbox_bytes);
    session->input_fill = 0;
    for (uint32_t i = 0; i < count; i++) {
        place(model, 0, platform->mailbox + samples + i * model->input_bytes, model->input_bytes);
        tinytl_session_extract(session);
        const uint32_t best = tinytl_head_infer(model);
        platform->mailbox[predictions + 2u * i] = (uint8_t)best;
        platform->mailbox[predictions + 2u * i + 1u] = (uint8_t)(best >> 8);
    }
    put32(out, count);
    return fine();
}

/* A counted region: the marks stand directly around the work, the timer is read outside them. */
static uint32_t region_begin(const tinytl_platform *platform)
{
    const uint32_t start = platform->ticks ? platform->ticks(platform->context) : 0;
    if (platform->mark)
        platform->mark(platform->context);
    return start;
}

static void region_end(const tinytl_platform *platform, uint32_t start, payload *out)
{
    if (platform->mark)
        platform->mark(platform->context);
    put32(out, (platform->ticks ? platform->ticks(platform->context) : 0) - start);
}

/* One region an operator and one for the head. */
static void measure_inference(tinytl_session *session, payload *out)
{
    const uint32_t operators = session->model.header->operator_count, head = session->model.head != NULL;
    put32(out, operators + head);
    for (uint32_t i = 0; i < operators + head; i++) {
        const uint32_t start = region_begin(session->platform);
        if (i < operators)
            tinytl_model_invoke_range(&session->model, i, i + 1u);
        else
            (void)tinytl_head_infer(&session->model);
        region_end(session->platform, start, out);
    }
}

tinytl_error tinytl_command_measure(tinytl_session *session, command in, payload *out)
{
    const tinytl_platform *platform = session->platform;
    if (in.bytes != 8)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 8);
    const uint32_t what = in.data[0], label = get16(in.data + 2), iterations = get32(in.data + 4);
    if (what == MEASURE_LOOP && platform->count_loop) {
        put32(out, 1);
        const uint32_t start = region_begin(platform);
        if (iterations > 0)
            platform->count_loop(platform->context, iterations);
        region_end(platform, start, out);
        return fine();
    }
    if (what >= MEASURE_LOOP)
        return refusal(TINYTL_STATUS_bad_range, what, MEASURE_LOOP);
    if (session->model_status != TINYTL_STATUS_ok)
        return refusal(TINYTL_STATUS_no_model, 0, 0);
    if (session->model.header->operator_count > TINYTL_MAX_PAYLOAD / 4u - 2u)
        return refusal(TINYTL_STATUS_bad_range, session->model.header->operator_count, TINYTL_MAX_PAYLOAD / 4u - 2u);
    if (what == MEASURE_INFERENCE) {
        measure_inference(session, out);
        return fine();
    }
    if (!session->model.head)
        return refusal(TINYTL_STATUS_no_head, 0, 0);
    put32(out, 1);
    const uint32_t start = region_begin(platform);
    const tinytl_step_result result = tinytl_head_step(&session->model, label);
    region_end(platform, start, out);
    return result.status ? refusal(result.status, label, session->model.class_count) : fine();
}
