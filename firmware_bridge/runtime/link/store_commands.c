/* SPDX-License-Identifier: Apache-2.0
 * What outlives a power cut: FLASH_BEGIN, FLASH_DATA, FLASH_COMMIT, SAVE, ROLLBACK, and loading at start. PUT_HEAD is
 * in head_commands.c. */
#include "link/commands.h"

enum { HEAD_SAVED, HEAD_FACTORY, HEAD_UNREADABLE };
enum { TO_SAVED, TO_PREVIOUS, TO_FACTORY };
enum { PLACE_BYTES = 8 };

/* Owner of the heads of a bundle that lies in the store under a sequence. */
static uint32_t owner_of(const uint8_t *bundle_id, uint32_t sequence)
{
    uint8_t number[4];
    set32(number, sequence);
    return tinytl_crc32(tinytl_crc32(0, bundle_id, 16), number, sizeof number);
}

uint32_t tinytl_session_owner(const tinytl_session *session)
{
    return owner_of(session->model.header->bundle_id, session->model_sequence);
}

/* Whether a saved head tells its place in a stream: 8 bytes behind its state. */
static int has_place(const tinytl_session *session, const store_entry *entry)
{
    const uint32_t state = tinytl_head_state_within(&session->model, entry->bytes);
    return state != 0 && entry->bytes - state == PLACE_BYTES;
}

uint32_t tinytl_session_state_bytes(const tinytl_session *session, const store_entry *entry)
{
    return entry->bytes - (has_place(session, entry) ? PLACE_BYTES : 0u);
}

static void set_place(tinytl_session *session, uint32_t stream, uint32_t position)
{
    session->stream = stream;
    session->position = position;
}

/* A saved head that is the loaded model's and can be restored; sequence 0: there is none. */
static store_entry fitting(const tinytl_session *session, int older)
{
    store_entry entry = tinytl_store_find(session->platform, STORE_HEAD, older);
    if (entry.sequence &&
        (entry.owner != tinytl_session_owner(session) ||
         tinytl_head_state_check(&session->model, entry.payload, tinytl_session_state_bytes(session, &entry)).status))
        entry.sequence = 0;
    return entry;
}

store_entry tinytl_session_kept(const tinytl_session *session)
{
    const store_entry newest = fitting(session, 0);
    return newest.sequence ? newest : fitting(session, 1);
}

/* Restore a saved head and its place in a stream. Returns its sequence, 0 if it does not exist. */
static uint32_t restore(tinytl_session *session, const store_entry *entry)
{
    if (!entry->sequence)
        return 0;
    const uint32_t bytes = tinytl_session_state_bytes(session, entry);
    if (tinytl_head_state_restore(&session->model, entry->payload, bytes).status)
        return 0;
    const uint8_t *place = entry->payload + bytes;
    set_place(session, has_place(session, entry) ? get32(place) : 0, has_place(session, entry) ? get32(place + 4) : 0);
    return entry->sequence;
}

void tinytl_session_now(tinytl_session *session, uint32_t sequence)
{
    session->head_status = sequence ? HEAD_SAVED : HEAD_FACTORY;
}

static void load_head(tinytl_session *session)
{
    const store_entry saved = tinytl_store_find(session->platform, STORE_HEAD, 0);
    session->head_status = HEAD_FACTORY;
    session->store_sequence = 0;
    set_place(session, 0, 0);
    if (!session->model.head)
        return;
    const store_entry kept = tinytl_session_kept(session);
    session->store_sequence = restore(session, &kept);
    if (session->store_sequence)
        session->head_status = HEAD_SAVED;
    else if (saved.sequence && saved.owner == tinytl_session_owner(session))
        session->head_status = HEAD_UNREADABLE;
}

