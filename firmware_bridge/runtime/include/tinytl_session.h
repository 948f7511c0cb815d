/* SPDX-License-Identifier: Apache-2.0
 *
 * The device's side of the wire: bytes in, commands executed, bytes out (SPEC.md section 3), and the store (section 4).
 * Firmware fills in a `tinytl_platform` (PORTING.md), calls `tinytl_session_init` once and `tinytl_session_receive` for
 * every byte; the twin does the same in memory. Nothing here knows what a UART is. */
#ifndef TINYTL_SESSION_H
#define TINYTL_SESSION_H

#include "tinytl.h"
#include "tinytl_platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TINYTL_PROTOCOL 1u
#define TINYTL_MAX_PAYLOAD 1024u
#define TINYTL_FRAME_BYTES (8u + TINYTL_MAX_PAYLOAD + 4u)
#define TINYTL_WIRE_BYTES (TINYTL_FRAME_BYTES + TINYTL_FRAME_BYTES / 254u + 3u)

typedef struct tinytl_session {
    const tinytl_platform *platform;
    tinytl_model model;
    uint16_t model_status;   /* a tinytl_status: ok where `model` is usable */
    uint16_t head_status;
    uint32_t session;        /* 0: none open */
    uint16_t sequence;       /* last executed */
    uint32_t closed[4];      /* sessions before this one, the last first: late copies of their HELLO open nothing */
    uint32_t model_sequence; /* of the loaded model in the store, 0: none */
    uint32_t store_sequence; /* of the current saved head, 0: none */
    uint32_t stream;         /* of samples that the host teaches, by the host's number, 0: none was told */
    uint32_t position;       /* samples of it that the head has taken, whatever came of them */
    tinytl_watch watch;      /* over samples that were inferred or taught since the model was loaded */
    uint32_t input_fill;     /* bytes of the sample received so far */
    uint32_t flash_bytes;    /* of the transfer of an image under way, 0: none */
    uint32_t head_bytes;     /* of that of a head's state, 0: none; there is one transfer at most */
    uint32_t flash_next;
    uint32_t flash_slot;     /* where it goes */
    uint32_t flash_sequence; /* what it becomes */
    uint8_t flash_unit[TINYTL_MAX_PROGRAM_BYTES]; /* its last bytes, until they fill a program unit */
    uint8_t flash_header[128];
    uint32_t wire_fill;
    uint8_t wire[TINYTL_WIRE_BYTES];   /* incoming COBS bytes, decoded in place */
    uint32_t answer_bytes;
    uint8_t answer[TINYTL_WIRE_BYTES]; /* the last answer as sent, repeated when asked again */
} tinytl_session;

/* Find the current model and its saved head in the store; load them. Never fails: what is wrong stands in STATUS. */
void tinytl_session_init(tinytl_session *session, const tinytl_platform *platform);
/* Feed received bytes; answers leave through platform->send. */
void tinytl_session_receive(tinytl_session *session, const uint8_t *data, uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
