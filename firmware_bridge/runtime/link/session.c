/* SPDX-License-Identifier: Apache-2.0
 * The session: bytes to frames, frames to commands, each executed once (SPEC.md section 3). */
#include "link/cobs.h"
#include "link/commands.h"

enum { TYPE_ANSWER = 0x80, TYPE_ERROR = 0xFF, FRAME_HEADER = 8, CRC_BYTES = 4 };
enum {
#define COMMAND(number, name) TYPE_##name = number,
#include "link/commands.def"
#undef COMMAND
    TYPE_none = 0
};

typedef tinytl_error (*handler)(tinytl_session *session, command in, payload *out);

static handler find(uint8_t type)
{
    static const struct {
        uint8_t type;
        handler run;
    } table[] = {
#define COMMAND(number, name) {number, tinytl_command_##name},
#include "link/commands.def"
#undef COMMAND
    };
    for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].type == type)
            return table[i].run;
    return NULL;
}

/* The answer is built behind the room that stuffing takes, then stuffed towards the buffer's start. */
static uint8_t *answer_frame(tinytl_session *session)
{
    return session->answer + (TINYTL_WIRE_BYTES - TINYTL_FRAME_BYTES);
}

static void answer(tinytl_session *session, const uint8_t *frame, uint8_t type, const payload *out)
{
    uint8_t *reply = answer_frame(session);
    const uint32_t bytes = FRAME_HEADER + out->bytes;
    memcpy(reply, frame, FRAME_HEADER);
    reply[0] = type;
    reply[1] = TINYTL_PROTOCOL;
    set32(reply + bytes, tinytl_crc32(0, reply, bytes));
    session->answer[0] = 0;
    session->answer_bytes = 1u + tinytl_cobs_encode(reply, bytes + CRC_BYTES, session->answer + 1);
    session->answer[session->answer_bytes++] = 0;
    session->platform->send(session->platform->context, session->answer, session->answer_bytes);
}

static void answer_error(tinytl_session *session, const uint8_t *frame, tinytl_error error)
{
    payload out = {answer_frame(session) + FRAME_HEADER, 0};
    put16(&out, (uint32_t)error.status);
    put16(&out, 0);
    put32(&out, error.got);
    put32(&out, error.expected);
    answer(session, frame, TYPE_ERROR, &out);
}

static void execute(tinytl_session *session, const uint8_t *frame, uint32_t bytes)
{
    const command in = {frame + FRAME_HEADER, bytes - FRAME_HEADER};
    payload out = {answer_frame(session) + FRAME_HEADER, 0};
    const handler run = find(frame[0]);
    const tinytl_error error = run ? run(session, in, &out) : refusal(TINYTL_STATUS_bad_command, frame[0], 0);
    if (error.status)
        answer_error(session, frame, error);
    else
        answer(session, frame, (uint8_t)(TYPE_ANSWER | frame[0]), &out);
}

/* Whether a session was open before the present one. */
static int was_open(const tinytl_session *session, uint32_t number)
{
    int match = 0;
    for (uint32_t i = 0; i < sizeof session->closed / sizeof session->closed[0]; i++)
        match |= number != 0 && session->closed[i] == number;
    return match;
}

/* Open a session, or, for a late copy of the HELLO that opened the present one or one before it, do nothing. */
static void hello(tinytl_session *session, const uint8_t *frame, uint32_t bytes)
{
    const uint32_t number = get32(frame + 4);
    if ((number == session->session && session->sequence != 0) || was_open(session, number))
        return;
    if (number != session->session) {
        memmove(session->closed + 1, session->closed, sizeof session->closed - sizeof session->closed[0]);
        session->closed[0] = session->session;
    }
    session->session = number;
    session->sequence = 0;
    session->input_fill = 0;
    session->flash_bytes = 0;
    session->head_bytes = 0;
    execute(session, frame, bytes);
}

static void receive_frame(tinytl_session *session, const uint8_t *frame, uint32_t bytes)
{
    const uint32_t sequence = get16(frame + 2), number = get32(frame + 4);
    const uint32_t next = (session->sequence + 1u) & 0xFFFFu;
    if (frame[1] != TINYTL_PROTOCOL) {
        answer_error(session, frame, refusal(TINYTL_STATUS_bad_protocol, frame[1], TINYTL_PROTOCOL));
    } else if (frame[0] == TYPE_hello && sequence == 0) {
        hello(session, frame, bytes);
    } else if (session->session == 0 || number != session->session) {
        answer_error(session, frame, refusal(TINYTL_STATUS_no_session, number, session->session));
    } else if (sequence == next) {
        session->sequence = (uint16_t)sequence;
        execute(session, frame, bytes);
    } else if (sequence == session->sequence) {
        session->platform->send(session->platform->context, session->answer, session->answer_bytes);
    } else {
        answer_error(session, frame, refusal(TINYTL_STATUS_bad_sequence, sequence, next));
    }
}

/* A run of bytes between two zeros: a frame if it decodes and its checksum holds, else noise. */
static void receive_run(tinytl_session *session)
{
    const uint32_t bytes = tinytl_cobs_decode(session->wire, session->wire_fill);
    if (bytes < FRAME_HEADER + CRC_BYTES)
        return;
    if (tinytl_crc32(0, session->wire, bytes - CRC_BYTES) == get32(session->wire + bytes - CRC_BYTES))
        receive_frame(session, session->wire, bytes - CRC_BYTES);
}

void tinytl_session_receive(tinytl_session *session, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (data[i] != 0) {
            /* A run that is too long is noise: it keeps filling the last place and fails its checksum. */
            session->wire[session->wire_fill] = data[i];
            session->wire_fill += session->wire_fill + 1u < TINYTL_WIRE_BYTES;
        } else {
            if (session->wire_fill > 0)
                receive_run(session);
            session->wire_fill = 0;
        }
    }
}

void tinytl_session_init(tinytl_session *session, const tinytl_platform *platform)
{
    memset(session, 0, sizeof *session);
    session->platform = platform;
    tinytl_session_load(session);
}
