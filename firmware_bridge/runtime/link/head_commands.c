/* SPDX-License-Identifier: Apache-2.0
 * PUT_HEAD: a head's state from the host, piece by piece into the head slot that is not in use. It becomes the saved
 * and the present head once it is whole and fits the model; until then nothing has changed but that slot. */
#include "link/commands.h"

enum { FRONT_BYTES = 8, STATE_HEADER_BYTES = 16 };

static store_writer head_writer(tinytl_session *session)
{
    const store_writer writer = {session->platform, STORE_HEAD, session->flash_slot, session->flash_sequence,
                                 session->flash_next, session->flash_unit};
    return writer;
}

/* Before anything is erased: a state of another model's head is told by its first word. */
static tinytl_error begin(tinytl_session *session, command in, uint32_t bytes)
{
    store_writer writer = {session->platform, STORE_HEAD, 0, 0, 0, session->flash_unit};
    const uint32_t most = tinytl_store_capacity(session->platform, STORE_HEAD);
    const uint32_t parameters = session->model.head->parameter_count;
    if (in.bytes < FRONT_BYTES + STATE_HEADER_BYTES)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, FRONT_BYTES + STATE_HEADER_BYTES);
    if (bytes > most)
        return refusal(TINYTL_STATUS_slot_too_small, bytes, most);
    if (get32(in.data + FRONT_BYTES) != parameters)
        return refusal(TINYTL_STATUS_head_mismatch, get32(in.data + FRONT_BYTES), parameters);
    const tinytl_error error = tinytl_store_begin(&writer, session->platform, STORE_HEAD, session->store_sequence);
    session->flash_bytes = 0;
    session->flash_next = 0;
    session->flash_slot = writer.slot;
    session->flash_sequence = writer.sequence;
    session->head_bytes = error.status ? 0 : bytes;
    return error;
}

/* Check what lies in the slot, commit it and make it the present head. */
static tinytl_error finish(tinytl_session *session)
{
    const store_writer writer = head_writer(session);
    const uint8_t *state = tinytl_store_payload(&writer);
    tinytl_error error = tinytl_store_finish(&writer);
    if (!error.status)
        error = tinytl_head_state_check(&session->model, state, writer.bytes);
    if (!error.status)
        error = tinytl_store_commit(&writer, tinytl_session_owner(session));
    if (!error.status)
        error = tinytl_head_state_restore(&session->model, state, writer.bytes);
    if (error.status)
        return error;
    session->stream = 0;
    session->position = 0;
    session->store_sequence = writer.sequence;
    tinytl_session_now(session, writer.sequence);
    return error;
}

tinytl_error tinytl_command_put_head(tinytl_session *session, command in, payload *out)
{
    tinytl_error error = tinytl_session_need_head(session);
    if (error.status)
        return error;
    if (in.bytes <= FRONT_BYTES)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, FRONT_BYTES + 1);
    const uint32_t offset = get32(in.data), bytes = get32(in.data + 4), piece = in.bytes - FRONT_BYTES;
    if (offset == 0)
        error = begin(session, in, bytes);
    else if (session->head_bytes == 0)
        error = refusal(TINYTL_STATUS_not_begun, 0, 0);
    else if (offset != session->flash_next || bytes != session->head_bytes)
        error = refusal(TINYTL_STATUS_out_of_order, offset, session->flash_next);
    else
        error = fine();
    if (error.status)
        return error;
    if ((uint64_t)offset + piece > session->head_bytes)
        return refusal(TINYTL_STATUS_bad_range, capped((uint64_t)offset + piece), session->head_bytes);
    store_writer writer = head_writer(session);
    error = tinytl_store_append(&writer, in.data + FRONT_BYTES, piece);
    session->flash_next += piece;
    const int whole = session->flash_next == session->head_bytes;
    if (error.status || whole)
        session->head_bytes = 0;
    if (!error.status && whole)
        error = finish(session);
    if (error.status)
        return error;
    put32(out, session->flash_next);
    put32(out, whole ? session->store_sequence : 0);
    return error;
}