void tinytl_session_load(tinytl_session *session)
{
    const tinytl_platform *platform = session->platform;
    session->model_status = TINYTL_STATUS_no_model;
    session->head_status = HEAD_FACTORY;
    session->watch = (tinytl_watch){0, 0, 0.0f, 0.0f};
    for (int older = 0; older < 2 && session->model_status != TINYTL_STATUS_ok; older++) {
        const store_entry entry = tinytl_store_find(platform, STORE_MODEL, older);
        if (!entry.sequence)
            continue;
        tinytl_error error =
            tinytl_model_open(&session->model, entry.payload, entry.bytes, platform->arena, platform->arena_bytes);
        if (!error.status && session->model.header->head)
            error = tinytl_head_open(&session->model);
        session->model_status = (uint16_t)error.status;
        session->model_sequence = entry.sequence;
    }
    if (session->model_status == TINYTL_STATUS_ok)
        load_head(session);
}

static store_writer flash_writer(tinytl_session *session)
{
    const store_writer writer = {session->platform, STORE_MODEL, session->flash_slot,
                                 session->flash_sequence, session->flash_next, session->flash_unit};
    return writer;
}

tinytl_error tinytl_command_flash_begin(tinytl_session *session, command in, payload *out)
{
    const tinytl_platform *platform = session->platform;
    tinytl_image_header header;
    store_writer writer = {platform, STORE_MODEL, 0, 0, 0, session->flash_unit};
    const uint32_t running = session->model_status == TINYTL_STATUS_ok ? session->model_sequence : 0;
    (void)out;
    if (in.bytes != sizeof header)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, sizeof header);
    memcpy(&header, in.data, sizeof header);
    tinytl_error error = tinytl_image_header_check(&header, platform->arena_bytes,
                                                   tinytl_store_capacity(platform, STORE_MODEL), tinytl_family_mask());
    if (!error.status)
        error = tinytl_store_begin(&writer, platform, STORE_MODEL, running);
    /* A model that has become unreadable no longer tells its sequence; taken again, the heads that it left
     * behind would come back. */
    while (tinytl_store_names_owner(platform, owner_of(header.bundle_id, writer.sequence)))
        writer.sequence = tinytl_store_after(writer.sequence);
    session->flash_bytes = error.status ? 0 : header.image_bytes;
    session->head_bytes = 0;
    session->flash_next = 0;
    session->flash_slot = writer.slot;
    session->flash_sequence = writer.sequence;
    memcpy(session->flash_header, in.data, sizeof header);
    return error;
}

tinytl_error tinytl_command_flash_data(tinytl_session *session, command in, payload *out)
{
    if (session->flash_bytes == 0)
        return refusal(TINYTL_STATUS_not_begun, 0, 0);
    if (in.bytes < 5)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 5);
    const uint32_t offset = get32(in.data), bytes = in.bytes - 4u;
    if (offset != session->flash_next)
        return refusal(TINYTL_STATUS_out_of_order, offset, session->flash_next);
    if ((uint64_t)offset + bytes > session->flash_bytes)
        return refusal(TINYTL_STATUS_bad_range, capped((uint64_t)offset + bytes), session->flash_bytes);
    store_writer writer = flash_writer(session);
    const tinytl_error error = tinytl_store_append(&writer, in.data + 4, bytes);
    if (error.status) {
        session->flash_bytes = 0;
        return error;
    }
    session->flash_next += bytes;
    put32(out, session->flash_next);
    return fine();
}

