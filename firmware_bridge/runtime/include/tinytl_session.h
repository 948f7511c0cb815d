/* SPDX-License-Identifier: Apache-2.0
 *
 * The device's side of the wire: bytes in, commands executed, bytes out (SPEC.md section 3), and the store (section 4).
 * Firmware fills in a `tinytl_platform`, calls `tinytl_session_init` once and `tinytl_session_receive` for every byte; the
 * twin does the same in memory. Nothing here knows what a UART is.
 */
#ifndef TINYTL_SESSION_H
#define TINYTL_SESSION_H

#include "tinytl.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TINYTL_MAX_PROGRAM_BYTES 32u

/* What a board gives. Every callback gets `context`. */
typedef struct tinytl_platform {
    void *context;
    const char *board_name; /* at most 23 characters */
    uint32_t clock_hz;
    uint32_t tick_hz;       /* of ticks(), 0: no timer */
    uint32_t static_bytes;  /* data + bss without arena and stack */

    uint8_t *arena; /* 16-byte aligned */
    uint32_t arena_bytes;

    /* Non-volatile memory, readable at nv_base. Slots: model A, model B (model_slot_bytes each), head A, head B
     * (head_slot_bytes each), from offset 0 on; slot sizes are multiples of the erase sectors they lie in. erase sets a whole
     * slot's range to FF; write only clears bits. Both return 0 on success.
     *
     * program_bytes: what the flash programs at once: 1, 2, 4, 8, 16 or 32 (TINYTL_MAX_PROGRAM_BYTES), 0 is 1; 8 on an STM32L4, G4 and
     * WB, 16 on an H5 and U5, 32 on an H7. Offset and length of every write are multiples of it, and between two erases no unit is
     * written twice, as flash with an error-correcting code demands. Units up to 4 share one layout of the store, larger ones take
     * 16 to 32 bytes more of each slot. After a power cut a unit may be half programmed: reading it must return (on chips whose code
     * then raises an interrupt or a fault, its handler clears the flag and returns); what is read counts for nothing, its checksum fails. */
    const uint8_t *nv_base;
    uint32_t model_slot_bytes;
    uint32_t head_slot_bytes;
    uint32_t program_bytes;
    int (*nv_erase)(void *context, uint32_t offset, uint32_t bytes);
    int (*nv_write)(void *context, uint32_t offset, const void *data, uint32_t bytes);

    /* Optional memory shared with the host (fast lane of emulated boards and of the twin); NULL and 0 where there is none. */
    uint8_t *mailbox;
    uint32_t mailbox_bytes;

    void (*send)(void *context, const uint8_t *data, uint32_t bytes);
    uint32_t (*ticks)(void *context);      /* counts up, wraps; may be NULL */
    void (*mark)(void *context);           /* boundary of a counted region; may be NULL */
    uint32_t (*stack_bytes)(void *context);/* high-water mark; may be NULL */
    void (*count_loop)(void *context, uint32_t iterations); /* 1 or more, of 3 instructions each; may be NULL */
} tinytl_platform;

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
    uint32_t flash_bytes;    /* of the transfer under way, 0: none */
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
