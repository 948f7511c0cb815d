/* SPDX-License-Identifier: Apache-2.0
 * What became of the source task: RECALL. The guard's decisions: CHECK, and what TEACH has it do by itself. The kept
 * head is the last saved one, read where it lies, or the factory one. */
#include "link/commands.h"

tinytl_error tinytl_session_undo(tinytl_session *session)
{
    const store_entry kept = tinytl_session_kept(session);
    const tinytl_error error = tinytl_guard_undo(&session->model, kept.sequence ? kept.payload : NULL,
                                                 kept.sequence ? tinytl_session_state_bytes(session, &kept) : 0);
    if (!error.status)
        tinytl_session_now(session, kept.sequence);
    return error;
}

tinytl_error tinytl_session_check(tinytl_session *session, tinytl_guard_report *report)
{
    const store_entry kept = tinytl_session_kept(session);
    const uintptr_t place = (uintptr_t)kept.payload;
    if (kept.sequence && place % sizeof(float) != 0)
        return refusal(TINYTL_STATUS_misaligned, (uint32_t)place, sizeof(float));
    *report = tinytl_guard_compare(&session->model, kept.sequence ? kept.payload : NULL);
    if (report->verdict == TINYTL_COMMIT)
        return tinytl_session_save(session);
    return report->verdict == TINYTL_UNDO ? tinytl_session_undo(session) : fine();
}

void tinytl_session_tell(const tinytl_session *session, const tinytl_guard_report *report, payload *out)
{
    put16(out, report->verdict | (report->forgets ? 0x100u : 0));
    put16(out, report->held);
    put16(out, report->right);
    put16(out, report->kept_right);
    put16(out, report->fresh);
    put16(out, report->fresh_right);
    put32(out, session->store_sequence);
}

tinytl_error tinytl_command_recall(tinytl_session *session, command in, payload *out)
{
    enum { ROOM = (TINYTL_MAX_PAYLOAD - 4) / 4 };
    const tinytl_error error = tinytl_session_need_head(session);
    if (in.bytes != 8)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 8);
    if (error.status)
        return error;
    const uint32_t there = session->model.head->replay_set_count, first = get32(in.data), count = get32(in.data + 4);
    if ((uint64_t)first + count > there)
        return refusal(TINYTL_STATUS_bad_range, capped((uint64_t)first + count), there);
    if (count > ROOM)
        return refusal(TINYTL_STATUS_bad_range, count, ROOM);
    put32(out, there);
    for (uint32_t place = first; place < first + count; place++) {
        const tinytl_recalled recalled = tinytl_head_recall(&session->model, place);
        put16(out, recalled.label);
        put16(out, recalled.predicted);
    }
    return fine();
}

tinytl_error tinytl_command_check(tinytl_session *session, command in, payload *out)
{
    tinytl_guard_report report;
    tinytl_error error = tinytl_session_need_head(session);
    if (in.bytes != 0)
        return refusal(TINYTL_STATUS_bad_payload, in.bytes, 0);
    if (error.status)
        return error;
    if (session->model.head->guard_capacity == 0)
        return refusal(TINYTL_STATUS_no_guard, 0, 0);
    error = tinytl_session_check(session, &report);
    if (!error.status)
        tinytl_session_tell(session, &report, out);
    return error;
}