tinytl_error tinytl_command_flash_commit(tinytl_session *session, command in, payload *out)
{
    (void)out;
    if (in.bytes != 0)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 0);
    if (session->flash_bytes == 0)
        return refusal(TINYTL_STATUS_not_begun, 0, 0);
    if (session->flash_next != session->flash_bytes)
        return refusal(TINYTL_STATUS_bad_length, session->flash_next, session->flash_bytes);
    const store_writer writer = flash_writer(session);
    const uint8_t *image = tinytl_store_payload(&writer);
    const uint32_t bytes = session->flash_bytes;
    session->flash_bytes = 0;
    tinytl_error error = tinytl_store_finish(&writer);
    if (error.status)
        return error;
    if (memcmp(image, session->flash_header, sizeof session->flash_header) != 0)
        return refusal(TINYTL_STATUS_bad_record, 0, 0);
    error = tinytl_image_check(image, bytes, tinytl_family_mask());
    if (!error.status)
        error = tinytl_head_check(image);
    if (!error.status)
        error = tinytl_store_commit(&writer, tinytl_crc32(0, session->flash_header + 16, 16));
    if (!error.status) {
        session->input_fill = 0;
        tinytl_session_load(session);
        error = refusal((tinytl_status)session->model_status, 0, 0);
    }
    return error;
}

tinytl_error tinytl_session_need_head(const tinytl_session *session)
{
    if (session->model_status != TINYTL_STATUS_ok)
        return refusal(TINYTL_STATUS_no_model, 0, 0);
    return session->model.head ? fine() : refusal(TINYTL_STATUS_no_head, 0, 0);
}

tinytl_error tinytl_session_save(tinytl_session *session)
{
    uint8_t unit[TINYTL_MAX_PROGRAM_BYTES];
    store_writer writer = {session->platform, STORE_HEAD, 0, 0, 0, unit};
    uint32_t header[4];
    uint8_t place[PLACE_BYTES];
    const uint32_t bytes = tinytl_head_state_bytes(&session->model) + PLACE_BYTES;
    if (bytes > tinytl_store_capacity(session->platform, STORE_HEAD))
        return refusal(TINYTL_STATUS_slot_too_small, bytes, tinytl_store_capacity(session->platform, STORE_HEAD));
    session->head_bytes = 0; /* what is being put there lies in the slot that this writes to */
    set32(place, session->stream);
    set32(place + 4, session->position);
    tinytl_error error = tinytl_store_begin(&writer, session->platform, STORE_HEAD, session->store_sequence);
    for (uint32_t number = 0; number < TINYTL_HEAD_STATE_PARTS && !error.status; number++) {
        const tinytl_head_part part = tinytl_head_state_part(&session->model, number, header);
        error = tinytl_store_append(&writer, part.data, part.bytes);
    }
    if (!error.status)
        error = tinytl_store_append(&writer, place, sizeof place);
    if (!error.status)
        error = tinytl_store_finish(&writer);
    if (!error.status)
        error = tinytl_store_commit(&writer, tinytl_session_owner(session));
    if (error.status)
        return error;
    session->store_sequence = writer.sequence;
    session->head_status = HEAD_SAVED;
    return error;
}

tinytl_error tinytl_command_save(tinytl_session *session, command in, payload *out)
{
    tinytl_error error = tinytl_session_need_head(session);
    if (in.bytes != 0)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 0);
    if (!error.status)
        error = tinytl_session_save(session);
    if (!error.status)
        put32(out, session->store_sequence);
    return error;
}

tinytl_error tinytl_command_rollback(tinytl_session *session, command in, payload *out)
{
    const tinytl_error error = tinytl_session_need_head(session);
    if (in.bytes != 1)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 1);
    if (error.status)
        return error;
    if (in.data[0] > TO_FACTORY)
        return refusal(TINYTL_STATUS_bad_range, in.data[0], TO_FACTORY);
    if (in.data[0] == TO_FACTORY) {
        tinytl_head_reset(&session->model);
        set_place(session, 0, 0);
        tinytl_session_now(session, 0);
        put32(out, 0);
        return fine();
    }
    const store_entry entry = fitting(session, in.data[0] == TO_PREVIOUS);
    const uint32_t sequence = restore(session, &entry);
    if (!sequence)
        return refusal(TINYTL_STATUS_nothing_saved, 0, 0);
    tinytl_session_now(session, sequence);
    put32(out, sequence);
    return fine();
}
