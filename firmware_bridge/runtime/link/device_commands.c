/* SPDX-License-Identifier: Apache-2.0
 * What the device is and holds: HELLO, STATUS, READ. */
#include "link/commands.h"

enum { BOARD_NAME_BYTES = 24 };
enum { READ_METADATA, READ_OUTPUT, READ_HEAD, READ_HEADER, READ_INPUT, READ_TENSOR, READ_LOGITS, READ_CLASS_NAMES };

tinytl_error tinytl_command_hello(tinytl_session *session, command in, payload *out)
{
    const tinytl_platform *platform = session->platform;
    uint8_t name[BOARD_NAME_BYTES] = {0};
    if (in.bytes != 0)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 0);
    for (uint32_t i = 0; i + 1 < sizeof name && platform->board_name[i]; i++)
        name[i] = (uint8_t)platform->board_name[i];
    put16(out, TINYTL_PROTOCOL);
    put16(out, tinytl_family_mask());
    put32(out, TINYTL_VERSION);
    put32(out, platform->arena_bytes);
    put32(out, platform->model_slot_bytes);
    put32(out, platform->head_slot_bytes);
    put32(out, TINYTL_MAX_PAYLOAD);
    put32(out, platform->mailbox_bytes);
    put32(out, platform->clock_hz);
    put32(out, platform->tick_hz);
    put_bytes(out, name, sizeof name);
    put16(out, TINYTL_IMAGE_FORMAT);
    put16(out, tinytl_store_program_bytes(platform));
    return fine();
}

tinytl_error tinytl_command_status(tinytl_session *session, command in, payload *out)
{
    static const uint8_t nobody[16] = {0};
    const tinytl_platform *platform = session->platform;
    const int loaded = session->model_status == TINYTL_STATUS_ok;
    const tinytl_image_header *header = loaded ? session->model.header : NULL;
    const int head = loaded && session->model.head;
    if (in.bytes != 0)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 0);
    put16(out, session->model_status);
    put16(out, session->head_status);
    put_bytes(out, loaded ? header->bundle_id : nobody, sizeof nobody);
    put32(out, loaded ? session->model.input_bytes : 0);
    put32(out, loaded ? header->image_bytes : 0);
    put32(out, loaded ? header->arena_bytes : 0);
    put32(out, head ? session->model.steps : 0);
    put32(out, session->store_sequence);
    put32(out, head ? tinytl_head_crc32(&session->model) : 0);
    put32(out, head ? session->model.replay_count : 0);
    put32(out, platform->stack_bytes ? platform->stack_bytes(platform->context) : 0);
    put32(out, platform->static_bytes);
    put16(out, head ? session->model.class_count : 0);
    put16(out, head ? session->model.head->class_capacity : 0);
    put16(out, head ? session->model.guard_count : 0);
    put16(out, head ? session->model.head->guard_capacity : 0);
    put32(out, session->watch.looked);
    put_float(out, session->watch.confidence);
    put_float(out, session->watch.drift);
    return fine();
}

/* Address and size of what READ names; size 0 if there is no such thing. */
static const uint8_t *readable(const tinytl_session *session, uint8_t what, uint8_t index, uint32_t *bytes)
{
    const tinytl_model *model = &session->model;
    const tinytl_image_header *header = model->header;
    const uint16_t *graph = model->operands + header->graph_operands;
    uint32_t number = index;
    *bytes = 0;
    if (what == READ_METADATA) {
        *bytes = header->metadata_bytes;
        return model->image + header->metadata;
    }
    if (what == READ_HEADER) {
        *bytes = sizeof *header;
        return model->image;
    }
    if (what == READ_HEAD) {
        *bytes = model->head ? model->head->parameter_count * 4u : 0;
        return model->head ? (const uint8_t *)tinytl_head_parameters(model) : NULL;
    }
    if (what == READ_LOGITS) {
        *bytes = model->head ? model->class_count * 4u : 0;
        return model->head ? (const uint8_t *)tinytl_head_logits(model) : NULL;
    }
    if (what == READ_CLASS_NAMES) {
        *bytes = model->head ? (model->class_count - model->head->class_count) * TINYTL_CLASS_NAME_BYTES : 0;
        return model->head ? (const uint8_t *)tinytl_head_class_name(model, model->head->class_count) : NULL;
    }
    if ((what == READ_OUTPUT && index >= header->output_count) ||
        (what == READ_INPUT && index >= header->input_count) || what > READ_TENSOR)
        return NULL;
    if (what != READ_TENSOR)
        number = graph[what == READ_OUTPUT ? header->input_count + index : index];
    if (number >= header->tensor_count || model->tensors[number].region != 0)
        return NULL;
    *bytes = model->tensors[number].bytes;
    return tinytl_model_tensor(model, number);
}

tinytl_error tinytl_command_read(tinytl_session *session, command in, payload *out)
{
    if (in.bytes != 8)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 8);
    if (session->model_status != TINYTL_STATUS_ok)
        return refusal(TINYTL_STATUS_no_model, 0, 0);
    uint32_t available = 0;
    const uint8_t *data = readable(session, in.data[0], in.data[1], &available);
    const uint32_t bytes = get16(in.data + 2), offset = get32(in.data + 4);
    if ((uint64_t)offset + bytes > available)
        return refusal(TINYTL_STATUS_bad_range, capped((uint64_t)offset + bytes), available);
    if (bytes > TINYTL_MAX_PAYLOAD)
        return refusal(TINYTL_STATUS_bad_range, bytes, TINYTL_MAX_PAYLOAD);
    if (bytes != 0) /* else data may be NULL */
        put_bytes(out, data + offset, bytes);
    return fine();
}
